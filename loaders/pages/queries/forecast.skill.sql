select replace(baseline, '_', ' ') as compared, *
from rpt_accident_forecast_skill
where neighborhood_slug = 'all'
order by skill, baseline, vintage
