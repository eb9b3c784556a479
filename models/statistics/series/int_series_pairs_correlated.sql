{% set n_draws = 199 %}

with compared_series as (
    select
        *,
        vintage || ' ' || period as batch
    from {{ ref('int_series_paired') }}
),

series_periods as (
    select * from {{ ref('int_series_periods_detrended') }}
),

compared_periods as (
    select * from {{ ref('int_series_periods_blocked') }}
),

lags as ({{ correlated_lags() }}),

-- Of the requests as they were, of the accidents those so many periods later.
pair_values as (
    select
        compared_series.pair_key,
        compared_series.vintage,
        compared_series.period,
        compared_series.request_series_key as part_key,
        compared_series.batch,
        lags.lag,
        lags.scatter,
        compared_periods.block,
        compared_periods.place,
        requests.n_events as n_requests,
        accidents.n_events as n_accidents,
        requests.excess_events_per_day as x,
        accidents.excess_events_per_day as y
    from compared_series
    inner join compared_periods
        on
            compared_series.vintage = compared_periods.vintage
            and compared_series.period = compared_periods.period
    inner join lags
        on compared_series.period = lags.period
    inner join series_periods as requests
        on
            compared_series.request_series_key = requests.series_key
            and compared_series.period = requests.period
            and compared_periods.period_number = requests.period_number
    inner join series_periods as accidents
        on
            compared_series.accident_series_key = accidents.series_key
            and compared_series.period = accidents.period
            and compared_periods.period_number + lags.lag = accidents.period_number
),

pair_moments as (
    select
        pair_key,
        vintage,
        period,
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
    group by pair_key, vintage, period, batch, lag
),

block_correlations as (
    {{ block_correlations('pair_values', 'pair_moments') }}
),

lag_deviations as (
    {{ lag_deviations('block_correlations') }}
),

pair_chances as (
    {{ permutation_chances(
        'pair_values', 'block_correlations', 'lag_deviations', n_draws
    ) }}
),

measured as (
    select
        pair_moments.vintage,
        pair_moments.pair_key,
        pair_moments.period,
        pair_moments.lag as lag_periods,
        pair_moments.n as n_periods,
        lag_deviations.n_blocks,
        pair_moments.naive_correlation,
        pair_moments.correlation,
        lag_deviations.deviation,
        cast(pair_chances.own_p_value as double) as own_p_value,
        cast(pair_chances.p_value as double) as p_value
    from pair_moments
    inner join lag_deviations
        on
            pair_moments.pair_key = lag_deviations.pair_key
            and pair_moments.batch = lag_deviations.batch
            and pair_moments.lag = lag_deviations.lag
    inner join pair_chances
        on
            pair_moments.pair_key = pair_chances.pair_key
            and pair_moments.batch = pair_chances.batch
    where lag_deviations.deviation > 0
)

select * from measured
