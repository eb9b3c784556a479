{#-
    The last delivery, of whatever chain, that held a row which has gone: a query, to be the
    whole of a CTE, for window_changes(). It reads what chain_changes() gives, the rows'
    stays by chain_stays(), and the feed's deliveries, and gives one row per departure. What
    comes between and is about other dates is none.
-#}
{% macro chain_last_holders(changes, stays, deliveries) -%}
-- For each place and chain, the last delivery of that chain before.
with chains_before as (
    select
        deliveries.series,
        deliveries.place,
        chains.chain_number,
        max(
            case
                when deliveries.chain_number = chains.chain_number then deliveries.place
            end
        ) over (
            partition by deliveries.series, chains.chain_number
            order by deliveries.place
            rows between unbounded preceding and 1 preceding
        ) as last_place
    from {{ deliveries }} as deliveries
    inner join (
        select distinct
            series,
            chain_number
        from {{ deliveries }} as deliveries
    ) as chains
        on deliveries.series = chains.series
)

select
    chained_changes._row_hash,
    chained_changes._copy,
    chained_changes.series,
    chained_changes.place,
    max(chains_before.last_place) as last_place
from {{ changes }} as chained_changes
inner join {{ stays }} as chain_stays
    on
        chained_changes._row_hash = chain_stays._row_hash
        and chained_changes._copy = chain_stays._copy
        and chained_changes.series = chain_stays.series
        and chained_changes.place > chain_stays.came_place
inner join chains_before
    on
        chain_stays.series = chains_before.series
        and chain_stays.chain_number = chains_before.chain_number
        and least(chain_stays.left_place, chained_changes.place)
        = chains_before.place
where chained_changes.change = '-' and chain_stays.change = '+'
group by
    chained_changes._row_hash,
    chained_changes._copy,
    chained_changes.series,
    chained_changes.place
{%- endmacro %}
