{% set reasons = {
    'impossible_moves': 'has_impossible_moves',
    'too_many_visits': 'has_too_many_visits',
    'too_many_kiosks': 'has_too_many_kiosks',
    'far_beyond_others': 'is_far_beyond_others',
    'any': 'is_shared_card',
    'none': 'not is_shared_card',
} %}

with cards as (
    select * from {{ ref('dim_cards') }}
),

totals as (
    select
        cast(sum(n_visits) as double) as n_visits,
        cast(sum(n_units) as double) as n_units
    from cards
),

counted as (
    {% for reason, condition in reasons.items() -%}
        select
            '{{ reason }}' as reason,
            count(*) as n_cards,
            cast(coalesce(sum(n_visits), 0) as bigint) as n_visits,
            cast(coalesce(sum(n_units), 0) as bigint) as n_units
        from cards
        where {{ condition }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

shared as (
    select
        counted.reason,
        counted.n_cards,
        counted.n_visits,
        counted.n_units,
        counted.n_visits / nullif(totals.n_visits, 0) as visit_share,
        counted.n_units / nullif(totals.n_units, 0) as unit_share
    from counted
    cross join totals
)

select * from shared
