{#-
    The CTEs that give each raw row of a window feed its one fate. They read the CTEs
    - versions: all versions of the identities in question, with identity_key,
      event_date, set_aside_reason and is_identified (the source itself tells the
      identity: a second row of it is a duplicate. Else equal identities all count);
    - presences: the feed's presence changes; deliveries: its deliveries in order.
    The current version of an identity are its rows in the last delivery that held any.
    A row set aside supersedes nothing: the last readable version stands.
    Usage: with versions as (...), presences as (...), deliveries as (...),
    {{ window_row_fates() }} select * from fates
-#}
{% macro window_row_fates() -%}
last_changes as (
    select
        versions._row_hash,
        versions._copy,
        max(deliveries.place) as place,
        max_by(deliveries.series, deliveries.place) as series,
        max_by(presences.change, deliveries.place) as change
    from versions
    inner join presences
        on
            versions._row_hash = presences._row_hash
            and versions._copy = presences._copy
    inner join deliveries
        on presences._delivery_seq = deliveries.delivery_seq
    group by versions._row_hash, versions._copy
),

-- The delivery that was the first without the row; none if it is still there.
departures as (
    select
        versions._row_hash,
        versions._copy,
        versions.identity_key,
        versions.set_aside_reason,
        versions.is_identified,
        last_changes.series,
        deliveries.place as left_place,
        last_deliveries.as_of as last_held_at,
        case
            when coalesce(deliveries.is_provisional, true) then 'current'
            when versions.event_date < deliveries.window_start then 'aged_out'
            else 'withdrawn'
        end as row_state
    from versions
    inner join last_changes
        on
            versions._row_hash = last_changes._row_hash
            and versions._copy = last_changes._copy
    left join deliveries
        on
            last_changes.series = deliveries.series
            and last_changes.place = deliveries.place
            and last_changes.change = '-'
    left join deliveries as last_deliveries
        on
            deliveries.series = last_deliveries.series
            and deliveries.place = last_deliveries.next_place
),

ranked as (
    select
        *,
        dense_rank() over (
            partition by identity_key, set_aside_reason is null
            order by left_place desc nulls first
        ) as recency_rank,
        row_number() over (
            partition by identity_key, set_aside_reason is null
            order by left_place desc nulls first, _row_hash, _copy
        ) as row_rank,
        count(*) over (
            partition by identity_key, set_aside_reason is null, left_place
        ) as n_rows_at_once,
        count(case when row_state = 'current' then 1 end) over (
            partition by identity_key
        ) > 0 as is_identity_held
    from departures
),

decided as (
    select
        _row_hash,
        _copy,
        case
            when set_aside_reason is not null then 'set_aside'
            when recency_rank > 1 then 'superseded'
            when is_identified and row_rank > 1 then 'duplicate'
            else 'current_version'
        end as fate,
        case when is_identity_held then 'current' else row_state end as record_state,
        last_held_at,
        cast(row_rank as integer) as row_rank,
        cast(n_rows_at_once as integer) as n_rows_at_once
    from ranked
),

fates as (
    select
        versions.*,
        decided.fate,
        decided.record_state,
        decided.last_held_at,
        decided.row_rank,
        decided.n_rows_at_once
    from versions
    inner join decided
        on
            versions._row_hash = decided._row_hash
            and versions._copy = decided._copy
)
{%- endmacro %}
