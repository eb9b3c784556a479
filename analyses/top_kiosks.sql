-- Which kiosks sell most, for each day that they sell at all? Units, not money: the
-- files have no price. A kiosk with few days may be new, or filled seldom; the
-- interval is Poisson's, so too narrow where sales come in bursts.
with kiosks as (
    select
        kiosk_id,
        count(*) as n_purchases,
        count(distinct purchase_date) as n_selling_days,
        count(distinct product_id) as n_products,
        min(purchase_date) as first_purchase_date,
        max(purchase_date) as last_purchase_date
    from marts.fct_purchases
    group by kiosk_id
)

select
    kiosk_id,
    n_purchases,
    n_selling_days,
    round(1.0 * n_purchases / n_selling_days, 2) as purchases_per_selling_day,
    round((n_purchases - 1.96 * sqrt(n_purchases)) / n_selling_days, 2) as rate_low,
    round((n_purchases + 1.96 * sqrt(n_purchases)) / n_selling_days, 2) as rate_high,
    n_products,
    first_purchase_date,
    last_purchase_date
from kiosks
order by n_purchases desc, kiosk_id asc
limit 10
