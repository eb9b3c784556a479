with profiles as (
    select * from {{ ref('int_kiosks_profiled') }}
    where part = 'all_weeks'
),

kiosk_products as (
    select * from {{ ref('int_kiosk_products_shrunk') }}
),

product_spans as (
    select * from {{ ref('int_product_sale_spans_found') }}
    where not was_discontinued
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

-- Kiosks that are there to the end, inferred from sales.
last_days as (
    select
        kiosk_id,
        max_by(is_active, calendar_date) as is_open
    from kiosk_days
    group by kiosk_id
),

products_by_group as (
    select
        kiosk_products.kiosk_key,
        kiosk_products.product_key,
        kiosk_products.kiosk_id,
        kiosk_products.product_id,
        kiosk_products.n_purchases,
        kiosk_products.n_all_purchases,
        profiles.kiosk_group,
        last_days.is_open,
        cast(sum(kiosk_products.n_purchases) over look_alikes as double)
            as n_group_purchases,
        cast(sum(kiosk_products.n_all_purchases) over look_alikes as double)
            as n_group_all_purchases,
        count(*) over look_alikes as n_group_kiosks,
        count(case when kiosk_products.n_purchases > 0 then 1 end) over look_alikes
        - case when kiosk_products.n_purchases > 0 then 1 else 0 end
            as n_selling_look_alikes
    from kiosk_products
    inner join profiles on kiosk_products.kiosk_id = profiles.kiosk_id
    inner join last_days on kiosk_products.kiosk_id = last_days.kiosk_id
    inner join product_spans on kiosk_products.product_id = product_spans.product_id
    window look_alikes as (
        partition by profiles.kiosk_group, kiosk_products.product_id
    )
),

-- The look-alikes' share of the product, times this kiosk's volume; and how much kiosks
-- of the group really differ in it, beyond chance (Marshall's moments).
comparisons as (
    select
        *,
        n_all_purchases * (n_group_purchases - n_purchases)
        / nullif(n_group_all_purchases - n_all_purchases, 0) as n_expected,
        greatest(
            (
                {{ exact_sum(
                    'power(n_purchases'
                    ~ ' - n_all_purchases * n_group_purchases / n_group_all_purchases,'
                    ~ ' 2) / (n_all_purchases * n_group_purchases'
                    ~ ' / n_group_all_purchases)',
                    over='(partition by kiosk_group, product_id)'
                ) }}
                - n_group_kiosks
            ) / n_group_purchases,
            0.01
        ) as index_variance
    from products_by_group
    where n_group_purchases > 0
)

select * from comparisons
