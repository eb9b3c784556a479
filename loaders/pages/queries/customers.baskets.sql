select
    if(dimension = 'overall', 'All visits', dimension_value) as visits,
    *
from rpt_basket_sizes
where not has_shared_cards and dimension <> 'kiosk'
order by dimension desc, n_visits desc nulls last, visits
