-- Which product sold most in each part of the day, by the published margins? Their
-- parts of the day are of UTC, and they name only products with high counts.
select
    day_part,
    max_by(product_id, (n_purchases, product_id)) as product_id,
    max(n_purchases) as n_purchases
from margins.product_parts
group by day_part
order by n_purchases desc, day_part asc
