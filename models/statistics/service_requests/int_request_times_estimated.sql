{% set dimensions = request_dimensions() %}
{% do dimensions.update({'request_month': ['request_month']}) %}

with requests as (
    select * from {{ ref('int_requests_labelled') }}
    where watched_days is not null
),

daily_counts as (
    select
        {{ dimension_columns(dimensions) }},
        watched_days,
        count(case when not is_open then 1 end) as n_closed,
        count(case when is_open then 1 end) as n_censored
    from requests
    group by {{ grouped_by_dimension(dimensions, ['watched_days']) }} -- noqa: PRS
),

survival_steps as (
    {{ survival_steps('daily_counts', ['dimension', 'dimension_value']) }}
),

quantiles as (
    select
        dimension,
        dimension_value,
        {% for name, share in {'median': 0.5, 'p90': 0.1}.items() -%}
            {{ survival_quantile('open_share', share) }} as {{ name }}_days,
            {{ survival_quantile('open_share_low', share) }} as {{ name }}_days_low,
            {{ survival_quantile('open_share_high', share) }} as {{ name }}_days_high,
            {{ survival_quantile('open_share_of_closed', share) }}
                as {{ name }}_days_of_closed,
        {% endfor -%}
        cast(sum(n_closed + n_censored) as bigint) as n_watched
    from survival_steps
    group by dimension, dimension_value
)

select * from quantiles
