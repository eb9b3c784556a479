-- Which feeds are there, and how many facts do they give? Another one is one entry in
-- loaders/feeds.yml and one staging model; see docs/adding_a_feed.md.
select
    feed,
    delivery_mode,
    n_landed as n_deliveries,
    n_records,
    n_facts,
    has_events,
    has_places
from marts.dim_feeds
order by feed
