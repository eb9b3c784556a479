{% set dimensions = {
    'category': ['fc_number'],
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

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

kiosks as (
    select * from {{ ref('dim_kiosks') }}
),

dispersions as (
    select * from {{ ref('int_series_dispersions_estimated') }}
    where feed = 'purchases' and dimension = 'kiosk'
),

counted_by_day as (
    select
        purchases.kiosk_id,
        coalesce(products.fc_number, 'Unknown') as fc_number,
        times_of_day.day_part,
        substring(cast(purchases.purchase_date as varchar), 1, 7) as purchase_month,
        count(*) as n_purchases,
        count(purchases.price_usd) as n_priced_purchases,
        sum(purchases.price_usd) as revenue_usd,
        min(purchases.purchase_date) as first_purchase_date,
        max(purchases.purchase_date) as last_purchase_date
    from purchases
    inner join times_of_day on purchases.purchase_hour = times_of_day.hour_of_day
    inner join products on purchases.product_id = products.product_id
    group by
        purchases.kiosk_id, products.fc_number, times_of_day.day_part,
        substring(cast(purchases.purchase_date as varchar), 1, 7)
),

by_dimension as (
    select
        kiosk_id,
        {{ dimension_columns(dimensions) }},
        sum(n_purchases) as n_purchases,
        sum(n_priced_purchases) as n_priced_purchases,
        sum(revenue_usd) as revenue_usd,
        min(first_purchase_date) as first_purchase_date,
        max(last_purchase_date) as last_purchase_date
    from counted_by_day
    group by {{ grouped_by_dimension(dimensions, ['kiosk_id']) }} -- noqa: PRS
),

month_exposures as (
    select
        kiosk_id,
        'month' as dimension,
        substring(cast(calendar_date as varchar), 1, 7) as calendar_month,
        count(case when is_active then 1 end) as n_active_days
    from kiosk_days
    group by kiosk_id, substring(cast(calendar_date as varchar), 1, 7)
),

exposures as (
    select
        kiosk_id,
        sum(n_active_days) as n_active_days
    from month_exposures
    group by kiosk_id
),

pareto_ranked as (
    {{ pareto_ranked('by_dimension', 'kiosk_id') }}
),

joined as (
    select
        kiosks.kiosk_key,
        pareto_ranked.*,
        coalesce(month_exposures.n_active_days, exposures.n_active_days)
            as n_active_days,
        dispersions.week_dispersion
    from pareto_ranked
    left join dispersions on pareto_ranked.kiosk_id = dispersions.dimension_value
    inner join kiosks on pareto_ranked.kiosk_id = kiosks.kiosk_id
    inner join exposures on pareto_ranked.kiosk_id = exposures.kiosk_id
    left join month_exposures
        on
            pareto_ranked.kiosk_id = month_exposures.kiosk_id
            and pareto_ranked.dimension = month_exposures.dimension
            and pareto_ranked.dimension_value = month_exposures.calendar_month
),

ranked as (
    select
        dimension,
        dimension_value,
        kiosk_key,
        kiosk_id,
        pareto_class,
        sales_rank,
        cast(rank() over (
            partition by dimension, dimension_value
            order by
                cast(n_purchases as double) / nullif(n_active_days, 0) desc nulls last
        ) as integer) as rate_rank,
        cast(rank() over (
            partition by dimension, dimension_value
            order by revenue_usd desc nulls last
        ) as integer) as revenue_rank,
        cast(n_purchases as bigint) as n_purchases,
        cast(n_priced_purchases as bigint) as n_priced_purchases,
        cast(n_active_days as bigint) as n_active_days,
        cast(revenue_usd as decimal(18, 2)) as revenue_usd,
        purchase_share,
        cumulative_share,
        round(cast(n_purchases as double) / nullif(n_active_days, 0), 9)
            as purchases_per_active_day,
        week_dispersion,
        first_purchase_date,
        last_purchase_date
    from joined
)

select * from ranked
