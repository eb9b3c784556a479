select
    request_series || ' and ' || replace(accident_series, '_', ' ') as pair, *
from rpt_event_correlations
where is_strongest_lag and correlation_low is not null
order by
    has_survived desc, q_value, abs(correlation) desc, comparison, pair, period,
    lag_periods, vintage
limit 20
