{% set measures = {
    'purchases': 'n_purchases',
    'purchases_per_active_kiosk_day': 'purchases_per_active_kiosk_day',
} %}

with products as (
    select * from {{ ref('dim_products') }}
    where onqi_score is not null
),

product_spans as (
    select * from {{ ref('int_product_sale_spans_found') }}
),

purchases as (
    select * from {{ ref('fct_purchases') }}
),

sales as (
    select
        product_id,
        count(*) as n_purchases
    from purchases
    group by product_id
),

scored_products as (
    select
        products.product_id,
        coalesce(products.fc_number, 'Unknown') as fc_number,
        products.onqi_score,
        sales.n_purchases,
        round(
            cast(sales.n_purchases as double)
            / nullif(product_spans.n_active_kiosk_days, 0), 9
        ) as purchases_per_active_kiosk_day
    from products
    inner join sales on products.product_id = sales.product_id
    inner join product_spans on products.product_id = product_spans.product_id
),

scopes as (
    select
        'overall' as dimension,
        'All' as dimension_value,
        *
    from scored_products
    union all
    select
        'category' as dimension,
        fc_number as dimension_value,
        *
    from scored_products
),

sales_by_measure as (
    {% for measure, column in measures.items() -%}
        select
            dimension,
            dimension_value,
            '{{ measure }}' as measure,
            onqi_score,
            n_purchases,
            cast({{ column }} as double) as sales
        from scopes
        where {{ column }} is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Equal values share the mean of their ranks.
ranks as (
    select
        *,
        rank() over (
            partition by dimension, dimension_value, measure order by onqi_score
        ) + (count(*) over (
            partition by dimension, dimension_value, measure, onqi_score
        ) - 1) / 2.0 as onqi_score_rank,
        rank() over (
            partition by dimension, dimension_value, measure order by sales
        ) + (count(*) over (
            partition by dimension, dimension_value, measure, sales
        ) - 1) / 2.0 as sales_rank
    from sales_by_measure
)

select * from ranks
