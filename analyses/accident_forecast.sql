-- How many accidents are expected on the 14 days after the last whole day, in the city
-- and in the neighborhood with the most? The interval holds about 80 % of such days.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
),

forecasts as (
    select forecasts.*
    from reports.rpt_accident_forecast as forecasts
    inner join latest_vintage on forecasts.vintage = latest_vintage.vintage
),

busiest as (
    select neighborhood_slug
    from forecasts
    where area_kind = 'neighborhood'
    group by neighborhood_slug
    order by max(baseline_mean) desc, neighborhood_slug asc
    limit 1
)

select
    neighborhood_slug as area,
    forecast_date,
    estimate_kind,
    round(expected_accidents, 1) as expected_accidents,
    low_80,
    high_80,
    round(baseline_mean, 1) as baseline_mean,
    verdict,
    round(100 * measured_coverage, 1) as measured_coverage_percent,
    origin_date
from forecasts
where
    area_kind = 'city_total'
    or neighborhood_slug in (select busiest.neighborhood_slug from busiest)
order by area_kind asc, forecast_date asc
