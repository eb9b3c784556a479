-- Is there a season in what people ask the city for? Complete months only; requests are
-- counted in their own month, closes in theirs.
select
    month_start_date,
    n_requests,
    n_closes,
    round(closes_per_request, 2) as closes_per_request,
    round(100 * first_call_share, 1) as first_call_percent,
    round(100 * closed_at_once_share, 1) as closed_at_once_percent
from reports.rpt_request_volumes
where dimension = 'overall' and not is_partial_month
order by month_start_date
