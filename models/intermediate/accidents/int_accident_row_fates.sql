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
        where {{ is_touched(ref('int_accidents_touched'), 'identity_key') }}
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
-- In the last delivery that contained the row, a blank count means 0 if that file has
-- counts, and a blank factor means not stated if that file has factors.
fates as (
    {{ window_row_fates(
        'versions', 'presences', 'deliveries',
        agreeing=[
            'incident_id', 'offense_code', 'offense_code_extension', 'occurred_date',
        ],
        said_by_file=['has_road_user_counts', 'has_driver_factors'],
    ) }}
)

select * from fates
order by event_date
