with kiosk_products as (
    select * from {{ ref('int_kiosk_products_expected') }}
),

-- How much kiosks really differ in a product: the spread of sales by expected sales,
-- less what chance adds to it (Marshall's moments); a tenth at least.
spreads as (
    select
        product_id,
        greatest(
            (
                {{ exact_sum(
                    '(n_purchases - n_expected_purchases)'
                    ~ ' * (n_purchases - n_expected_purchases) / n_expected_purchases'
                ) }} - count(*)
            ) / sum(n_purchases),
            0.01
        ) as index_variance
    from kiosk_products
    group by product_id
),

-- The gamma distribution of the index, from the other kiosks and then from this one.
posteriors as {{ materialized() }} (
    select
        kiosk_products.*,
        spreads.index_variance,
        kiosk_products.n_purchases + 1 / spreads.index_variance as gamma_shape,
        kiosk_products.n_expected_purchases + 1 / spreads.index_variance as gamma_rate
    from kiosk_products
    inner join spreads on kiosk_products.product_id = spreads.product_id
),

lows as (
    {{ gamma_quantiles('posteriors', '0.025e0') }}
),

highs as (
    {{ gamma_quantiles('posteriors', '0.975e0') }}
),

shrunken_indices as (
    select
        posteriors.kiosk_key,
        posteriors.product_key,
        posteriors.kiosk_id,
        posteriors.product_id,
        posteriors.n_purchases,
        cast(posteriors.n_all_purchases as bigint) as n_all_purchases,
        cast(posteriors.n_active_days as integer) as n_active_days,
        round(posteriors.n_expected_purchases, 6) as n_expected_purchases,
        round(posteriors.gamma_shape / posteriors.gamma_rate, 6) as shrunken_index,
        round(lows.quantile / posteriors.gamma_rate, 6) as shrunken_index_low,
        round(highs.quantile / posteriors.gamma_rate, 6) as shrunken_index_high,
        posteriors.first_purchase_date,
        posteriors.last_purchase_date
    from posteriors
    inner join lows on posteriors.gamma_shape = lows.gamma_shape
    inner join highs on posteriors.gamma_shape = highs.gamma_shape
)

select * from shrunken_indices
