select
    calendar_date,
    n_open,
    n_open / nullif(lag(n_open, 28) over days, 0) - 1 as change_share,
    list(n_open) over (days rows between 89 preceding and current row)
        as n_open_by_day
from rpt_open_requests
window days as (order by calendar_date)
qualify row_number() over (order by calendar_date desc) = 1
