{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['customer_key'],
    on_schema_change='fail',
    meta={'event_date': 'visit_date', 'touched_in': 'int_purchase_customers_touched'},
) }}

with visit_products as (
    select * from {{ ref('fct_visit_products') }}
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_purchase_customers_touched'), 'customer_key',
            touched_key='customer_key'
        ) }}
    {%- endif %}
),

visits as (
    select
        visit_key,
        customer_key,
        kiosk_id,
        cast(sum(n_units) as bigint) as n_units,
        cast(sum(n_priced_units) as bigint) as n_priced_units,
        count(*) as n_products,
        cast(sum(revenue_usd) as decimal(18, 2)) as revenue_usd,
        visit_date,
        visit_started_at as started_at,
        visit_started_at_utc as started_at_utc,
        visit_ended_at_utc as ended_at_utc
    from visit_products
    group by
        visit_key, customer_key, kiosk_id, visit_date, visit_started_at,
        visit_started_at_utc, visit_ended_at_utc
),

numbered as (
    select
        visit_key,
        customer_key,
        kiosk_id,
        cast(extract(hour from started_at) as integer) as visit_hour,
        row_number() over (
            partition by customer_key
            order by started_at_utc, kiosk_id
        ) as visit_number,
        lead(visit_date) over (
            partition by customer_key
            order by started_at_utc, kiosk_id
        ) as next_visit_date,
        n_units,
        n_priced_units,
        n_products,
        revenue_usd,
        visit_date,
        started_at,
        started_at_utc,
        ended_at_utc
    from visits
),

followed as (
    select
        visit_key,
        customer_key,
        kiosk_id,
        case
            when visit_number = 1 then '1'
            when visit_number = 2 then '2'
            when visit_number <= 5 then '3 to 5'
            when visit_number <= 10 then '6 to 10'
            else 'over 10'
        end as visit_number_band,
        visit_hour,
        visit_number,
        -- An odd offset may date a later visit before an earlier one.
        cast(case
            when next_visit_date > visit_date
                then {{ dbt.datediff('visit_date', 'next_visit_date', 'day') }}
            when next_visit_date is not null then 0
        end as integer) as days_to_next_visit,
        n_units,
        n_priced_units,
        n_products,
        revenue_usd,
        visit_date,
        started_at,
        started_at_utc,
        ended_at_utc
    from numbered
)

select * from followed
order by visit_date
