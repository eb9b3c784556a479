with visit_products as (
    select * from {{ ref('fct_visit_products') }}
),

visits as (
    select * from {{ ref('fct_visits') }}
),

card_uses as (
    select * from {{ ref('fct_card_uses') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

{{ card_groups() }},

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
        buyers.product_id,
        card_uses.is_shared_card,
        count(*) as n_buyers,
        count(case when card_uses.n_visits > buyers.first_visit_number then 1 end)
            as n_seen_again,
        count(case when buyers.n_visits_with > 1 then 1 end) as n_repeat_buyers
    from buyers
    inner join card_uses on buyers.customer_key = card_uses.customer_key
    group by buyers.product_id, card_uses.is_shared_card
),

grouped as (
    select
        card_groups.has_shared_cards,
        counted.product_id,
        cast(sum(counted.n_buyers) as bigint) as n_buyers,
        cast(sum(counted.n_seen_again) as bigint) as n_seen_again,
        cast(sum(counted.n_repeat_buyers) as bigint) as n_repeat_buyers
    from counted
    inner join card_groups
        on card_groups.has_shared_cards or not counted.is_shared_card
    group by card_groups.has_shared_cards, counted.product_id
),

named as (
    select
        grouped.has_shared_cards,
        grouped.product_id,
        products.product_name,
        grouped.n_buyers,
        grouped.n_seen_again,
        grouped.n_repeat_buyers,
        cast(grouped.n_repeat_buyers as double) / nullif(grouped.n_seen_again, 0)
            as repeat_buyer_share,
        {{ wilson_bound('grouped.n_repeat_buyers', 'grouped.n_seen_again', 'low') }}
            as repeat_buyer_share_low,
        {{ wilson_bound('grouped.n_repeat_buyers', 'grouped.n_seen_again', 'high') }}
            as repeat_buyer_share_high,
        grouped.n_seen_again < 100 as is_small_sample
    from grouped
    inner join products on grouped.product_id = products.product_id
)

select * from named
