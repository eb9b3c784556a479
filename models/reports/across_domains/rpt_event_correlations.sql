with series_correlations as (
    select * from {{ ref('int_series_pairs_correlated') }}
),

described as (
    select
        pair_key,
        vintage,
        comparison,
        request_series,
        accident_series,
        period,
        cast(sum(n_requests) as bigint) as n_requests,
        cast(sum(n_accidents) as bigint) as n_accidents
    from {{ ref('int_series_paired') }}
    group by
        pair_key, vintage, comparison, request_series, accident_series, period
),

-- One test per pair and length of period, of all its lags at once.
tested as (
    select
        pair_key,
        vintage,
        period,
        max(p_value) as p_value
    from series_correlations
    group by pair_key, vintage, period
),

ranked as (
    select
        *,
        count(*) over (partition by vintage) as n_tests,
        row_number() over (
            partition by vintage
            order by p_value asc, pair_key asc, period asc
        ) as p_rank
    from tested
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
        described.*,
        series_correlations.lag_periods,
        series_correlations.n_periods,
        series_correlations.n_blocks,
        series_correlations.naive_correlation,
        series_correlations.correlation,
        series_correlations.own_p_value,
        judged.p_value,
        judged.q_value,
        judged.n_tests,
        least(
            1 + 1 / (series_correlations.deviation * series_correlations.deviation),
            series_correlations.n_periods
        ) as effective_n,
        row_number() over (
            partition by described.pair_key, described.vintage, described.period
            order by
                round(
                    abs(series_correlations.correlation)
                    / series_correlations.deviation, 6
                ) desc,
                abs(series_correlations.lag_periods) asc,
                series_correlations.lag_periods asc
        ) as lag_rank
    from series_correlations
    inner join described
        on
            series_correlations.pair_key = described.pair_key
            and series_correlations.vintage = described.vintage
            and series_correlations.period = described.period
    inner join judged
        on
            series_correlations.pair_key = judged.pair_key
            and series_correlations.vintage = judged.vintage
            and series_correlations.period = judged.period
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
