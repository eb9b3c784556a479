{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with versions as (
    select * from {{ ref('int_purchase_versions') }}
    {% if is_incremental() -%}
        -- All versions of what changed, not only the changed ones.
        where (identity_key, event_date) in (
            select
                touched.identity_key,
                touched.event_date
            from {{ ref('int_purchases_touched') }} as touched
            where touched._change_seq > {{ built_change_seq() }}
        )
    {%- endif %}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'purchases'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
),

{{ increment_row_fates(is_identified=false) }}

select * from fates
order by event_date
