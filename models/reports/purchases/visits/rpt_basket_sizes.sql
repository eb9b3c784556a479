{% set dimensions = {
    'overall': [],
    'kiosk': ['kiosk_id'],
    'day_part': ['day_part'],
} %}
{% set z = '1.959963984540054e0' %}

with visits as (
    select
        visits.customer_key,
        visits.kiosk_id,
        times_of_day.day_part,
        visits.n_units,
        visits.n_products,
        visits.n_units = visits.n_priced_units as is_priced,
        visits.revenue_usd
    from {{ ref('fct_visits') }} as visits
    inner join {{ ref('dim_times_of_day') }} as times_of_day
        on visits.visit_hour = times_of_day.hour_of_day
),

cards as (
    select * from {{ ref('dim_cards') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

by_card as (
    select
        {{ dimension_columns(dimensions) }},
        customer_key,
        count(*) as n_visits,
        sum(n_units) as n_units,
        sum(n_products) as n_products,
        {% for size in range(1, 5) -%}
            count(case when n_units = {{ size }} then 1 end) as n_visits_of_{{ size }},
        {% endfor -%}
        max(n_units) as max_units,
        count(case when is_priced then 1 end) as n_priced_visits,
        sum(case when is_priced then revenue_usd end) as revenue_usd
    from visits
    group by {{ grouped_by_dimension(dimensions, ['customer_key']) }} -- noqa: PRS
),

-- Visits of one card are alike, so cards are what the interval takes to be independent.
counted as (
    select
        grouped_cards.has_shared_cards,
        by_card.dimension,
        by_card.dimension_value,
        count(*) as n_cards,
        {% for name in [
            'n_visits', 'n_units', 'n_products', 'n_visits_of_1', 'n_visits_of_2',
            'n_visits_of_3', 'n_visits_of_4',
        ] -%}
            cast(sum(by_card.{{ name }}) as bigint) as {{ name }},
        {% endfor -%}
        max(by_card.max_units) as max_units,
        count(case when by_card.n_priced_visits > 0 then 1 end) as n_priced_cards,
        cast(sum(by_card.n_priced_visits) as bigint) as n_priced_visits,
        cast(sum(by_card.revenue_usd) as decimal(18, 2)) as revenue_usd,
        cast(sum(by_card.n_units * by_card.n_units) as double) as units_squared,
        cast(sum(by_card.n_units * by_card.n_visits) as double) as units_by_visits,
        cast(sum(by_card.n_visits * by_card.n_visits) as double) as visits_squared
    from by_card
    inner join grouped_cards on by_card.customer_key = grouped_cards.customer_key
    group by
        grouped_cards.has_shared_cards, by_card.dimension, by_card.dimension_value
),

averaged as (
    select
        *,
        cast(n_units as double) / n_visits as avg_units,
        cast(n_products as double) / n_visits as avg_products
    from counted
),

-- A ratio of two sums over cards, by the delta method.
estimated as (
    select
        *,
        case
            when n_cards > 1
                then {{ z }} * sqrt(
                    greatest(
                        units_squared
                        - 2 * avg_units * units_by_visits
                        + avg_units * avg_units * visits_squared,
                        0
                    ) * n_cards / (n_cards - 1)
                ) / n_visits
        end as half_width
    from averaged
),

finished as (
    select
        has_shared_cards,
        dimension,
        dimension_value,
        n_cards,
        n_visits,
        n_units,
        {% for size in range(1, 5) -%}
            n_visits_of_{{ size }},
        {% endfor -%}
        n_visits - n_visits_of_1 - n_visits_of_2 - n_visits_of_3 - n_visits_of_4
            as n_visits_of_5_or_more,
        max_units,
        n_priced_cards,
        n_priced_visits,
        revenue_usd,
        cast(revenue_usd as double) / nullif(n_priced_visits, 0) as avg_revenue_usd,
        avg_products,
        avg_units,
        case
            when half_width is not null then greatest(avg_units - half_width, 1)
        end as avg_units_low,
        avg_units + half_width as avg_units_high,
        cast(n_visits_of_1 as double) / n_visits as single_unit_share,
        {{ wilson_bound('n_visits_of_1', 'n_visits', 'low') }}
            as single_unit_share_low,
        {{ wilson_bound('n_visits_of_1', 'n_visits', 'high') }}
            as single_unit_share_high,
        n_visits < 100 or n_cards < 30 as is_small_sample
    from estimated
)

select * from finished
