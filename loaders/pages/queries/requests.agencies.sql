select
    dimension_value as agency,
    arg_max(n_requests, month_start_date) as n_last_month,
    arg_max(is_suppressed, month_start_date) as is_suppressed,
    arg_max(first_call_share, month_start_date) as first_call_share,
    list(n_requests order by month_start_date) as n_requests_by_month
from rpt_request_volumes
where dimension = 'agency' and not is_partial_month
group by dimension_value
order by n_last_month desc nulls last, agency
