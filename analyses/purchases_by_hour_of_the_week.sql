-- At what hour of which weekday do people buy, by the clock of the kiosk? Ten of the
-- 168, as purchases per such weekday observed and times the average hour, with
-- quasi-Poisson intervals.
select
    period as weekday_and_hour,
    n_events as n_purchases,
    n_days_observed as n_weekdays,
    round(events_per_day, 2) as purchases_per_weekday,
    round(seasonal_index, 2) as times_the_average_hour,
    round(seasonal_index_low, 2) as times_low,
    round(seasonal_index_high, 2) as times_high
from reports.rpt_seasonality
where
    feed = 'purchases'
    and event_type = 'All'
    and dimension = 'weekday_and_hour'
order by seasonal_index desc, period_number asc
limit 10
