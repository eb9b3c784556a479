select
    replace(feed, '_', ' ') as feed,
    dimension || ' ' || dimension_value as series,
    alert,
    event_date,
    n_events,
    expected_n,
    n_silent_days
from rpt_series_alerts
where is_new_alert
order by event_date desc, chance, feed, series
limit 12
