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

sales as (
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
kiosk_products as (
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

-- Sales of the product by those of all products, over all kiosks.
product_shares as (
    select
        kiosk_products.*,
        coalesce(sales.n_purchases, 0) as n_purchases,
        sales.first_purchase_date,
        sales.last_purchase_date,
        sum(sales.n_purchases) over all_kiosks as n_product_purchases,
        sum(kiosk_products.n_all_purchases) over all_kiosks as n_compared_purchases
    from kiosk_products
    left join sales
        on
            kiosk_products.kiosk_id = sales.kiosk_id
            and kiosk_products.product_id = sales.product_id
    where kiosk_products.n_all_purchases > 0
    window all_kiosks as (partition by kiosk_products.product_id)
),

expectations as (
    select
        kiosk_key,
        kiosk_id,
        product_key,
        product_id,
        n_all_purchases,
        n_active_days,
        n_purchases,
        cast(n_all_purchases as double) * n_product_purchases / n_compared_purchases
            as n_expected_purchases,
        first_purchase_date,
        last_purchase_date
    from product_shares
)

select * from expectations
