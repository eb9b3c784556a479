select replace(feed, '_', ' ') as feed, * exclude (feed)
from rpt_metric_changes
order by build_number desc, abs(relative_difference) desc nulls last, figure, slice
limit 30
