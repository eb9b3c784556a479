select
    row_number() over (order by n_purchases desc, product_id) as place,
    product_name,
    n_purchases,
    -- Of what is shown: the report's own is left out below a hidden row.
    sum(n_purchases) over (order by n_purchases desc, product_id rows unbounded preceding)
    / sum(n_purchases) over () as cumulative_share
from rpt_top_products
where dimension = 'overall' and not is_suppressed
order by place
limit 60
