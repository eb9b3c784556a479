with visit_products as (
    select * from {{ ref('fct_visit_products') }}
),

visits as (
    select
        visit_key,
        customer_key,
        kiosk_id,
        cast(sum(n_units) as bigint) as n_units,
        count(*) as n_products,
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
        n_units,
        n_products,
        visit_date,
        started_at,
        started_at_utc,
        ended_at_utc
    from visits
)

select * from numbered
order by visit_date
