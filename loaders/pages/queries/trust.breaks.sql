select replace(feed, '_', ' ') as feed, * exclude (feed)
from rpt_coding_breaks
order by break_date desc, feed, vintage, code_column, code
limit 40
