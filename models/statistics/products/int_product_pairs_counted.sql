with visit_products as (
    select * from {{ ref('fct_visit_products') }}
),

visits as (
    select * from {{ ref('fct_visits') }}
),

cards as (
    select * from {{ ref('dim_cards') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

-- Only a visit with several products can show a pair.
baskets as (
    select
        grouped_cards.has_shared_cards,
        visits.visit_key,
        visits.kiosk_id,
        visits.n_products
    from visits
    inner join grouped_cards on visits.customer_key = grouped_cards.customer_key
    where visits.n_products > 1
),

basket_products as (
    select
        baskets.has_shared_cards,
        baskets.visit_key,
        baskets.kiosk_id,
        baskets.n_products,
        visit_products.product_id
    from baskets
    inner join visit_products on baskets.visit_key = visit_products.visit_key
),

pairs as (
    select
        one.has_shared_cards,
        one.product_id as one_product_id,
        other.product_id as other_product_id,
        count(*) as n_together
    from basket_products as one
    inner join basket_products as other
        on
            one.has_shared_cards = other.has_shared_cards
            and one.visit_key = other.visit_key
            and one.product_id < other.product_id
    group by one.has_shared_cards, one.product_id, other.product_id
),

kiosk_products as (
    select
        has_shared_cards,
        kiosk_id,
        product_id,
        cast(count(*) as double) as n_baskets,
        sum(n_products - 1) as n_pairings
    from basket_products
    group by has_shared_cards, kiosk_id, product_id
),

-- The pairs that a kiosk sold, dealt out to its products by how often each was in a
-- basket: a factor for the product of both counts.
kiosks as (
    select
        has_shared_cards,
        kiosk_id,
        cast(sum(n_pairings) as double)
        / (sum(n_baskets) * sum(n_baskets) - sum(n_baskets * n_baskets))
            as pairs_per_chance
    from kiosk_products
    group by has_shared_cards, kiosk_id
),

-- Rounded, so that it is the same in whatever order the kiosks are added up.
expected as (
    select
        pairs.has_shared_cards,
        pairs.one_product_id,
        pairs.other_product_id,
        pairs.n_together,
        round(
            sum(one.n_baskets * other.n_baskets * kiosks.pairs_per_chance), 9
        ) as expected_n_together
    from pairs
    inner join kiosk_products as one
        on
            pairs.has_shared_cards = one.has_shared_cards
            and pairs.one_product_id = one.product_id
    inner join kiosk_products as other
        on
            pairs.has_shared_cards = other.has_shared_cards
            and pairs.other_product_id = other.product_id
            and one.kiosk_id = other.kiosk_id
    inner join kiosks
        on
            one.has_shared_cards = kiosks.has_shared_cards
            and one.kiosk_id = kiosks.kiosk_id
    group by
        pairs.has_shared_cards, pairs.one_product_id, pairs.other_product_id,
        pairs.n_together
),

keyed as (
    select
        {{ surrogate_key(
            ['has_shared_cards', 'one_product_id', 'other_product_id']
        ) }} as product_pair_key,
        has_shared_cards,
        one_product_id,
        other_product_id,
        n_together,
        expected_n_together
    from expected
)

select * from keyed
