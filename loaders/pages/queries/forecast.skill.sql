select
    case area_kind when 'city_total' then 'city' else 'neighborhoods' end
    || ', week ' || horizon_week || ': ' || replace(baseline, '_', ' ') as compared,
    *
from rpt_accident_forecast_skill
where area_kind <> 'neighborhood' and skill is not null
order by area_kind, horizon_week, skill, baseline, vintage
limit 20
