with assortments as (
    select * from {{ ref('int_kiosk_assortments_compared') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

-- Sold by most of five look-alikes or more, and enough to miss.
candidates as {{ materialized() }} (
    select
        *,
        n_expected / (1 + index_variance * n_expected) as gamma_shape,
        n_group_kiosks - 1 as n_look_alikes,
        count(*) over () as n_compared
    from assortments
    where
        is_open
        and n_expected >= 5
        and n_group_kiosks > 5
        and 2 * n_selling_look_alikes >= n_group_kiosks - 1
),

lows as (
    {{ gamma_quantiles('candidates', '0.0005e0') }}
),

highs as (
    {{ gamma_quantiles('candidates', '0.9995e0') }}
),

expectations as (
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
        expectations.kiosk_key,
        expectations.product_key,
        expectations.kiosk_id,
        expectations.product_id,
        products.product_name,
        expectations.kiosk_group,
        expectations.n_look_alikes,
        expectations.n_selling_look_alikes,
        cast(expectations.n_group_purchases - expectations.n_purchases as bigint)
            as n_look_alike_purchases,
        expectations.n_purchases,
        round(expectations.n_expected, 6) as n_expected_purchases,
        round(expectations.n_expected_low, 6) as n_expected_purchases_low,
        round(expectations.n_expected_high, 6) as n_expected_purchases_high,
        round(expectations.n_expected - expectations.n_purchases, 6)
            as n_missing_purchases,
        expectations.n_compared,
        expectations.n_purchases = 0 as was_never_sold
    from expectations
    inner join products on expectations.product_id = products.product_id
    where expectations.n_purchases < expectations.n_expected_low
)

select * from gaps
