{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['customer_key'],
    on_schema_change='fail',
    meta={'event_date': 'visit_date', 'touched_in': 'int_purchase_customers_touched'},
) }}

-- A card is needed to tell who came back: purchases without one are no visits.
with customers as (
    select * from {{ ref('dim_customers') }}
    where is_known
),

purchases as (
    select
        purchases.kiosk_id,
        purchases.product_id,
        purchases.customer_key,
        purchases.price_usd,
        purchases.purchase_date,
        purchases.purchased_at,
        purchases.purchased_at_utc
    from {{ ref('fct_purchases') }} as purchases
    inner join customers on purchases.customer_key = customers.customer_key
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_purchase_customers_touched'), 'purchases.customer_key',
            touched_key='customer_key'
        ) }}
    {%- endif %}
),

preceded as (
    select
        *,
        lag(purchased_at_utc) over (
            partition by customer_key, kiosk_id
            order by purchased_at_utc
        ) as previous_purchased_at_utc
    from purchases
),

-- Over midnight and over a change of the clocks alike: by the instant.
numbered as (
    select
        *,
        sum(
            case
                when purchased_at_utc <= {{ dbt.dateadd(
                    'minute', var('visit_gap_minutes'), 'previous_purchased_at_utc'
                ) }}
                    then 0
                else 1
            end
        ) over (
            partition by customer_key, kiosk_id
            order by purchased_at_utc
        ) as kiosk_visit_number
    from preceded
),

counted as (
    select
        customer_key,
        kiosk_id,
        kiosk_visit_number,
        product_id,
        count(*) as n_units,
        count(price_usd) as n_priced_units,
        sum(price_usd) as revenue_usd,
        min(purchase_date) as first_purchase_date,
        min(purchased_at) as first_purchased_at,
        min(purchased_at_utc) as first_purchased_at_utc,
        max(purchased_at_utc) as last_purchased_at_utc
    from numbered
    group by customer_key, kiosk_id, kiosk_visit_number, product_id
),

bounded as (
    select
        *,
        min(first_purchase_date) over visit as visit_date,
        min(first_purchased_at) over visit as visit_started_at,
        min(first_purchased_at_utc) over visit as visit_started_at_utc,
        max(last_purchased_at_utc) over visit as visit_ended_at_utc
    from counted
    window visit as (partition by customer_key, kiosk_id, kiosk_visit_number)
),

keyed as (
    select
        *,
        {{ surrogate_key(['customer_key', 'kiosk_id', 'visit_started_at_utc']) }}
            as visit_key
    from bounded
),

visit_products as (
    select
        {{ surrogate_key(['visit_key', 'product_id']) }} as visit_product_key,
        visit_key,
        customer_key,
        kiosk_id,
        product_id,
        n_units,
        n_priced_units,
        cast(revenue_usd as decimal(18, 2)) as revenue_usd,
        visit_date,
        visit_started_at,
        visit_started_at_utc,
        visit_ended_at_utc
    from keyed
)

select * from visit_products
order by visit_date
