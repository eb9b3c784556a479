select replace(feed, '_', ' ') as feed, * exclude (feed)
from rpt_delivery_impact
order by abs(relative_difference) desc nulls last, figure, slice
limit 20
