{% set z = '1.959963984540054e0' %}
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

sold as (
    select
        product_id,
        count(*) as n_purchases
    from purchases
    group by product_id
),

scored as (
    select
        products.product_id,
        coalesce(products.fc_number, 'Unknown') as fc_number,
        products.onqi_score,
        sold.n_purchases,
        round(
            cast(sold.n_purchases as double)
            / nullif(product_spans.n_active_kiosk_days, 0), 9
        ) as purchases_per_active_kiosk_day
    from products
    inner join sold on products.product_id = sold.product_id
    inner join product_spans on products.product_id = product_spans.product_id
),

scopes as (
    select
        'overall' as dimension,
        'All' as dimension_value,
        *
    from scored
    union all
    select
        'category' as dimension,
        fc_number as dimension_value,
        *
    from scored
),

measured as (
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
ranked as (
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
    from measured
),

correlated as (
    select
        dimension,
        dimension_value,
        measure,
        count(*) as n_products,
        sum(n_purchases) as n_purchases,
        count(distinct onqi_score) as n_scores,
        case
            when
                count(*) >= 4
                and count(distinct onqi_score) > 1
                and count(distinct sales) > 1
                then {{ round_signed('corr(onqi_score_rank, sales_rank)', 9) }}
        end as rank_correlation
    from ranked
    group by dimension, dimension_value, measure
),

-- Fisher's z with the variance that Bonett and Wright give for ranks.
transformed as (
    select
        *,
        case
            when abs(rank_correlation) < 1
                then
                    0.5 * ln((1 + rank_correlation) / (1 - rank_correlation))
        end as fisher_z,
        sqrt((1 + rank_correlation * rank_correlation / 2) / (n_products - 3))
            as z_error
    from correlated
),

bounded as (
    select
        dimension,
        dimension_value,
        measure,
        n_products,
        cast(n_purchases as bigint) as n_purchases,
        rank_correlation,
        {% for end, sign in {'low': '-', 'high': '+'}.items() -%}
            {{ round_signed(
                '1 - 2 / (exp(2 * (fisher_z ' ~ sign ~ z ~ ' * z_error)) + 1)', 9
            ) }} as rank_correlation_{{ end }},
        {% endfor -%}
        n_products < 10 as has_few_products,
        count(*) over (partition by dimension, measure) as n_compared
    from transformed
),

judged as (
    select
        dimension,
        dimension_value,
        measure,
        n_products,
        n_purchases,
        rank_correlation,
        rank_correlation_low,
        rank_correlation_high,
        n_compared,
        has_few_products,
        coalesce(rank_correlation_low > 0 or rank_correlation_high < 0, false)
            as is_clear
    from bounded
)

select * from judged
