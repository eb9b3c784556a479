{% set dimensions = {'overall': [], 'visit_number': ['visit_number_band']} %}
{% set also = ['has_shared_cards', 'watched_days'] %}
{% set shown_days = [1, 7, 30, 90] %}

with cards as (
    select * from {{ ref('dim_cards') }}
),

last_day as (
    select max(purchase_date) as last_purchase_date from {{ ref('fct_purchases') }}
),

visits as (
    select * from {{ ref('fct_visits') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

waited as (
    select
        grouped_cards.has_shared_cards,
        visits.visit_number_band,
        coalesce(
            visits.days_to_next_visit,
            {{ dbt.datediff(
                'visits.visit_date', 'last_day.last_purchase_date', 'day'
            ) }}
        ) as watched_days,
        visits.days_to_next_visit is not null as has_returned
    from visits
    inner join grouped_cards on visits.customer_key = grouped_cards.customer_key
    cross join last_day
),

daily_counts as (
    select
        has_shared_cards,
        {{ dimension_columns(dimensions) }},
        watched_days,
        count(case when has_returned then 1 end) as n_closed,
        count(case when not has_returned then 1 end) as n_censored
    from waited
    group by {{ grouped_by_dimension(dimensions, also) }} -- noqa: PRS
),

survival_steps as (
    {{ survival_steps(
        'daily_counts', ['has_shared_cards', 'dimension', 'dimension_value']
    ) }}
),

-- The last step of the curve up to each of the days shown.
marked as (
    select
        {% for days in shown_days -%}
            coalesce(
                watched_days = max(
                    case when watched_days <= {{ days }} then watched_days end
                ) over (partition by has_shared_cards, dimension, dimension_value),
                false
            ) as is_step_of_day_{{ days }},
        {% endfor -%}
        *
    from survival_steps
),

-- Where nobody was watched so long, or all had come back, the curve says nothing more.
summed as (
    select
        has_shared_cards,
        dimension,
        dimension_value,
        cast(sum(n_closed + n_censored) as bigint) as n_visits,
        cast(sum(n_closed) as bigint) as n_returned,
        cast(sum(n_censored) as bigint) as n_censored,
        cast({{ survival_quantile('open_share_of_closed', 0.5) }} as integer)
            as median_days_of_returned,
        cast({{ survival_quantile('open_share', 0.5) }} as integer)
            as median_days_to_return,
        cast({{ survival_quantile('open_share_low', 0.5) }} as integer)
            as median_days_to_return_low,
        cast({{ survival_quantile('open_share_high', 0.5) }} as integer)
            as median_days_to_return_high,
        {% for days in shown_days -%}
            case
                when max(watched_days) >= {{ days }} or min(open_share) = 0
                    then 1 - coalesce(
                        max(case when is_step_of_day_{{ days }} then open_share end), 1
                    )
            end as returned_in_{{ days }}_days_share,
            case
                when max(watched_days) >= {{ days }}
                    then 1 - max(
                        case when is_step_of_day_{{ days }} then open_share_high end
                    )
            end as returned_in_{{ days }}_days_share_low,
            case
                when max(watched_days) >= {{ days }}
                    then 1 - max(
                        case when is_step_of_day_{{ days }} then open_share_low end
                    )
            end as returned_in_{{ days }}_days_share_high,
        {% endfor -%}
        min(open_share) <= 0.5 + 1e-12 as is_median_reached
    from marked
    group by has_shared_cards, dimension, dimension_value
)

select * from summed
