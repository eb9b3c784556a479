-- How many rows were delivered, were new, and were refused, by feed? Rows that were
-- landed before are not counted again; rows missing from a delivery are in the tables
-- of versions.
with rejected as (
    select
        feed,
        max(reason) as a_reason
    from marts.fct_rejected_rows
    group by feed
)

select
    deliveries.feed,
    count(*) as n_deliveries,
    sum(deliveries.n_new) as n_new,
    sum(deliveries.n_known) as n_known,
    sum(deliveries.n_rejected) as n_rejected,
    max(rejected.a_reason) as a_reason,
    max(deliveries.as_of_at) as latest_as_of_at
from marts.fct_deliveries as deliveries
left join rejected on deliveries.feed = rejected.feed
where deliveries.status = 'landed'
group by deliveries.feed
order by deliveries.feed
