-- How many of the cards with most units: so many, or a share of all, rounded up.
{% set tops = {
    'top card': '1',
    'top 10 cards': '10',
    'top 1 %': 'ceil(0.01 * n_all_cards)',
    'top 10 %': 'ceil(0.1 * n_all_cards)',
    'top half': 'ceil(0.5 * n_all_cards)',
    'all cards': 'n_all_cards',
} %}

with cards as (
    select * from {{ ref('dim_cards') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

-- Of cards with as many units any may stand for the others: their units are the same.
ranked as (
    select
        has_shared_cards,
        n_units,
        row_number() over (
            partition by has_shared_cards
            order by n_units desc, customer_key asc
        ) as card_rank,
        count(*) over (partition by has_shared_cards) as n_all_cards
    from grouped_cards
),

counted as (
    {% for top, n_cards in tops.items() -%}
        select
            has_shared_cards,
            '{{ top }}' as top_cards,
            count(case when card_rank <= {{ n_cards }} then 1 end) as n_cards,
            count(*) as n_all_cards,
            cast(
                coalesce(
                    sum(case when card_rank <= {{ n_cards }} then n_units end), 0
                ) as bigint
            ) as n_units,
            cast(sum(n_units) as bigint) as n_all_units
        from ranked
        group by has_shared_cards
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

shared as (
    select
        has_shared_cards,
        top_cards,
        n_cards,
        n_all_cards,
        n_units,
        n_all_units,
        cast(n_units as double) / n_all_units as unit_share
    from counted
)

select * from shared
