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

products as (
    select * from {{ ref('dim_products') }}
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

grouped as (
    select
        kiosk_products.*,
        profiles.kiosk_group,
        last_days.is_open,
        cast(sum(kiosk_products.n_purchases) over look_alikes as double)
            as n_group_purchases,
        cast(sum(kiosk_products.n_all_purchases) over look_alikes as double)
            as n_group_all_purchases,
        count(*) over look_alikes as n_group_kiosks,
        count(case when kiosk_products.n_purchases > 0 then 1 end) over look_alikes
            as n_group_selling
    from kiosk_products
    inner join profiles on kiosk_products.kiosk_id = profiles.kiosk_id
    inner join last_days on kiosk_products.kiosk_id = last_days.kiosk_id
    inner join product_spans on kiosk_products.product_id = product_spans.product_id
    window look_alikes as (
        partition by profiles.kiosk_group, kiosk_products.product_id
    )
),

-- What its look-alikes' share of the product makes of this kiosk's volume; and how much
-- kiosks of the group really differ in it, beyond chance (Marshall's moments).
expected as (
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
    from grouped
    where n_group_purchases > 0
),

-- Sold by most of five look-alikes or more, and enough to miss.
candidates as {{ materialized() }} (
    select
        *,
        n_expected / (1 + index_variance * n_expected) as gamma_shape,
        n_group_kiosks - 1 as n_look_alikes,
        n_group_selling - case when n_purchases > 0 then 1 else 0 end
            as n_selling_look_alikes,
        count(*) over () as n_compared
    from expected
    where
        is_open
        and n_expected >= 5
        and n_group_kiosks > 5
        and 2 * (n_group_selling - case when n_purchases > 0 then 1 else 0 end)
        >= n_group_kiosks - 1
),

lows as (
    {{ gamma_quantiles('candidates', '0.0005e0') }}
),

highs as (
    {{ gamma_quantiles('candidates', '0.9995e0') }}
),

bounded as (
    select
        candidates.*,
        lows.quantile / candidates.gamma_shape * candidates.n_expected
            as n_expected_low,
        highs.quantile / candidates.gamma_shape * candidates.n_expected
            as n_expected_high
    from candidates
    inner join lows on candidates.gamma_shape = lows.gamma_shape
    inner join highs on candidates.gamma_shape = highs.gamma_shape
),

gaps as (
    select
        bounded.kiosk_key,
        bounded.product_key,
        bounded.kiosk_id,
        bounded.product_id,
        products.product_name,
        bounded.kiosk_group,
        bounded.n_look_alikes,
        bounded.n_selling_look_alikes,
        cast(bounded.n_group_purchases - bounded.n_purchases as bigint)
            as n_look_alike_purchases,
        bounded.n_purchases,
        round(bounded.n_expected, 6) as n_expected_purchases,
        round(bounded.n_expected_low, 6) as n_expected_purchases_low,
        round(bounded.n_expected_high, 6) as n_expected_purchases_high,
        round(bounded.n_expected - bounded.n_purchases, 6) as n_missing_purchases,
        bounded.n_compared,
        bounded.n_purchases = 0 as was_never_sold
    from bounded
    inner join products on bounded.product_id = products.product_id
    where bounded.n_purchases < bounded.n_expected_low
)

select * from gaps
