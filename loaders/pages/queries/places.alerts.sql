select dimension_value as slug, replace(feed, '_', ' ') as feed, alert, event_date,
    n_events, expected_n, n_silent_days
from rpt_series_alerts
where dimension = 'neighborhood' and is_new_alert
order by slug, event_date desc, feed, alert
