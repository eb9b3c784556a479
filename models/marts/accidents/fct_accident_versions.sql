{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'occurred_date', 'dates_from': 'int_accident_versions'},
) }}

with versions as (
    select
        *,
        nullif(neighborhood_slug, 'unknown') as neighborhood,
        case when time_quality <> 'date_only' then occurred_at end as occurred_time
    from {{ ref('int_accident_versions') }}
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

record_versions as (
    {{ window_versions(
        'versions', 'presences', 'deliveries',
        ['offense_type_id', 'occurred_date'],
        [
            'occurred_time', 'reported_date', 'neighborhood', 'district', 'precinct',
            'longitude', 'latitude', 'n_bicycles', 'n_pedestrians',
            'n_seriously_injured', 'n_fatalities',
        ],
    ) }}
),

accident_versions as (
    select
        {{ surrogate_key(['identity_key', 'version_number']) }}
            as accident_version_key,
        identity_key,
        offense_key,
        neighborhood_key,
        vintage,
        version_arrived_as as arrived_as,
        changed_columns,
        ended_as,
        n_seriously_injured,
        n_fatalities,
        version_number,
        not is_alone as has_equal_identities,
        occurred_date,
        reported_date,
        occurred_at,
        reported_at,
        valid_from_at,
        valid_to_at,
        _delivery_seq,
        _change_seq,
        _line
    from record_versions
)

select * from accident_versions
order by occurred_date
