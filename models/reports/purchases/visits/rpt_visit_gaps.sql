{% set gaps = [0, 1, 2, 5, 10, 15, 30, 60, 120] %}
{% if var('visit_gap_minutes') not in gaps %}
    {% do gaps.append(var('visit_gap_minutes')) %}
{% endif %}

with purchases as (
    select * from {{ ref('fct_purchases') }}
),

cards as (
    select * from {{ ref('dim_cards') }}
),

settings as (
    {% for gap in gaps -%}
        select {{ gap }} as gap_minutes
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

preceded as (
    select
        purchases.customer_key,
        purchases.purchased_at_utc,
        lag(purchases.purchased_at_utc) over (
            partition by purchases.customer_key, purchases.kiosk_id
            order by purchases.purchased_at_utc
        ) as previous_purchased_at_utc
    from purchases
),

-- Minutes begun, so that a gap of ten minutes and a second is longer than ten.
measured as (
    select
        customer_key,
        ceil({{ dbt.datediff(
            'previous_purchased_at_utc', 'purchased_at_utc', 'second'
        ) }} / 60.0) as waited_minutes
    from preceded
),

counted as (
    select
        grouped_cards.has_shared_cards,
        least(measured.waited_minutes, {{ gaps | max + 1 }}) as waited_minutes,
        count(*) as n_units
    from measured
    inner join grouped_cards on measured.customer_key = grouped_cards.customer_key
    group by
        grouped_cards.has_shared_cards,
        least(measured.waited_minutes, {{ gaps | max + 1 }})
),

summed as (
    select
        counted.has_shared_cards,
        settings.gap_minutes,
        cast(sum(counted.n_units) as bigint) as n_units,
        cast(sum(
            case
                when counted.waited_minutes <= settings.gap_minutes then 0
                else counted.n_units
            end
        ) as bigint) as n_visits
    from counted
    cross join settings
    group by counted.has_shared_cards, settings.gap_minutes
),

finished as (
    select
        has_shared_cards,
        gap_minutes,
        n_units,
        n_visits,
        cast(n_units as double) / n_visits as avg_units,
        gap_minutes = {{ var('visit_gap_minutes') }} as is_setting
    from summed
)

select * from finished
