{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'event_date', 'dates_from': 'int_accident_versions'},
) }}

with versions as (
    select * from {{ ref('int_accident_versions') }}
    {% if is_incremental() -%}
        -- All versions of what changed, not only the changed ones.
        where identity_key in (
            select touched.identity_key
            from {{ ref('int_accidents_touched') }} as touched
            where touched._change_seq > {{ built_change_seq() }}
        )
    {%- endif %}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'accidents'
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
    where feed = 'accidents'
),

-- The same offense of the same incident on the same day, or the id is not one event's.
{{ window_row_fates(agreeing=[
    'incident_id', 'offense_code', 'offense_code_extension', 'occurred_date',
]) }},

-- In the last delivery that contained the row, a blank count means 0 if that file has
-- counts, and a blank factor means not stated if that file has factors.
counted as (
    select
        fates.*,
        deliveries.has_road_user_counts,
        deliveries.has_driver_factors
    from fates
    inner join departures
        on
            fates._row_hash = departures._row_hash
            and fates._copy = departures._copy
    inner join deliveries
        on
            departures.series = deliveries.series
            and coalesce(departures.left_place, 0) = deliveries.next_place
)

select * from counted
order by event_date
