-- Which of the products that sold most have no margin to calculate with? By the
-- published margins; a margin of 100 % of the price leaves nothing for the cost.
select
    products.product_id,
    listed.product_name,
    listed.cost_usd,
    listed.margin_share,
    products.n_purchases
from margins.products as products
left join marts.dim_products as listed on products.product_id = listed.product_id
where not coalesce(listed.margin_share < 1 and listed.cost_usd > 0, false)
order by products.n_purchases desc, products.product_id asc
