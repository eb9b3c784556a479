select replace(feed, '_', ' ') as feed, replace(reason, '_', ' ') as reason,
    count(*) as n_rows, max(_delivery_seq) as last_delivery
from marts.fct_rejected_rows
group by all
order by n_rows desc, feed, reason
limit 40
