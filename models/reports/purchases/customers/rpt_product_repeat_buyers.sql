with visit_products as (
    select * from {{ ref('fct_visit_products') }}
),

visits as (
    select * from {{ ref('fct_visits') }}
),

cards as (
    select * from {{ ref('dim_cards') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

buyers as (
    select
        visit_products.customer_key,
        visit_products.product_id,
        count(*) as n_visits_with,
        min(visits.visit_number) as first_visit_number
    from visit_products
    inner join visits on visit_products.visit_key = visits.visit_key
    group by visit_products.customer_key, visit_products.product_id
),

-- Only one who came again could have bought it again.
counted as (
    select
        grouped_cards.has_shared_cards,
        buyers.product_id,
        count(*) as n_buyers,
        count(case when grouped_cards.n_visits > buyers.first_visit_number then 1 end)
            as n_seen_again,
        count(case when buyers.n_visits_with > 1 then 1 end) as n_repeat_buyers
    from buyers
    inner join grouped_cards on buyers.customer_key = grouped_cards.customer_key
    group by grouped_cards.has_shared_cards, buyers.product_id
),

named as (
    select
        counted.has_shared_cards,
        counted.product_id,
        products.product_name,
        counted.n_buyers,
        counted.n_seen_again,
        counted.n_repeat_buyers,
        cast(counted.n_repeat_buyers as double) / nullif(counted.n_seen_again, 0)
            as repeat_buyer_share,
        {{ wilson_bound('counted.n_repeat_buyers', 'counted.n_seen_again', 'low') }}
            as repeat_buyer_share_low,
        {{ wilson_bound('counted.n_repeat_buyers', 'counted.n_seen_again', 'high') }}
            as repeat_buyer_share_high,
        counted.n_seen_again < 100 as is_small_sample
    from counted
    inner join products on counted.product_id = products.product_id
)

select * from named
