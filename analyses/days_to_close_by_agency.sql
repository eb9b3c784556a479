-- How many days does it take to close a request, by agency? Requests still open have no
-- days yet, so their share stands beside the median, which is too low where it is high.
select
    agency,
    count(*) as n_requests,
    median(days_to_close) as median_days_to_close,
    round(avg(case when is_open then 1.0 else 0.0 end), 3) as open_share
from marts.fct_service_requests
where record_state <> 'withdrawn'
group by agency
order by n_requests desc, agency asc
limit 10
