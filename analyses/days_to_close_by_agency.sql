-- How many days does it take to close a request, by agency? Open requests count as long
-- as they were watched; a median of closed ones alone would be too low.
select
    dimension_value as agency,
    n_requests,
    n_open,
    median_days_to_close,
    median_days_to_close_low,
    median_days_to_close_high,
    median_days_of_closed
from reports.rpt_time_to_close
where dimension = 'agency'
order by n_requests desc, dimension_value asc
limit 10
