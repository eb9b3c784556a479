{% set least_n_events = 100 %}
{# Of requests and of accidents what is compared; only equal values, or all too? #}
{% set comparisons = {
    'kinds_in_the_city': ['request_type', 'accident_kind', false],
    'same_police_district': ['police_district', 'police_district', true],
    'same_neighborhood': ['neighborhood', 'neighborhood', true],
} %}

with series_periods as (
    select * from {{ ref('int_series_periods_detrended') }}
    where lower(dimension_value) <> 'unknown'
),

compared_periods as (
    select * from {{ ref('int_series_periods_blocked') }}
),

lags as ({{ correlated_lags() }}),

-- Of the requests as they were, of the accidents those so many periods later.
lagged as (
    {% for feed in ['service_requests', 'accidents'] -%}
        select
            series_periods.*,
            compared_periods.vintage as compared_vintage,
            lags.lag
        from compared_periods
        inner join lags
            on compared_periods.period = lags.period
        inner join series_periods
            on
                compared_periods.period = series_periods.period
                and series_periods.feed = '{{ feed }}'
                {% if feed == 'accidents' -%}
                    and compared_periods.vintage = series_periods.vintage
                    and compared_periods.period_number + lags.lag
                    = series_periods.period_number
                {%- else -%}
                    and compared_periods.period_number = series_periods.period_number
                {%- endif %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Series with enough events that cover all the periods, at any lag.
counted as (
    select
        series_key,
        feed,
        compared_vintage,
        dimension,
        dimension_value,
        period,
        cast(sum(case when lag = 0 then n_events else 0 end) as bigint) as n_events,
        count(*) as n_rows
    from lagged
    group by
        series_key, feed, compared_vintage, dimension, dimension_value, period
),

told as (
    select
        *,
        n_rows = max(n_rows) over (partition by compared_vintage, period) as is_whole
    from counted
),

enough as (
    select * from told
    where is_whole and n_events >= {{ least_n_events }}
),

paired as (
    {% for comparison, (request_dimension, accident_dimension, is_same)
    in comparisons.items() -%}
        select
            '{{ comparison }}' as comparison,
            requests.dimension_value as request_series,
            accidents.dimension_value as accident_series,
            requests.series_key as request_series_key,
            accidents.series_key as accident_series_key,
            requests.compared_vintage as vintage,
            requests.period,
            requests.n_events as n_requests,
            accidents.n_events as n_accidents
        from enough as requests
        inner join enough as accidents
            on
                requests.compared_vintage = accidents.compared_vintage
                and requests.period = accidents.period
                {% if is_same -%}
                    and requests.dimension_value = accidents.dimension_value
                {%- endif %}
        where
            requests.feed = 'service_requests'
            and (
                requests.dimension = '{{ request_dimension }}'
                {% if not is_same %}or requests.dimension = 'overall'{% endif %}
            )
            and accidents.feed = 'accidents'
            and (
                accidents.dimension = '{{ accident_dimension }}'
                {% if not is_same %}or accidents.dimension = 'overall'{% endif %}
            )
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- All neighborhoods together: what is within each of them, not what is between them.
pooled as (
    select * from paired
    union all
    select
        'all_neighborhoods' as comparison,
        'Pooled' as request_series,
        'Pooled' as accident_series,
        request_series_key,
        accident_series_key,
        vintage,
        period,
        n_requests,
        n_accidents
    from paired
    where comparison = 'same_neighborhood'
),

keyed as (
    select
        {{ surrogate_key(['comparison', 'request_series', 'accident_series']) }}
            as pair_key,
        *
    from pooled
)

select * from keyed
