select
    if(dimension = 'overall', 'All products', dimension_value) as what,
    * exclude (dimension, dimension_value)
from rpt_product_economics
where dimension in ('overall', 'brand')
order by dimension desc, n_purchases desc nulls last, what
