{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with versions as (
    select * from {{ ref('int_service_request_versions') }}
    {% if is_incremental() -%}
        -- All versions of what changed, not only the changed ones.
        where {{ is_touched(
            ref('int_service_requests_touched'), 'identity_key', 'event_date'
        ) }}
    {%- endif %}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'service_requests'
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
    where feed = 'service_requests'
),

fates as (
    {{ window_row_fates('versions', 'presences', 'deliveries') }}
)

select * from fates
order by event_date
