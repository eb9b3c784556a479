{% set dimensions = {'overall': [], 'earlier_visits': ['earlier_visits']} %}

with cards as (
    select * from {{ ref('dim_cards') }}
),

visit_products as (
    select
        visits.customer_key,
        cards.is_shared_card,
        visits.visit_number,
        visit_products.product_id
    from {{ ref('fct_visit_products') }} as visit_products
    inner join {{ ref('fct_visits') }} as visits
        on visit_products.visit_key = visits.visit_key
    inner join cards on visits.customer_key = cards.customer_key
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

-- How popular each product is with cards that are not shared.
popular as (
    select
        product_id,
        cast(count(case when not is_shared_card then 1 end) as double)
        / nullif(
            sum(count(case when not is_shared_card then 1 end)) over (), 0
        ) as product_share
    from visit_products
    group by product_id
),

first_bought as (
    select
        visit_products.customer_key,
        visit_products.visit_number,
        popular.product_share,
        min(visit_products.visit_number) over (
            partition by visit_products.customer_key, visit_products.product_id
        ) < visit_products.visit_number as is_bought_again
    from visit_products
    inner join popular on visit_products.product_id = popular.product_id
),

by_visit as (
    select
        customer_key,
        visit_number,
        count(*) as n_products,
        count(case when is_bought_again then 1 end) as n_bought_again,
        {{ exact_sum('case when is_bought_again then 0 else product_share end') }}
            as new_product_share
    from first_bought
    group by customer_key, visit_number
),

-- What one who takes products by their popularity alone would happen to have had.
expected as (
    select
        *,
        sum(new_product_share) over (
            partition by customer_key
            order by visit_number
            rows between unbounded preceding and 1 preceding
        ) as known_product_share
    from by_visit
),

later_visits as (
    select
        grouped_cards.has_shared_cards,
        case
            when expected.visit_number = 2 then '1'
            when expected.visit_number <= 5 then '2 to 4'
            when expected.visit_number <= 10 then '5 to 9'
            when expected.visit_number <= 25 then '10 to 24'
            else '25 or more'
        end as earlier_visits,
        expected.n_products,
        expected.n_bought_again,
        expected.n_products * expected.known_product_share as expected_n_bought_again
    from expected
    inner join grouped_cards on expected.customer_key = grouped_cards.customer_key
    where expected.visit_number > 1
),

counted as (
    select
        has_shared_cards,
        {{ dimension_columns(dimensions) }},
        count(*) as n_visits,
        count(case when n_bought_again > 0 then 1 end) as n_visits_with_one_again,
        cast(sum(n_products) as bigint) as n_products,
        cast(sum(n_bought_again) as bigint) as n_bought_again,
        {{ exact_sum('expected_n_bought_again') }} as expected_n_bought_again
    from later_visits
    group by {{ grouped_by_dimension(dimensions, ['has_shared_cards']) }} -- noqa: PRS
),

-- Rounded, so that it is the same in whatever order the visits are added up.
shared as (
    select
        has_shared_cards,
        dimension,
        dimension_value,
        n_visits,
        n_visits_with_one_again,
        n_products,
        n_bought_again,
        cast(n_visits_with_one_again as double) / n_visits as visit_again_share,
        cast(n_bought_again as double) / n_products as bought_again_share,
        {{ wilson_bound('n_bought_again', 'n_products', 'low') }}
            as bought_again_share_low,
        {{ wilson_bound('n_bought_again', 'n_products', 'high') }}
            as bought_again_share_high,
        least(round(expected_n_bought_again / n_products, 9), 1)
            as chance_bought_again_share
    from counted
)

select * from shared
