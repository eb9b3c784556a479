-- A returned row is a total that differs from the one before it on the way from the raw
-- rows over the fact to the reports: purchases were lost or counted twice.
with totals as (
    select
        (
            select coalesce(sum(n_units), 0) from {{ ref('int_purchase_row_fates') }}
            where fate = 'current_version'
        ) as n_current_units,
        (select count(*) from {{ ref('fct_purchases') }}) as n_facts,
        (
            select sum(n_purchases) from {{ ref('fct_selling_days') }}
            where subject = 'kiosk'
        ) as n_by_day_and_kiosk,
        (
            select sum(n_purchases) from {{ ref('fct_selling_days') }}
            where subject = 'product'
        ) as n_by_day_and_product,
        (
            select sum(n_events) from {{ ref('fct_event_hours') }}
            where feed = 'purchases'
        ) as n_by_day_and_hour,
        (
            select sum(n_purchases) from {{ ref('rpt_top_products') }}
            where dimension = 'overall'
        ) as n_in_top_products,
        (
            select sum(n_purchases) from {{ ref('rpt_top_products') }}
            where dimension = 'kiosk'
        ) as n_by_product_and_kiosk,
        (
            select sum(n_purchases) from {{ ref('rpt_top_kiosks') }}
            where dimension = 'category'
        ) as n_by_kiosk_and_category,
        (
            select sum(n_purchases) from {{ ref('rpt_time_of_day') }}
        ) as n_by_local_time,
        (
            select sum(n_purchases_utc) from {{ ref('rpt_time_of_day') }}
        ) as n_by_utc
),

differing as (
    select * from totals
    where
        n_current_units <> n_facts
        or coalesce(n_by_day_and_kiosk, 0) <> n_facts
        or coalesce(n_by_day_and_product, 0) <> n_facts
        or coalesce(n_by_day_and_hour, 0) <> n_facts
        or coalesce(n_in_top_products, 0) <> n_facts
        or coalesce(n_by_product_and_kiosk, 0) <> n_facts
        or coalesce(n_by_kiosk_and_category, 0) <> n_facts
        or coalesce(n_by_local_time, 0) <> n_facts
        or coalesce(n_by_utc, 0) <> n_facts
)

select * from differing
