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
        where (identity_key, event_date) in (
            select
                touched.identity_key,
                touched.event_date
            from {{ ref('int_service_requests_touched') }} as touched
            where touched._change_seq > {{ built_change_seq() }}
        )
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

{{ window_row_fates() }}

select * from fates
order by event_date
