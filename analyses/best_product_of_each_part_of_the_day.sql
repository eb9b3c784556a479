-- Which product sells most in each part of the day, in each month? Local clock, units;
-- a share of few units may be chance, and the first and the last month are partial.
with sold as (
    select
        *,
        sum(n_purchases) over (partition by dimension, dimension_value) as n_all
    from reports.rpt_top_products
    where dimension in ('day_part', 'month')
),

ranked as (
    select
        *,
        row_number() over (
            partition by dimension, dimension_value
            order by n_purchases desc, product_id asc
        ) as place
    from sold
)

select
    dimension,
    dimension_value,
    product_id,
    product_name,
    n_purchases,
    n_all,
    round(100.0 * n_purchases / n_all, 1) as purchases_percent
from ranked
where place = 1
order by dimension, dimension_value
