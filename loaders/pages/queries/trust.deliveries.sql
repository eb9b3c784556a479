select
    _delivery_seq as number,
    replace(feed, '_', ' ') as feed,
    regexp_extract(uri, '[^/]*$') as file,
    status || coalesce(': ' || replace(reason, '_', ' '), '') as became,
    as_of_at,
    n_records,
    n_new,
    n_known,
    n_rejected,
    n_blank
from marts.fct_deliveries
order by status in ('held', 'failed') desc, _delivery_seq desc
limit 60
