{% set dimensions = {
    'kiosk': ['kiosk_id'],
    'day_part': ['day_part'],
    'month': ['purchase_month'],
    'overall': [],
} %}

with purchases as (
    select * from {{ ref('fct_purchases') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

times_of_day as (
    select * from {{ ref('dim_times_of_day') }}
),

product_spans as (
    select * from {{ ref('int_product_sale_spans_found') }}
),

kiosk_products as (
    select
        *,
        'kiosk' as dimension
    from {{ ref('int_kiosk_products_shrunk') }}
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

counted_by_day as (
    select
        purchases.product_id,
        purchases.kiosk_id,
        times_of_day.day_part,
        substring(cast(purchases.purchase_date as varchar), 1, 7) as purchase_month,
        purchases.purchase_date,
        count(*) as n_purchases,
        count(purchases.price_usd) as n_priced_purchases,
        sum(purchases.price_usd) as revenue_usd
    from purchases
    inner join times_of_day on purchases.purchase_hour = times_of_day.hour_of_day
    group by
        purchases.product_id, purchases.kiosk_id, times_of_day.day_part,
        purchases.purchase_date
),

by_dimension as (
    select
        product_id,
        {{ dimension_columns(dimensions) }},
        sum(n_purchases) as n_purchases,
        sum(n_priced_purchases) as n_priced_purchases,
        sum(revenue_usd) as revenue_usd,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from counted_by_day
    group by {{ grouped_by_dimension(dimensions, ['product_id']) }} -- noqa: PRS
),

with_categories as (
    select
        product_id,
        dimension,
        dimension_value,
        n_purchases,
        n_priced_purchases,
        revenue_usd,
        first_purchase_date,
        last_purchase_date
    from by_dimension
    union all
    select
        by_dimension.product_id,
        'category' as dimension,
        coalesce(products.fc_number, 'Unknown') as dimension_value,
        by_dimension.n_purchases,
        by_dimension.n_priced_purchases,
        by_dimension.revenue_usd,
        by_dimension.first_purchase_date,
        by_dimension.last_purchase_date
    from by_dimension
    inner join products on by_dimension.product_id = products.product_id
    where by_dimension.dimension = 'overall'
),

active_kiosks as (
    select
        calendar_date,
        substring(cast(calendar_date as varchar), 1, 7) as calendar_month,
        count(case when is_active then 1 end) as n_active_kiosks
    from kiosk_days
    group by calendar_date
),

month_exposures as (
    select
        'month' as dimension,
        product_spans.product_id,
        active_kiosks.calendar_month,
        sum(active_kiosks.n_active_kiosks) as n_active_kiosk_days
    from product_spans
    inner join active_kiosks
        on
            product_spans.first_on_sale_date <= active_kiosks.calendar_date
            and product_spans.last_on_sale_date >= active_kiosks.calendar_date
    group by product_spans.product_id, active_kiosks.calendar_month
),

pareto_ranked as (
    {{ pareto_ranked('with_categories', 'product_id') }}
),

joined as (
    select
        pareto_ranked.*,
        products.product_key,
        products.product_name,
        products.fc_number,
        products.listing_status,
        coalesce(
            kiosk_products.n_active_days,
            month_exposures.n_active_kiosk_days,
            product_spans.n_active_kiosk_days
        ) as n_active_kiosk_days,
        kiosk_products.shrunken_index,
        kiosk_products.shrunken_index_low,
        kiosk_products.shrunken_index_high,
        product_spans.was_discontinued as is_discontinued
    from pareto_ranked
    inner join products on pareto_ranked.product_id = products.product_id
    inner join product_spans on pareto_ranked.product_id = product_spans.product_id
    left join kiosk_products
        on
            pareto_ranked.dimension = kiosk_products.dimension
            and pareto_ranked.dimension_value = kiosk_products.kiosk_id
            and pareto_ranked.product_id = kiosk_products.product_id
    left join month_exposures
        on
            pareto_ranked.dimension = month_exposures.dimension
            and pareto_ranked.dimension_value = month_exposures.calendar_month
            and pareto_ranked.product_id = month_exposures.product_id
),

rated as (
    select
        dimension,
        dimension_value,
        product_key,
        product_id,
        product_name,
        fc_number,
        listing_status,
        pareto_class,
        sales_rank,
        cast(rank() over (
            partition by dimension, dimension_value
            order by revenue_usd desc nulls last
        ) as integer) as revenue_rank,
        cast(n_purchases as bigint) as n_purchases,
        cast(n_priced_purchases as bigint) as n_priced_purchases,
        cast(n_active_kiosk_days as bigint) as n_active_kiosk_days,
        cast(revenue_usd as decimal(18, 2)) as revenue_usd,
        purchase_share,
        cumulative_share,
        round(cast(n_purchases as double) / nullif(n_active_kiosk_days, 0), 9)
            as purchases_per_active_kiosk_day,
        shrunken_index,
        shrunken_index_low,
        shrunken_index_high,
        is_discontinued,
        first_purchase_date,
        last_purchase_date
    from joined
)

select * from rated
