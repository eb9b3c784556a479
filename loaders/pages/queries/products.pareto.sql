select
    row_number() over (order by sales_rank, product_id) as place,
    product_name,
    n_purchases,
    -- Of what is shown: of all, it would tell what is hidden between two ranks.
    sum(n_purchases) over (order by sales_rank, product_id rows unbounded preceding)
    / sum(n_purchases) over () as cumulative_share
from rpt_top_products
where dimension = 'overall' and not is_suppressed
order by place
limit 60
