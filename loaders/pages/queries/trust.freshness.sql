select replace(feed, '_', ' ') as name, *
from rpt_trust
order by last_event_date is null, feed
