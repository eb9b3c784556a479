-- A returned row is a total that differs between the purchases that name a card, their
-- visits and the reports on customers: units or visits were lost or counted twice.
with totals as (
    select
        (
            select count(*)
            from {{ ref('fct_purchases') }} as purchases
            inner join {{ ref('dim_customers') }} as customers
                on purchases.customer_key = customers.customer_key
            where customers.is_known
        ) as n_units,
        (select count(*) from {{ ref('fct_visits') }}) as n_visits,
        (select sum(n_units) from {{ ref('fct_visit_products') }}) as n_in_products,
        (select sum(n_units) from {{ ref('fct_visits') }}) as n_in_visits,
        (select sum(n_units) from {{ ref('dim_cards') }}) as n_in_cards,
        (
            select sum(n_units) from {{ ref('rpt_basket_sizes') }}
            where has_shared_cards and dimension = 'kiosk'
        ) as n_in_baskets,
        (
            select sum(n_units) from {{ ref('rpt_customer_classes') }}
            where has_shared_cards
        ) as n_in_classes,
        (
            select sum(n_units) from {{ ref('rpt_shared_cards') }}
            where reason in ('any', 'none')
        ) as n_shared_or_not,
        (select sum(n_visits) from {{ ref('dim_cards') }}) as n_visits_of_cards,
        (
            select sum(n_visits) from {{ ref('rpt_visit_gaps') }}
            where has_shared_cards and is_setting
        ) as n_visits_by_setting,
        (
            select sum(n_visits) from {{ ref('rpt_time_between_visits') }}
            where has_shared_cards and dimension = 'visit_number'
        ) as n_visits_waited
),

differing as (
    select * from totals
    where
        coalesce(n_in_products, 0) <> n_units
        or coalesce(n_in_visits, 0) <> n_units
        or coalesce(n_in_cards, 0) <> n_units
        or coalesce(n_in_baskets, 0) <> n_units
        or coalesce(n_in_classes, 0) <> n_units
        or coalesce(n_shared_or_not, 0) <> n_units
        or coalesce(n_visits_of_cards, 0) <> n_visits
        or coalesce(n_visits_by_setting, 0) <> n_visits
        or coalesce(n_visits_waited, 0) <> n_visits
)

select * from differing
