select
    if(dimension = 'overall', 'All', 'category ' || dimension_value) as what,
    *
from rpt_nutrition_and_sales
where
    measure = 'purchases_per_active_kiosk_day'
    and rank_correlation is not null
    and (dimension = 'overall' or not has_few_products)
order by dimension desc, n_purchases desc, what
limit 10
