select
    forecasts.neighborhood_slug,
    neighborhoods.neighborhood_name,
    'places/' || forecasts.neighborhood_slug || '.html' as file,
    list(forecasts.expected_accidents order by forecasts.forecast_date) as by_day,
    sum(forecasts.expected_accidents) as expected_accidents,
    14 * any_value(forecasts.baseline_mean) as usual_accidents,
    any_value(forecasts.measured_coverage) as measured_coverage,
    any_value(forecasts.skill) as skill,
    any_value(forecasts.skill_low) as skill_low,
    any_value(forecasts.skill_high) as skill_high,
    any_value(forecasts.verdict_text) as verdict_text
from rpt_accident_forecast as forecasts
inner join marts.dim_neighborhoods as neighborhoods using (neighborhood_slug)
where
    forecasts.area_kind = 'neighborhood'
    and forecasts.origin_date = (select max(origin_date) from rpt_accident_forecast)
    and not forecasts.is_suppressed
group by all
having count(*) = 14
order by expected_accidents desc, neighborhood_name
