{#-
    The state of each raw row of a window feed in successive deliveries: a query, to be the
    whole of a CTE. It reads what window_spells() reads, and gives one row per raw row and
    delivery that ends or begins a stay of it, by `change`.
    The last delivery that covers a date, or contains a row, decides whether it is there.
    A row goes with the first delivery that covers its date and lacks it: in its own chain
    that is a change that presence has; of a delivery that follows upon one which covers
    other dates (a run start) it is found here. Where all deliveries of a series cover the
    same, the changes are those of presence.
    Usage: row_changes as (
        {{ window_changes('versions', 'presences', 'deliveries') }}
    )
-#}
{% macro window_changes(versions, presences, deliveries) -%}
with row_deltas as (
    select
        versions.identity_key,
        versions._row_hash,
        versions._copy,
        versions.window_date,
        versions.set_aside_reason is null as is_readable,
        deliveries.series,
        deliveries.chain_number,
        deliveries.place,
        coalesce(deliveries.has_other_chains, false) as has_other_chains,
        coalesce(
            versions.window_date >= deliveries.window_start
            and versions.window_date <= deliveries.covers_to_date,
            true
        ) as is_covered,
        presences.change
    from {{ versions }} as versions
    inner join {{ presences }} as presences
        on
            versions._row_hash = presences._row_hash
            and versions._copy = presences._copy
    inner join {{ deliveries }} as deliveries
        on presences._delivery_seq = deliveries.delivery_seq
),

-- What several chains speak of.
chain_deltas as (
    select * from row_deltas
    where has_other_chains
),

chain_stays as (
    {{ chain_stays('chain_deltas') }}
),

chained_changes as (
    {{ chain_changes('chain_deltas', 'chain_stays', deliveries) }}
),

last_holders as (
    {{ chain_last_holders('chained_changes', 'chain_stays', deliveries) }}
),

changes as (
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        place,
        change,
        false as is_of_several_chains
    from row_deltas
    where not has_other_chains
    union all
    select
        identity_key,
        _row_hash,
        _copy,
        window_date,
        is_readable,
        series,
        place,
        change,
        is_of_several_chains
    from chained_changes
)

select
    changes.identity_key,
    changes._row_hash,
    changes._copy,
    changes.is_readable,
    changes.series,
    changes.place,
    deliveries.as_of,
    coalesce(holders.as_of, deliveries.previous_as_of) as last_held_at,
    -- Deliveries without rejects are counted by chain; what several chains speak of is
    -- taken as if none had any.
    case
        when changes.is_of_several_chains then changes.place
        else deliveries.n_clean_before
    end as n_clean_before,
    changes.change,
    case
        when deliveries.is_provisional then 'in_doubt'
        when
            changes.window_date < deliveries.window_start
            or changes.window_date > deliveries.covers_to_date
            then 'aged_out'
        else 'withdrawn'
    end as left_as
from changes
inner join {{ deliveries }} as deliveries
    on
        changes.series = deliveries.series
        and changes.place = deliveries.place
left join last_holders
    on
        changes._row_hash = last_holders._row_hash
        and changes._copy = last_holders._copy
        and changes.series = last_holders.series
        and changes.place = last_holders.place
left join {{ deliveries }} as holders
    on
        last_holders.series = holders.series
        and last_holders.last_place = holders.place
{%- endmacro %}
