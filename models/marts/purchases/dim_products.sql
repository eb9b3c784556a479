with listed as (
    select * from {{ ref('int_products_listed') }}
),

purchases as (
    select * from {{ ref('fct_purchases') }}
),

sold as (
    select
        product_id,
        max(fc_number) as fc_number,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from purchases
    group by product_id
),

joined as (
    select
        coalesce(listed.product_id, sold.product_id) as product_id,
        coalesce(listed.product_name, 'Unknown') as product_name,
        listed.brand,
        coalesce(listed.fc_number, sold.fc_number) as fc_number,
        case
            when listed.product_id is null then 'never_listed'
            when listed.is_listed then 'listed'
            else 'withdrawn'
        end as listing_status,
        listed.onqi_score,
        listed.cost_usd,
        listed.margin_share,
        coalesce(listed.has_untyped_values, false) as has_untyped_values,
        coalesce(listed.has_conflicting_names, false) as has_conflicting_names,
        sold.first_purchase_date,
        sold.last_purchase_date
    from listed
    full outer join sold on listed.product_id = sold.product_id
),

keyed as (
    select
        {{ surrogate_key(['product_id']) }} as product_key,
        product_id,
        product_name,
        brand,
        fc_number,
        listing_status,
        onqi_score,
        cost_usd,
        margin_share,
        has_untyped_values,
        has_conflicting_names,
        first_purchase_date,
        last_purchase_date
    from joined
)

select * from keyed
