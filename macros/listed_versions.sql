{#-
    Of a feed of whole lists, each thing as it was last listed: a query, to be the whole of
    a CTE. It reads
    - versions: the typed rows that are not set aside, with the columns of the `key`;
    - presences: the feed's presence changes; deliveries: its landed ones.
    and gives one row per key, the columns of `versions` and
    - is_listed: whether it is in the last list, or no list without rejects and damaged ids
      lacks it;
    - of `conflicts`, a mapping of names to columns, whether the list that held it last has
      other values of the column for the same key.
    Usage: latest_versions as (
        {{ listed_versions('versions', 'presences', 'deliveries', ['event_identity']) }}
    )
-#}
{% macro listed_versions(versions, presences, deliveries, key, conflicts={}) -%}
with ordered as (
    select
        delivery_seq,
        coalesce(n_open_rejects > 0 or n_damaged_ids > 0, false) as is_doubtful,
        row_number() over (order by as_of, delivery_seq) as place
    from {{ deliveries }}
),

-- A list with rejects or damaged ids proves no absence: only clean ones end a listing.
ends as (
    select
        max(place) as last_place,
        max(case when not is_doubtful then place end) as last_clean_place
    from ordered
),

changes as (
    select
        presences._row_hash,
        presences._copy,
        presences.change,
        ordered.place,
        row_number() over (
            partition by presences._row_hash, presences._copy
            order by ordered.place desc
        ) as change_rank
    from {{ presences }} as presences
    inner join ordered on presences._delivery_seq = ordered.delivery_seq
),

held as (
    select
        versions.*,
        case
            when changes.change = '+' then ends.last_place
            else changes.place - 1
        end as last_held_place,
        coalesce(ends.last_clean_place, 0) as last_clean_place
    from {{ versions }} as versions
    inner join changes
        on
            versions._row_hash = changes._row_hash
            and versions._copy = changes._copy
    cross join ends
    where changes.change_rank = 1
),

ranked as (
    select
        *,
        last_held_place >= last_clean_place as is_listed,
        row_number() over (
            partition by {{ key | join(', ') }}
            order by last_held_place desc, _row_hash asc, _copy asc
        ) as version_rank
        {%- for name, column in conflicts.items() %},
        coalesce(min({{ column }}) over same_list <> max({{ column }}) over same_list, false)
            as {{ name }}
        {%- endfor %}
    from held
    {% if conflicts -%}
    window same_list as (partition by {{ key | join(', ') }}, last_held_place)
    {%- endif %}
)

select * from ranked
where version_rank = 1
{%- endmacro %}
