{#-
    Each raw row of a window feed with its one fate: a query, to be the whole of a CTE. It
    reads what window_spells() reads, and of `versions` is_identified too: the source itself
    tells the identity, so that a second row of it is a duplicate, if it agrees in the
    columns `agreeing`; rows that do not are not one event, whatever their ids say, and all
    count, as equal identities do that the source does not tell.
    The current version of an identity are its rows in the last delivery that held any.
    A row set aside supersedes nothing: the last readable version stands.
    Columns of deliveries in `said_by_file` are those of the last file that held the row.
    Usage: fates as (
        {{ window_row_fates('versions', 'presences', 'deliveries') }}
    )
-#}
{% macro window_row_fates(versions, presences, deliveries, agreeing=[], said_by_file=[]) -%}
{%- set alike = (
    ['identity_key', 'set_aside_reason is null', 'left_place'] + agreeing
) | join(', ') -%}
with spells as (
    {{ window_spells(versions, presences, deliveries) }}
),

last_spells as (
    select
        _row_hash,
        _copy,
        max(came_place) as came_place,
        max(case when arrived_as = 'reinstated' then 1 else 0 end) as n_reinstatements
    from spells
    group by _row_hash, _copy
),

departures as (
    select
        versions._row_hash,
        versions._copy,
        versions.identity_key,
        versions.is_identified,
        versions.set_aside_reason,
        {% for column in agreeing %}
            versions.{{ column }},
        {% endfor %}
        spells.series,
        spells.left_place,
        spells.left_at,
        spells.last_held_at,
        last_spells.n_reinstatements,
        case
            when spells.left_as in ('aged_out', 'withdrawn') then spells.left_as
            else 'current'
        end as row_state
    from {{ versions }} as versions
    inner join last_spells
        on
            versions._row_hash = last_spells._row_hash
            and versions._copy = last_spells._copy
    inner join spells
        on
            last_spells._row_hash = spells._row_hash
            and last_spells._copy = spells._copy
            and last_spells.came_place = spells.came_place
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
        row_number() over (
            partition by {{ alike }}
            order by _row_hash, _copy
        ) as alike_rank,
        count(*) over (partition by {{ alike }}) as n_rows_alike,
        max(n_reinstatements) over (
            partition by identity_key, set_aside_reason is null
        ) > 0 as was_reinstated,
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
            when is_identified and alike_rank > 1 then 'duplicate'
            else 'current_version'
        end as fate,
        case when is_identity_held then 'current' else row_state end as record_state,
        cast(row_rank as integer) as row_rank,
        cast(n_rows_at_once as integer) as n_rows_at_once,
        cast(n_rows_alike as integer) as n_rows_alike,
        cast(
            count(case when not is_identified or alike_rank = 1 then 1 end) over (
                partition by identity_key, set_aside_reason is null, left_place
            ) as integer
        ) as n_events_at_once,
        was_reinstated,
        series,
        left_place,
        last_held_at
    from ranked
)

select
    versions.*,
    decided.fate,
    decided.record_state,
    decided.row_rank,
    decided.n_rows_at_once,
    decided.n_rows_alike,
    decided.n_events_at_once,
    decided.was_reinstated,
    decided.last_held_at
    {%- for column in said_by_file %},
    last_deliveries.{{ column }}
    {%- endfor %}
from {{ versions }} as versions
inner join decided
    on
        versions._row_hash = decided._row_hash
        and versions._copy = decided._copy
{%- if said_by_file %}
inner join {{ deliveries }} as last_deliveries
    on
        decided.series = last_deliveries.series
        and coalesce(decided.left_place, 0) = last_deliveries.next_place
{%- endif %}
{%- endmacro %}
