-- How much may the units of each category have brought, if the margin is of the price,
-- and if it is of the cost? Both are assumptions: no file has a price, and the list
-- does not define the margin. Sums are over products for which both can be calculated.
select
    dimension,
    dimension_value,
    n_products,
    n_products_known,
    n_purchases,
    round(100 * known_purchase_share, 1) as known_percent,
    estimated_margin_if_of_price_usd,
    estimated_margin_if_of_cost_usd
from reports.rpt_product_economics
where dimension in ('overall', 'category')
order by dimension desc, n_purchases desc, dimension_value asc
limit 20
