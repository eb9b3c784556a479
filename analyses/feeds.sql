-- Which feeds are there, and what came of them? Another is one entry in
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
