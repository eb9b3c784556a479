-- Which neighborhoods, kiosks and products recently had far more or fewer events than
-- is usual there? Of the last 28 observed days; all series of a set together give at
-- most one false alert in 30 days, and holidays give alerts too.
select
    feed,
    dimension,
    dimension_value,
    event_date,
    alert,
    n_events,
    round(expected_n, 1) as expected_n,
    n_silent_days,
    n_series,
    is_new_alert
from reports.rpt_series_alerts
order by event_date desc, chance asc, feed asc, dimension asc, dimension_value asc
limit 20
