{% set dimensions = {
    'product': ['product_id'],
    'category': ['fc_number'],
    'brand': ['brand'],
    'overall': [],
} %}
{% set readings = ['price', 'cost'] %}

with products as (
    select * from {{ ref('dim_products') }}
),

purchases as (
    select * from {{ ref('fct_purchases') }}
),

sold as (
    select
        product_id,
        count(*) as n_purchases,
        count(price_usd) as n_priced_purchases,
        sum(price_usd) as revenue_usd
    from purchases
    group by product_id
),

-- A margin of the price leaves 1 - m of it for the cost; one of the cost is put on top.
priced as (
    select
        products.product_key,
        products.product_id,
        products.product_name,
        coalesce(products.fc_number, 'Unknown') as fc_number,
        coalesce(products.brand, 'Unknown') as brand,
        sold.n_purchases,
        sold.n_priced_purchases,
        sold.revenue_usd,
        case when products.cost_usd is not null then sold.n_priced_purchases else 0 end
            as n_margin_purchases,
        sold.revenue_usd - sold.n_priced_purchases * products.cost_usd as margin_usd,
        products.cost_usd,
        products.margin_share,
        case
            when products.listing_status = 'never_listed' then 'never_listed'
            when products.cost_usd is null then 'no_cost'
            when products.margin_share is null then 'no_margin'
            when products.margin_share = 1 then 'whole_price'
            else 'known'
        end as margin_status,
        cast(products.cost_usd as double) / nullif(1 - products.margin_share, 0)
            as price_if_of_price,
        cast(products.cost_usd as double) * (1 + products.margin_share)
            as price_if_of_cost
    from sold
    inner join products on sold.product_id = products.product_id
),

totals as (
    select
        {{ dimension_columns(dimensions) }},
        count(*) as n_products,
        count(case when margin_status = 'known' then 1 end) as n_products_known,
        sum(n_purchases) as n_purchases,
        sum(case when margin_status = 'known' then n_purchases else 0 end)
            as n_purchases_known,
        sum(n_priced_purchases) as n_priced_purchases,
        sum(n_margin_purchases) as n_margin_purchases,
        sum(revenue_usd) as revenue_usd,
        sum(margin_usd) as margin_usd,
        {% for reading in readings -%}
            sum(cast(
                case
                    when margin_status = 'known'
                        then n_purchases * price_if_of_{{ reading }}
                end as decimal(38, 6)
            )) as revenue_if_of_{{ reading }},
            sum(cast(
                case
                    when margin_status = 'known'
                        then
                            n_purchases
                            * (price_if_of_{{ reading }} - cast(cost_usd as double))
                end as decimal(38, 6)
            )) as margin_if_of_{{ reading }},
        {% endfor -%}
        max(product_key) as product_key,
        max(product_name) as product_name,
        max(margin_status) as margin_status
    from priced
    group by {{ grouped_by_dimension(dimensions) }} -- noqa: PRS
    -- Where nothing was sold, all of nothing is no row.
    having count(*) > 0
),

rounded as (
    select
        dimension,
        dimension_value,
        case when dimension = 'product' then product_key end as product_key,
        case when dimension = 'product' then product_name end as product_name,
        case when dimension = 'product' then margin_status end as margin_status,
        n_products,
        n_products_known,
        cast(n_purchases as bigint) as n_purchases,
        cast(n_purchases_known as bigint) as n_purchases_known,
        cast(n_priced_purchases as bigint) as n_priced_purchases,
        cast(n_margin_purchases as bigint) as n_margin_purchases,
        cast(n_purchases_known as double) / n_purchases as known_purchase_share,
        cast(revenue_usd as decimal(18, 2)) as revenue_usd,
        cast(margin_usd as decimal(18, 2)) as margin_usd,
        {% for reading in readings -%}
            cast(revenue_if_of_{{ reading }} as decimal(18, 2))
                as estimated_revenue_if_of_{{ reading }}_usd,
            cast(margin_if_of_{{ reading }} as decimal(18, 2))
                as estimated_margin_if_of_{{ reading }}_usd,
        {% endfor -%}
        true as is_assumption
    from totals
)

select * from rounded
