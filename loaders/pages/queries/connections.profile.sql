with first_pair as (
    select vintage, comparison, request_series, accident_series, period
    from rpt_event_correlations
    where period = 'week' and is_strongest_lag and correlation_low is not null
    order by q_value, abs(correlation) desc, request_series, accident_series
    limit 1
)

select lags.* from rpt_event_correlations as lags
inner join first_pair
    using (vintage, comparison, request_series, accident_series, period)
order by lags.lag_periods
