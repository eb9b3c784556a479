select
    calendar_date, n_open, n_open_up_to_7_days, n_open_8_to_30_days,
    n_open_31_to_90_days, n_open_over_90_days
from rpt_open_requests
where
    calendar_date = last_day(calendar_date)
    or calendar_date = (select max(calendar_date) from rpt_open_requests)
order by calendar_date
