select
    count(*) filter (where is_new_alert) as n_new,
    count(distinct series_key) as n_series,
    (select sum(n_open_held) from rpt_trust) as n_held
from rpt_series_alerts
