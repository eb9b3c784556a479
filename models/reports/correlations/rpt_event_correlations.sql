{% set least_n_events = 100 %}
{# Of requests and of accidents what is compared; only equal values, or all too? #}
{% set comparisons = {
    'kinds_in_the_city': ['request_type', 'accident_kind', false],
    'same_police_district': ['police_district', 'police_district', true],
    'same_neighborhood': ['neighborhood', 'neighborhood', true],
} %}

with series_periods as (
    select * from {{ ref('fct_series_periods') }}
    where lower(dimension_value) <> 'unknown'
),

compared_periods as (
    select * from {{ ref('fct_compared_periods') }}
),

lags as (
    {% for period, settings in correlated_periods().items() -%}
        select
            '{{ period }}' as period,
            {{ settings.scatter }} as scatter,
            {{ whole_numbers_between(
                -settings.greatest_lag, settings.greatest_lag
            ) }} as lag
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Of the requests as they were, of the accidents those so many periods later.
lagged as (
    {% for feed in ['service_requests', 'accidents'] -%}
        select
            series_periods.*,
            compared_periods.vintage as compared_vintage,
            compared_periods.block,
            compared_periods.place,
            lags.lag,
            lags.scatter
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

-- Series with enough events that tell of all the periods, shifted by whatever lag.
counted as (
    select
        series_key,
        feed,
        compared_vintage,
        dimension,
        dimension_value,
        period,
        sum(case when lag = 0 then n_events else 0 end) as n_events,
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
        from told as requests
        inner join told as accidents
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
            and requests.is_whole and requests.n_events >= {{ least_n_events }}
            and accidents.feed = 'accidents'
            and (
                accidents.dimension = '{{ accident_dimension }}'
                {% if not is_same %}or accidents.dimension = 'overall'{% endif %}
            )
            and accidents.is_whole and accidents.n_events >= {{ least_n_events }}
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

pairs as (
    select
        *,
        {{ surrogate_key(['comparison', 'request_series', 'accident_series']) }}
            as pair_key,
        vintage || ' ' || period as batch
    from pooled
),

pair_values as (
    select
        pairs.pair_key,
        pairs.request_series_key as part_key,
        pairs.batch,
        requests.lag,
        requests.scatter,
        requests.block,
        requests.place,
        requests.n_events as n_requests,
        accidents.n_events as n_accidents,
        requests.excess_events_per_day as x,
        accidents.excess_events_per_day as y
    from pairs
    inner join lagged as requests
        on
            pairs.request_series_key = requests.series_key
            and pairs.vintage = requests.compared_vintage
            and pairs.period = requests.period
    inner join lagged as accidents
        on
            pairs.accident_series_key = accidents.series_key
            and pairs.vintage = accidents.compared_vintage
            and pairs.period = accidents.period
            and requests.lag = accidents.lag
            and requests.block = accidents.block
            and requests.place = accidents.place
),

pair_moments as (
    select
        pair_key,
        batch,
        lag,
        max(scatter) as scatter,
        count(*) as n,
        round(avg(x), 9) as x_mean,
        round(avg(y), 9) as y_mean,
        round(stddev_pop(x), 9) as x_deviation,
        round(stddev_pop(y), 9) as y_deviation,
        {{ round_signed('corr(n_requests, n_accidents)', 9) }} as naive_correlation,
        {{ round_signed('corr(x, y)', 9) }} as correlation -- noqa: RF04
    from pair_values
    group by pair_key, batch, lag
),

{{ block_permutation_steps(199) }},

described as (
    select
        pair_key,
        batch,
        vintage,
        comparison,
        request_series,
        accident_series,
        period,
        cast(sum(n_requests) as bigint) as n_requests,
        cast(sum(n_accidents) as bigint) as n_accidents
    from pairs
    group by
        pair_key, batch, vintage, comparison, request_series, accident_series, period
),

ranked as (
    select
        described.*,
        pair_chances.own_p_value,
        pair_chances.p_value,
        count(*) over (partition by described.vintage) as n_tests,
        row_number() over (
            partition by described.vintage
            order by
                pair_chances.p_value asc, described.pair_key asc, described.period asc
        ) as p_rank
    from described
    inner join pair_chances
        on
            described.pair_key = pair_chances.pair_key
            and described.batch = pair_chances.batch
),

judged as (
    select
        *,
        {{ false_discovery_q('p_value', 'vintage') }} as q_value
    from ranked
),

-- As many independent periods would scatter as much: 1 / (n - 1) is their variance.
measured as (
    select
        judged.*,
        pair_moments.lag as lag_periods,
        pair_moments.n as n_periods,
        lag_deviations.n_blocks,
        pair_moments.naive_correlation,
        pair_moments.correlation,
        least(
            1 + 1 / (lag_deviations.deviation * lag_deviations.deviation),
            pair_moments.n
        ) as effective_n,
        row_number() over (
            partition by judged.pair_key, judged.batch
            order by
                round(abs(pair_moments.correlation) / lag_deviations.deviation, 6) desc,
                abs(pair_moments.lag) asc, pair_moments.lag asc
        ) as lag_rank
    from judged
    inner join pair_moments
        on
            judged.pair_key = pair_moments.pair_key
            and judged.batch = pair_moments.batch
    inner join lag_deviations
        on
            pair_moments.pair_key = lag_deviations.pair_key
            and pair_moments.batch = lag_deviations.batch
            and pair_moments.lag = lag_deviations.lag
    where lag_deviations.deviation > 0
),

bounded as (
    select
        vintage,
        comparison,
        request_series,
        accident_series,
        period,
        lag_periods,
        n_requests,
        n_accidents,
        n_periods,
        n_blocks,
        naive_correlation,
        {{ correlation_bound('naive_correlation', 'n_periods', 'low') }}
            as naive_correlation_low,
        {{ correlation_bound('naive_correlation', 'n_periods', 'high') }}
            as naive_correlation_high,
        correlation,
        effective_n,
        {{ correlation_bound('correlation', 'effective_n', 'low') }}
            as correlation_low,
        {{ correlation_bound('correlation', 'effective_n', 'high') }}
            as correlation_high,
        own_p_value,
        p_value,
        q_value,
        n_tests,
        lag_rank = 1 as is_strongest_lag,
        q_value <= 0.05 as has_survived
    from measured
)

select * from bounded
