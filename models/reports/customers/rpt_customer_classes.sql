with card_uses as (
    select * from {{ ref('fct_card_uses') }}
),

last_day as (
    select max(purchase_date) as last_purchase_date from {{ ref('fct_purchases') }}
),

{{ card_groups() }},

classed as (
    select
        card_uses.is_shared_card,
        case
            when {{ dbt.datediff(
                'card_uses.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 7 then '0 to 7 days'
            when {{ dbt.datediff(
                'card_uses.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 30 then '8 to 30 days'
            when {{ dbt.datediff(
                'card_uses.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 90 then '31 to 90 days'
            else 'over 90 days'
        end as recency_class,
        case
            when card_uses.n_visits = 1 then '1 visit'
            when card_uses.n_visits <= 4 then '2 to 4 visits'
            when card_uses.n_visits <= 9 then '5 to 9 visits'
            when card_uses.n_visits <= 24 then '10 to 24 visits'
            else '25 visits or more'
        end as frequency_class,
        card_uses.n_visits,
        card_uses.n_units
    from card_uses
    cross join last_day
),

counted as (
    select
        card_groups.has_shared_cards,
        classed.recency_class,
        classed.frequency_class,
        count(*) as n_cards,
        cast(sum(classed.n_visits) as bigint) as n_visits,
        cast(sum(classed.n_units) as bigint) as n_units
    from classed
    inner join card_groups
        on card_groups.has_shared_cards or not classed.is_shared_card
    group by
        card_groups.has_shared_cards, classed.recency_class, classed.frequency_class
),

shared as (
    select
        has_shared_cards,
        recency_class,
        frequency_class,
        n_cards,
        n_visits,
        n_units,
        cast(n_cards as double)
        / sum(n_cards) over (partition by has_shared_cards) as card_share,
        cast(n_units as double)
        / sum(n_units) over (partition by has_shared_cards) as unit_share
    from counted
)

select * from shared
