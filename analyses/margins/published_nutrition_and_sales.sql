-- Did products with a better nutrition score sell more, of those that the published
-- margins name? These are the first and the last by sales, so that a correlation of
-- them is too strong for the rest.
with ranked as (
    select
        rank() over (order by products.n_purchases) as sales_rank,
        rank() over (order by listed.onqi_score) as score_rank
    from margins.products as products
    inner join marts.dim_products as listed
        on products.product_id = listed.product_id
    where listed.onqi_score is not null
)

select
    count(*) as n_products,
    round(corr(sales_rank, score_rank), 2) as rank_correlation
from ranked
having count(*) > 2
