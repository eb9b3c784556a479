-- What does the product list add to sales: how much of what is sold has a nutrition
-- score, a cost, a margin? Whether the margin is of price or of cost is not said, so
-- no revenue is made of it; 100 % is kept, and means nothing.
with sold as (
    select
        product_id,
        count(*) as n_purchases
    from marts.fct_purchases
    group by product_id
)

select
    coalesce(products.fc_number, 'none') as fc_number,
    count(*) as n_products,
    sum(sold.n_purchases) as n_purchases,
    sum(case when products.onqi_score is null then 0 else sold.n_purchases end)
        as n_with_score,
    sum(case when products.cost_usd is null then 0 else sold.n_purchases end)
        as n_with_cost,
    sum(case when products.margin_share is null then 0 else sold.n_purchases end)
        as n_with_margin,
    round(
        sum(products.onqi_score * sold.n_purchases)
        / sum(case when products.onqi_score is not null then sold.n_purchases end), 1
    ) as onqi_per_purchase,
    round(
        sum(products.cost_usd * sold.n_purchases)
        / sum(case when products.cost_usd is not null then sold.n_purchases end), 2
    ) as cost_usd_per_purchase
from sold
left join marts.dim_products as products on sold.product_id = products.product_id
group by coalesce(products.fc_number, 'none')
order by n_purchases desc, fc_number asc
limit 10
