-- How fresh is each feed, and which share of it has which fault? Freshness is judged by
-- the feed's own rhythm, measured from the newest delivery of any feed, not from today.
select
    feed,
    freshness,
    cast(last_as_of_at as date) as last_as_of_date,
    round(days_since_last_as_of, 1) as days_behind,
    round(median_days_between, 1) as median_days_between,
    n_records,
    round(100 * rejected_share, 3) as rejected_percent,
    round(100 * set_aside_share, 3) as set_aside_percent,
    round(100 * without_neighborhood_share, 1) as without_neighborhood_percent,
    n_open_held
from reports.rpt_trust
order by feed
