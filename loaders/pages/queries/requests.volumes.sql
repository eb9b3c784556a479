select
    month_start_date as month, n_requests, n_closes, is_partial_month,
    is_suppressed
from rpt_request_volumes
where dimension = 'overall'
order by month_start_date
