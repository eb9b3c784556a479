with judged as (
    select * from {{ ref('int_accident_forecasts_judged') }}
)

select
    vintage,
    area_kind,
    neighborhood_slug,
    baseline,
    verdict,
    horizon_week,
    n_days,
    n_weeks,
    n_accidents,
    n_accidents_forecast,
    mean_deviance,
    baseline_mean_deviance,
    mean_absolute_error,
    baseline_mean_absolute_error,
    skill,
    skill_low,
    skill_high,
    in_interval_share,
    mean_interval_chance
from judged
