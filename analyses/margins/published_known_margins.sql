-- How many of the products that sold most have a cost and a margin on the list? By the
-- published margins, which name only the first and the last products.
select
    count(*) as n_products,
    count(case when listed.margin_share < 1 and listed.cost_usd > 0 then 1 end)
        as n_products_known,
    sum(products.n_purchases) as n_purchases,
    sum(case
        when listed.margin_share < 1 and listed.cost_usd > 0
            then products.n_purchases
    end) as n_purchases_known
from margins.products as products
left join marts.dim_products as listed on products.product_id = listed.product_id
