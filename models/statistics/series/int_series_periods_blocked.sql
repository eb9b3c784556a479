with overall_periods as (
    select * from {{ ref('int_series_periods_detrended') }}
    where dimension = 'overall'
),

lags as ({{ correlated_lags() }}),

-- Periods of the requests that have all the lagged ones of the accidents beside them.
matched as (
    select
        accidents.vintage,
        requests.period,
        requests.period_number,
        lags.block_length
    from overall_periods as requests
    inner join lags
        on requests.period = lags.period
    inner join overall_periods as accidents
        on
            requests.period = accidents.period
            and requests.period_number + lags.lag = accidents.period_number
    where requests.feed = 'service_requests' and accidents.feed = 'accidents'
    group by
        accidents.vintage, requests.period, requests.period_number, lags.block_length,
        lags.n_lags
    having count(*) = lags.n_lags
),

-- Blocks are counted back from the last period; one that lacks a period is left out.
counted_back as (
    select
        *,
        max(period_number) over (partition by vintage, period) - period_number
            as n_periods_back
    from matched
),

blocked as (
    select
        *,
        cast(floor(cast(n_periods_back as double) / block_length) as integer)
            as block_back,
        cast(n_periods_back % block_length as integer) as place
    from counted_back
),

measured as (
    select
        *,
        count(*) over (partition by vintage, period, block_back) as n_in_block
    from blocked
),

numbered as (
    select
        vintage,
        period,
        period_number,
        cast(
            dense_rank() over (partition by vintage, period order by block_back asc) - 1
            as integer
        ) as block,
        place
    from measured
    where n_in_block = block_length
)

select * from numbered
