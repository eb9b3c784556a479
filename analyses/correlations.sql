-- Which requests and accidents go together, once the usual level of the time is
-- subtracted from both? The pairs at their strongest lag; about 5 % of those that
-- survived are there by chance, and none shows that one causes the other.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
),

pairs as (
    select
        correlations.*,
        count(*) over () as n_pairs,
        sum(case when correlations.has_survived then 1 else 0 end) over ()
            as n_survived
    from reports.rpt_event_correlations as correlations
    inner join latest_vintage on correlations.vintage = latest_vintage.vintage
    -- With too few periods there is no interval.
    where correlations.is_strongest_lag and correlations.correlation_low is not null
)

select
    comparison,
    request_series,
    accident_series,
    period,
    lag_periods,
    n_periods,
    round(naive_correlation, 2) as naive_correlation,
    round(correlation, 2) as adjusted_correlation,
    round(correlation_low, 2) as adjusted_low,
    round(correlation_high, 2) as adjusted_high,
    round(q_value, 3) as q_value,
    n_pairs,
    n_survived,
    has_survived
from pairs
order by
    q_value asc,
    abs(correlation) desc,
    request_series asc,
    accident_series asc,
    period asc
limit 20
