with purchases as (
    select * from {{ ref('fct_purchases') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

product_spans as (
    select * from {{ ref('int_product_sale_spans_found') }}
),

days_so_far as (
    select
        kiosk_key,
        kiosk_id,
        calendar_date,
        n_purchases,
        n_active_days_so_far,
        case when is_active then 1 else 0 end as n_active_days,
        sum(n_purchases) over (
            partition by kiosk_id
            order by calendar_date
            rows between unbounded preceding and current row
        ) as n_purchases_so_far
    from kiosk_days
),

sold as (
    select
        kiosk_id,
        product_id,
        count(*) as n_purchases,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from purchases
    group by kiosk_id, product_id
),

-- All that a kiosk sold while the product was on sale anywhere.
pairs as (
    select
        first_days.kiosk_key,
        first_days.kiosk_id,
        product_spans.product_key,
        product_spans.product_id,
        last_days.n_purchases_so_far - first_days.n_purchases_so_far
        + first_days.n_purchases as n_all_purchases,
        last_days.n_active_days_so_far - first_days.n_active_days_so_far
        + first_days.n_active_days as n_active_days
    from product_spans
    inner join days_so_far as first_days
        on product_spans.first_on_sale_date = first_days.calendar_date
    inner join days_so_far as last_days
        on
            product_spans.last_on_sale_date = last_days.calendar_date
            and first_days.kiosk_id = last_days.kiosk_id
),

compared as (
    select
        pairs.*,
        coalesce(sold.n_purchases, 0) as n_purchases,
        cast(pairs.n_all_purchases as double)
        * sum(sold.n_purchases) over (partition by pairs.product_id)
        / sum(pairs.n_all_purchases) over (partition by pairs.product_id)
            as n_expected_purchases,
        sold.first_purchase_date,
        sold.last_purchase_date
    from pairs
    left join sold
        on
            pairs.kiosk_id = sold.kiosk_id
            and pairs.product_id = sold.product_id
    where pairs.n_all_purchases > 0
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
    from compared
    group by product_id
),

-- The gamma distribution of the index, known from the other kiosks, and then this one.
shrunken as {{ materialized() }} (
    select
        compared.*,
        spreads.index_variance,
        compared.n_purchases + 1 / spreads.index_variance as gamma_shape,
        compared.n_expected_purchases + 1 / spreads.index_variance as gamma_rate
    from compared
    inner join spreads on compared.product_id = spreads.product_id
),

lows as (
    {{ gamma_quantiles('shrunken', '0.025e0') }}
),

highs as (
    {{ gamma_quantiles('shrunken', '0.975e0') }}
),

measured as (
    select
        shrunken.kiosk_key,
        shrunken.product_key,
        shrunken.kiosk_id,
        shrunken.product_id,
        shrunken.n_purchases,
        cast(shrunken.n_all_purchases as bigint) as n_all_purchases,
        cast(shrunken.n_active_days as integer) as n_active_days,
        round(shrunken.n_expected_purchases, 6) as n_expected_purchases,
        round(shrunken.gamma_shape / shrunken.gamma_rate, 6) as shrunken_index,
        round(lows.quantile / shrunken.gamma_rate, 6) as shrunken_index_low,
        round(highs.quantile / shrunken.gamma_rate, 6) as shrunken_index_high,
        shrunken.first_purchase_date,
        shrunken.last_purchase_date
    from shrunken
    inner join lows on shrunken.gamma_shape = lows.gamma_shape
    inner join highs on shrunken.gamma_shape = highs.gamma_shape
)

select * from measured
