with purchases as (
    select * from {{ ref('fct_purchases') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

spans as (
    select
        min(purchase_date) as first_date,
        max(purchase_date) as last_date
    from purchases
),

months as (
    select
        dates.month_start_date,
        min(dates.calendar_date) >= min(spans.first_date)
        and max(dates.calendar_date) <= max(spans.last_date) as is_complete
    from dates
    cross join spans
    group by dates.month_start_date
),

counted_by_day as (
    select
        product_id,
        purchase_date,
        count(*) as n_purchases
    from purchases
    group by product_id, purchase_date
),

counted as (
    select
        counted_by_day.product_id,
        sum(counted_by_day.n_purchases) as n_purchases,
        sum(
            case when months.is_complete then counted_by_day.n_purchases else 0 end
        ) as n_complete_month_purchases,
        count(*) as n_selling_days
    from counted_by_day
    inner join dates on counted_by_day.purchase_date = dates.calendar_date
    inner join months on dates.month_start_date = months.month_start_date
    group by counted_by_day.product_id
),

ranked as (
    select
        products.product_key,
        products.product_id,
        products.product_name,
        products.fc_number,
        cast(rank() over (order by counted.n_purchases desc) as integer) as sales_rank,
        cast(counted.n_purchases as bigint) as n_purchases,
        cast(counted.n_complete_month_purchases as bigint)
            as n_complete_month_purchases,
        counted.n_selling_days,
        counted.n_purchases / sum(counted.n_purchases) over () as purchase_share,
        products.first_purchase_date,
        products.last_purchase_date
    from counted
    inner join products on counted.product_id = products.product_id
)

select * from ranked
