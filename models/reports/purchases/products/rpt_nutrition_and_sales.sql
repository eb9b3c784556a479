{% set z = '1.959963984540054e0' %}

with ranks as (
    select * from {{ ref('int_nutrition_scores_ranked') }}
),

correlations as (
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
    from ranks
    group by dimension, dimension_value, measure
),

-- Fisher's z with the variance that Bonett and Wright give for ranks.
fisher_transforms as (
    select
        *,
        case
            when abs(rank_correlation) < 1
                then
                    0.5 * ln((1 + rank_correlation) / (1 - rank_correlation))
        end as fisher_z,
        sqrt((1 + rank_correlation * rank_correlation / 2) / (n_products - 3))
            as z_error
    from correlations
),

intervals as (
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
    from fisher_transforms
),

results as (
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
    from intervals
)

select * from results
