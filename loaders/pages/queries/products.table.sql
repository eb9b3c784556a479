with by_month as (
    select product_id, list(n_purchases order by dimension_value) as n_by_month
    from rpt_top_products
    where dimension = 'month'
    group by product_id
)

select products.*, by_month.n_by_month
from rpt_top_products as products
left join by_month on products.product_id = by_month.product_id
where products.dimension = 'overall' and not products.is_suppressed
order by products.n_purchases desc, products.product_id
limit 60
