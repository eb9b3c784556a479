{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['purchase_date'],
    on_schema_change='fail',
    meta={'event_date': 'purchase_date', 'touched_in': 'int_purchase_days_touched'},
) }}

-- Read twice, which is cheaper than keeping all of it.
with purchases as {{ inlined() }} (
    select * from {{ ref('fct_purchases') }}
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_purchase_days_touched'), 'purchase_date', touched_key='purchase_date'
        ) }}
    {%- endif %}
),

-- Units bought at one instant are one visit to a kiosk; of a product there are units.
visits as (
    select
        kiosk_id,
        purchased_at,
        purchase_date,
        count(*) as n_units
    from purchases
    group by kiosk_id, purchased_at, purchase_date
),

counted as (
    select
        'kiosk' as subject,
        kiosk_id as subject_id,
        cast(sum(n_units) as bigint) as n_purchases,
        count(*) as n_sales,
        purchase_date
    from visits
    group by kiosk_id, purchase_date
    union all
    select
        'product' as subject,
        product_id as subject_id,
        count(*) as n_purchases,
        count(*) as n_sales,
        purchase_date
    from purchases
    group by product_id, purchase_date
)

select * from counted
order by purchase_date
