{% set dimensions = {'overall': [], 'month': ['first_visit_month']} %}
{% set within_days = 30 %}

with visits as (
    select * from {{ ref('fct_visits') }}
),

cards as (
    select * from {{ ref('dim_cards') }}
),

-- The last day of the data may not be over.
last_day as (
    select max(purchase_date) as last_purchase_date from {{ ref('fct_purchases') }}
),

grouped_cards as (
    {{ grouped_cards('cards') }}
),

-- A second visit of the same day is no return.
returns as (
    select
        visits.customer_key,
        min(visits.visit_date) as return_date
    from visits
    inner join cards
        on
            visits.customer_key = cards.customer_key
            and visits.visit_date > cards.first_visit_date
    group by visits.customer_key
),

watched as (
    select
        grouped_cards.has_shared_cards,
        substring(cast(grouped_cards.first_visit_date as varchar), 1, 7)
            as first_visit_month,
        {{ dbt.datediff(
            'grouped_cards.first_visit_date', 'last_day.last_purchase_date', 'day'
        ) }} > {{ within_days }} as is_watched,
        coalesce(
            {{ dbt.datediff(
                'grouped_cards.first_visit_date', 'returns.return_date', 'day'
            ) }} <= {{ within_days }},
            false
        ) as has_returned
    from grouped_cards
    cross join last_day
    left join returns on grouped_cards.customer_key = returns.customer_key
),

counted as (
    select
        has_shared_cards,
        {{ dimension_columns(dimensions) }},
        count(*) as n_cards,
        count(case when not is_watched then 1 end) as n_censored,
        count(case when is_watched then 1 end) as n_watched,
        count(case when is_watched and has_returned then 1 end) as n_returned
    from watched
    group by {{ grouped_by_dimension(dimensions, ['has_shared_cards']) }} -- noqa: PRS
),

shared as (
    select
        has_shared_cards,
        dimension_value as first_visit_month,
        n_cards,
        n_censored,
        n_watched,
        n_returned,
        cast(n_returned as double) / nullif(n_watched, 0) as repeat_share,
        {{ wilson_bound('n_returned', 'n_watched', 'low') }} as repeat_share_low,
        {{ wilson_bound('n_returned', 'n_watched', 'high') }} as repeat_share_high
    from counted
)

select * from shared
