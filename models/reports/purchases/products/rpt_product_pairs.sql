-- Pairs bought together in fewer visits are no finding, however unlikely by chance.
{% set least_together = 5 %}
-- So many of the pairs that are called found may be by chance.
{% set greatest_false_share = 0.05 %}
{% set z = '1.959963984540054e0' %}

with pairs as (
    select
        *,
        n_together as n_seen,
        expected_n_together as expected_n
    from {{ ref('int_product_pairs_counted') }}
    where n_together >= {{ least_together }}
),

products as (
    select * from {{ ref('dim_products') }}
),

visits as (
    select * from {{ ref('fct_visits') }}
),

visit_products as (
    select * from {{ ref('fct_visit_products') }}
),

cards as (
    select * from {{ ref('dim_cards') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

grouped_visits as (
    select
        grouped_cards.has_shared_cards,
        visits.visit_key,
        visits.n_products
    from visits
    inner join grouped_cards on visits.customer_key = grouped_cards.customer_key
),

visits_counted as (
    select
        has_shared_cards,
        count(*) as n_visits
    from grouped_visits
    group by has_shared_cards
),

product_visits as (
    select
        grouped_visits.has_shared_cards,
        visit_products.product_id,
        count(*) as n_visits,
        max(grouped_visits.n_products) as max_products
    from visit_products
    inner join grouped_visits on visit_products.visit_key = grouped_visits.visit_key
    group by grouped_visits.has_shared_cards, visit_products.product_id
),

-- All pairs of products that were ever bought with others count as tested, also those
-- that were never bought together.
pairs_tested as (
    select
        has_shared_cards,
        cast(count(*) * (count(*) - 1) / 2 as bigint) as n_pairs_tested
    from product_visits
    where max_products > 1
    group by has_shared_cards
),

poisson_tails as (
    {{ poisson_tails('pairs', ['product_pair_key']) }}
),

tested as (
    select
        pairs.has_shared_cards,
        pairs.one_product_id,
        pairs.other_product_id,
        pairs.n_together,
        pairs.expected_n_together,
        poisson_tails.p_value,
        pairs_tested.n_pairs_tested,
        pairs_tested.n_pairs_tested as n_tests,
        row_number() over (
            partition by pairs.has_shared_cards
            order by poisson_tails.p_value, pairs.product_pair_key
        ) as p_rank
    from pairs
    inner join poisson_tails
        on pairs.product_pair_key = poisson_tails.product_pair_key
    inner join pairs_tested
        on pairs.has_shared_cards = pairs_tested.has_shared_cards
),

-- Benjamini and Hochberg: the least share of false findings at which it is one.
adjusted as (
    select
        *,
        {{ false_discovery_q('p_value', 'has_shared_cards') }} as false_discovery_share
    from tested
),

named as (
    select
        adjusted.has_shared_cards,
        adjusted.one_product_id,
        adjusted.other_product_id,
        one_product.product_name as one_product_name,
        other_product.product_name as other_product_name,
        visits_counted.n_visits,
        one.n_visits as n_visits_with_one,
        other.n_visits as n_visits_with_other,
        adjusted.n_together,
        adjusted.expected_n_together,
        adjusted.n_pairs_tested,
        cast(adjusted.n_together as double) / visits_counted.n_visits
            as support_share,
        cast(adjusted.n_together as double) / one.n_visits as other_given_one_share,
        cast(adjusted.n_together as double) / other.n_visits as one_given_other_share,
        cast(adjusted.n_together as double) / one.n_visits
        / other.n_visits * visits_counted.n_visits as plain_lift,
        adjusted.n_together / adjusted.expected_n_together as lift,
        -- Byar's interval of a Poisson count.
        adjusted.n_together / adjusted.expected_n_together * power(
            1 - 1e0 / (9 * adjusted.n_together)
            - {{ z }} / (3 * sqrt(adjusted.n_together)),
            3
        ) as lift_low,
        (adjusted.n_together + 1) / adjusted.expected_n_together * power(
            1 - 1e0 / (9 * (adjusted.n_together + 1))
            + {{ z }} / (3 * sqrt(adjusted.n_together + 1)),
            3
        ) as lift_high,
        adjusted.p_value,
        adjusted.false_discovery_share,
        adjusted.false_discovery_share <= {{ greatest_false_share }} as is_found
    from adjusted
    inner join visits_counted
        on adjusted.has_shared_cards = visits_counted.has_shared_cards
    inner join product_visits as one
        on
            adjusted.has_shared_cards = one.has_shared_cards
            and adjusted.one_product_id = one.product_id
    inner join product_visits as other
        on
            adjusted.has_shared_cards = other.has_shared_cards
            and adjusted.other_product_id = other.product_id
    inner join products as one_product
        on adjusted.one_product_id = one_product.product_id
    inner join products as other_product
        on adjusted.other_product_id = other_product.product_id
)

select * from named
