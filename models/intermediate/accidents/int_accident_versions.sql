{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with accidents as (
    select * from {{ ref('stg_traffic__accidents') }}
    {% if is_incremental() -%}
        where _change_seq > {{ built_change_seq() }}
    {%- endif %}
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'accidents'
),

offenses as (
    select * from {{ ref('offenses') }}
),

aliases as (
    select * from {{ ref('neighborhood_aliases') }}
),

mended as (
    select
        accidents.*,
        deliveries.series as vintage,
        coalesce(
            offenses.offense_type_id, offenses_by_label.offense_type_id, 'unknown'
        ) as offense_type_id,
        coalesce(aliases.neighborhood_slug, 'unknown') as neighborhood_slug,
        (
            accidents.neighborhood_label is not null
            and aliases.neighborhood_slug is null
        ) as has_unmatched_neighborhood
    from accidents
    inner join deliveries
        on accidents._delivery_seq = deliveries.delivery_seq
    left join offenses
        on accidents.offense_type_label = offenses.offense_type_id
    left join offenses as offenses_by_label
        on accidents.top_offense_label = offenses_by_label.top_offense_label
    left join aliases
        on {{ label_slug('accidents.neighborhood_label') }} = aliases.alias
),

keyed as (
    select
        *,
        offense_id is not null as is_identified,
        -- Never null, so that a row set aside can be found by date as well.
        coalesce(occurred_date, cast('1900-01-01' as date)) as event_date,
        -- The city's files go by when an accident was reported.
        coalesce(reported_date, occurred_date) as window_date,
        {{ surrogate_key(['vintage', 'event_identity']) }} as identity_key,
        {{ surrogate_key(['offense_type_id']) }} as offense_key,
        {{ surrogate_key(['neighborhood_slug']) }} as neighborhood_key
    from mended
)

-- Ordered, so that looking up an identity on its date reads little.
select * from keyed
order by event_date
