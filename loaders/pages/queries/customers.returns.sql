select
    if(dimension = 'overall', 'all visits', 'visit ' || dimension_value) as visits,
    *
from rpt_time_between_visits
where not has_shared_cards
order by
    dimension, try_cast(regexp_extract(dimension_value, '[0-9]+') as integer),
    dimension_value desc
