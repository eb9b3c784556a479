select
    case area_kind when 'city_total' then 'city' else 'neighborhoods' end
    || ': ' || replace(baseline, '_', ' ') as compared,
    *
from rpt_accident_forecast_skill
where area_kind <> 'neighborhood' and horizon_week = 1 and skill is not null
order by area_kind, horizon_week, skill, baseline, vintage
limit 20
