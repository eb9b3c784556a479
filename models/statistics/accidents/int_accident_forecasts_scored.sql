{% set baselines = [
    'neighborhoods_mean', 'own_mean', 'own_weekday_mean', 'last_28_days_mean',
    'last_4_weekdays_mean',
] %}
{% set measures = [
    'forecast_n', 'interval_chance', 'forecast_deviance', 'baseline_deviance',
    'forecast_error', 'baseline_error',
] %}

-- Days that came true. Origins are a week apart, so that the first 7 days ahead hold
-- each day once, and the next 7 days too.
with forecasts as (
    select
        *,
        case when horizon_days <= 7 then 1 else 2 end as horizon_week,
        case when n_events between count_low and count_high then 1 else 0 end
            as is_in_interval
    from {{ ref('int_accidents_forecast') }}
    where n_events is not null
),

compared as (
    {% for baseline in baselines -%}
        select
            vintage,
            area_kind,
            neighborhood_slug,
            '{{ baseline }}' as baseline,
            horizon_week,
            n_events,
            expected_n as forecast_n,
            {{ baseline }} as baseline_n,
            interval_chance,
            is_in_interval,
            origin_date
        from forecasts
        -- What expects nothing at all, ever, is no baseline.
        where {{ baseline }} > 0
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

measured as (
    select
        *,
        {% for forecast in ['forecast', 'baseline'] -%}
            2 * (
                case
                    when n_events > 0 then n_events * ln(n_events / {{ forecast }}_n)
                    else 0
                end - n_events + {{ forecast }}_n
            ) as {{ forecast }}_deviance,
            abs(n_events - {{ forecast }}_n) as {{ forecast }}_error
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from compared
),

-- The city's own forecast is one thing, the forecasts of all neighborhoods together are
-- another.
areas as (
    select * from measured
    union all
    select
        vintage,
        'pooled_neighborhoods' as area_kind,
        'pooled_neighborhoods' as neighborhood_slug,
        baseline,
        horizon_week,
        n_events,
        forecast_n,
        baseline_n,
        interval_chance,
        is_in_interval,
        origin_date,
        forecast_deviance,
        forecast_error,
        baseline_deviance,
        baseline_error
    from measured
    where area_kind = 'neighborhood'
),

weeks as (
    select
        vintage,
        area_kind,
        neighborhood_slug,
        baseline,
        horizon_week,
        count(*) as n_days,
        sum(n_events) as n_events,
        sum(is_in_interval) as n_in_interval,
        {% for name in measures -%}
            {{ exact_sum(name) }} as {{ name }},
        {% endfor -%}
        origin_date
    from areas
    group by
        vintage, area_kind, neighborhood_slug, baseline, horizon_week, origin_date
)

select * from weeks
