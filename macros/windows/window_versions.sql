{#-
    The successive versions of each record of a window feed: a query, to be the whole of a
    CTE. It reads what window_spells() reads, and gives the columns of `versions` and
    - version_number, from 1 for each identity. Rows that follow upon one another and
      differ in none of the `columns` are one version: a new layout has the same values in
      another form. Of `optional_columns`, which a layout may lack, only values that both
      rows give can differ; nor does what says nothing in words, `untold`, such as
      'Unknown' where a layout leaves a column empty. Rows of identities that cannot be
      distinguished are one each;
    - arrived_as, ended_as: as in window_spells(), `changed` where the next version
      followed; null while it is held. Where identities cannot be distinguished, only how
      the last of them went is known;
    - changed_columns: those in which it differs from the version before, in order;
    - valid_from_at, valid_to_at: by the as-of of deliveries; null while it is held.
    Usage: record_versions as (
        {{ window_versions(
            'versions', 'presences', 'deliveries', ['status', 'closed_at']
        ) }}
    )
-#}
{% macro window_versions(
    versions, presences, deliveries, columns, optional_columns=[], untold={}
) -%}
with spells as (
    {{ window_spells(versions, presences, deliveries) }}
),

spelled as (
    select
        versions.*,
        spells.series,
        spells.came_place,
        spells.came_at,
        spells.left_place,
        spells.left_at,
        spells.left_as,
        spells.is_alone,
        spells.arrived_as,
        lead(spells.arrived_as) over identity_history as next_arrived_as,
        concat_ws(
            ', '
            {%- for column in columns + optional_columns %}
            {%- set is_optional = column in optional_columns or column in untold %}
            {%- set operator = '<>' if is_optional else 'is distinct from' %}
            {%- set value = 'versions.' ~ column %}
            {%- if column in untold %}
            {%- set value = 'nullif(' ~ value ~ ", '" ~ untold[column] ~ "')" %}
            {%- endif %},
            case
                when
                    {{ value }} {{ operator }}
                    lag({{ value }}) over identity_history
                    then '{{ column }}'
            end
            {%- endfor %}
        ) as differing_columns
    from {{ versions }} as versions
    inner join spells
        on
            versions._row_hash = spells._row_hash
            and versions._copy = spells._copy
    where versions.set_aside_reason is null
    window identity_history as (
        partition by versions.identity_key
        order by spells.came_place, versions._row_hash, versions._copy
    )
),

numbered as (
    select
        *,
        cast(sum(
            case
                when is_alone and arrived_as = 'changed' and differing_columns = ''
                    then 0
                else 1
            end
        ) over (
            partition by identity_key
            order by came_place, _row_hash, _copy
        ) as integer) as version_number
    from spelled
),

runs as (
    select
        *,
        first_value(arrived_as) over run as first_arrived_as,
        first_value(differing_columns) over run as first_differing_columns,
        first_value(came_at) over run as valid_from_at,
        row_number() over (
            partition by identity_key, version_number
            order by came_place desc
        ) as run_rank,
        -- What is still held ends after all that ever ended.
        max(coalesce(left_place, 2147483647)) over (
            partition by identity_key
        ) as identity_end_place
    from numbered
    window run as (
        partition by identity_key, version_number
        order by came_place
    )
),

bounded as (
    select
        *,
        case when is_alone then first_arrived_as end as version_arrived_as,
        case
            when is_alone and next_arrived_as = 'changed' then 'changed'
            when left_as = 'in_doubt' then null
            when not is_alone and left_place < identity_end_place then null
            else left_as
        end as ended_as,
        case
            when is_alone and first_arrived_as = 'changed'
                then first_differing_columns
        end as changed_columns
    from runs
    where run_rank = 1
)

select
    *,
    case
        when ended_as is not null then left_at
        -- What others stand for by now is not in doubt any more.
        when
            not is_alone
            and (left_as <> 'in_doubt' or left_place < identity_end_place)
            then left_at
    end as valid_to_at
from bounded
{%- endmacro %}
