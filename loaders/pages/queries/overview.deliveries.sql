select
    replace(feed, '_', ' ') as feed,
    regexp_extract(uri, '[^/]*$') as file,
    status,
    as_of_at,
    n_records,
    n_new,
    n_known,
    n_rejected
from marts.fct_deliveries
order by _delivery_seq desc
limit 8
