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
        where {{ is_touched(
            ref('int_purchases_touched'), 'identity_key', 'event_date'
        ) }}
    {%- endif %}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'purchases'
),

deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where feed = 'purchases'
),

fates as (
    {{ increment_row_fates(
        'versions', 'presences', 'deliveries', is_identified=false,
        knows_more='has_quantity_or_price'
    ) }}
)

select * from fates
order by event_date
