-- Which products have sales, but no margin to calculate with? A margin of 100 % of the
-- price leaves nothing for the cost, so it counts as unknown.
select
    dimension_value as product_id,
    product_name,
    margin_status,
    n_purchases
from reports.rpt_product_economics
where dimension = 'product' and margin_status <> 'known'
order by n_purchases desc, product_id asc
limit 20
