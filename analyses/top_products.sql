-- Which ten products sell most, and how much of all sales are they? Units, not money:
-- the files have no price.
select
    sales_rank,
    product_id,
    product_name,
    n_purchases,
    round(100 * purchase_share, 1) as purchases_percent
from reports.rpt_top_products
where dimension = 'overall'
order by sales_rank, product_id
limit 10
