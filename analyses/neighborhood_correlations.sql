-- Do neighborhoods with more requests have more accidents, and does that remain once
-- residents and area are taken into account? Only requests with a neighborhood;
-- streets, jobs and visitors are not taken into account, and a finding about places
-- need not hold for people.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
)

select
    correlations.request_series,
    correlations.n_neighborhoods,
    correlations.n_days,
    correlations.n_requests,
    round(correlations.requests_located_share, 2) as located_share,
    round(correlations.naive_correlation, 2) as naive_correlation,
    round(correlations.rank_correlation, 2) as rank_correlation,
    round(correlations.rate_correlation, 2) as rate_correlation,
    round(correlations.partial_correlation, 2) as partial_correlation,
    round(correlations.partial_correlation_low, 2) as partial_low,
    round(correlations.partial_correlation_high, 2) as partial_high,
    round(correlations.effective_n, 1) as effective_n,
    round(correlations.p_value, 3) as p_value,
    round(correlations.q_value, 3) as q_value,
    correlations.n_tests,
    correlations.has_survived
from reports.rpt_neighborhood_correlations as correlations
inner join latest_vintage on correlations.vintage = latest_vintage.vintage
order by
    case correlations.request_series when 'All' then 0 else 1 end asc,
    correlations.q_value asc,
    correlations.request_series asc
limit 20
