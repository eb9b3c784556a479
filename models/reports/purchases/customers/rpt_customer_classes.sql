with cards as (
    select * from {{ ref('dim_cards') }}
),

last_day as (
    select max(purchase_date) as last_purchase_date from {{ ref('fct_purchases') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

classed as (
    select
        grouped_cards.has_shared_cards,
        case
            when {{ dbt.datediff(
                'grouped_cards.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 7 then '0 to 7 days'
            when {{ dbt.datediff(
                'grouped_cards.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 30 then '8 to 30 days'
            when {{ dbt.datediff(
                'grouped_cards.last_visit_date', 'last_day.last_purchase_date', 'day'
            ) }} <= 90 then '31 to 90 days'
            else 'over 90 days'
        end as recency_class,
        case
            when grouped_cards.n_visits = 1 then '1 visit'
            when grouped_cards.n_visits <= 4 then '2 to 4 visits'
            when grouped_cards.n_visits <= 9 then '5 to 9 visits'
            when grouped_cards.n_visits <= 24 then '10 to 24 visits'
            else '25 visits or more'
        end as frequency_class,
        grouped_cards.n_visits,
        grouped_cards.n_units
    from grouped_cards
    cross join last_day
),

counted as (
    select
        has_shared_cards,
        recency_class,
        frequency_class,
        count(*) as n_cards,
        cast(sum(n_visits) as bigint) as n_visits,
        cast(sum(n_units) as bigint) as n_units
    from classed
    group by has_shared_cards, recency_class, frequency_class
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
