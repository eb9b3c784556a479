select replace(feed, '_', ' ') as feed, * exclude (feed)
from rpt_restatements
where n_added + n_changed + n_withdrawn + n_reinstated > 0
order by as_of_at desc, feed, month_start_date desc, series
limit 40
