-- Which ten products sold most, by the published margins? Counted by others, from a
-- file that is not public.
select
    products.product_id,
    products.n_purchases,
    round(100.0 * products.n_purchases / totals.n_purchases, 1) as purchases_percent,
    totals.n_purchases as n_all_purchases
from margins.products as products
cross join margins.totals as totals
order by products.n_purchases desc, products.product_id asc
limit 10
