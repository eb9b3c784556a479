with products as (
    select * from {{ ref('dim_products') }}
    where first_purchase_date is not null
),

kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
),

silences as (
    select * from {{ ref('int_sales_gaps_tested') }}
    where subject = 'product' and is_beyond_chance
),

spans as (
    select
        min(calendar_date) as first_date,
        max(calendar_date) as last_date
    from kiosk_days
),

city_days as (
    select
        calendar_date,
        sum(case when is_active then 1 else 0 end) as n_active_kiosks
    from kiosk_days
    group by calendar_date
),

silent as (
    select
        subject_id as product_id,
        count(case when kind = 'before_first_sale' then 1 end) > 0 as was_introduced,
        count(case when kind = 'since_last_sale' then 1 end) > 0 as was_discontinued
    from silences
    group by subject_id
),

spanned as (
    select
        products.product_key,
        products.product_id,
        coalesce(silent.was_introduced, false) as was_introduced,
        coalesce(silent.was_discontinued, false) as was_discontinued,
        case
            when silent.was_introduced then products.first_purchase_date
            else spans.first_date
        end as first_on_sale_date,
        case
            when silent.was_discontinued then products.last_purchase_date
            else spans.last_date
        end as last_on_sale_date
    from products
    cross join spans
    left join silent on products.product_id = silent.product_id
),

exposed as (
    select
        spanned.product_key,
        spanned.product_id,
        cast(sum(city_days.n_active_kiosks) as bigint) as n_active_kiosk_days,
        spanned.was_introduced,
        spanned.was_discontinued,
        spanned.first_on_sale_date,
        spanned.last_on_sale_date
    from spanned
    inner join city_days
        on
            spanned.first_on_sale_date <= city_days.calendar_date
            and spanned.last_on_sale_date >= city_days.calendar_date
    group by
        spanned.product_key, spanned.product_id, spanned.was_introduced,
        spanned.was_discontinued, spanned.first_on_sale_date, spanned.last_on_sale_date
)

select * from exposed
