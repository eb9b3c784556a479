-- Can the accidents of a day in a neighborhood be forecast a week ahead better than by
-- a simple mean? Skill is 1 less the forecast's deviance by the simpler way's, over
-- days that nothing was learnt from; most of the deviance is chance that no forecast
-- takes away.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
),

skills as (
    select skills.*
    from reports.rpt_accident_forecast_skill as skills
    inner join latest_vintage on skills.vintage = latest_vintage.vintage
    where skills.horizon_week = 1
),

neighborhoods as (
    select
        baseline,
        count(*) as n_neighborhoods,
        sum(case when verdict = 'better' then 1 else 0 end) as n_better,
        sum(case when verdict = 'worse' then 1 else 0 end) as n_worse
    from skills
    where area_kind = 'neighborhood'
    group by baseline
)

select
    skills.baseline,
    skills.verdict,
    skills.n_days,
    skills.n_accidents,
    round(skills.skill, 3) as skill,
    round(skills.skill_low, 3) as skill_low,
    round(skills.skill_high, 3) as skill_high,
    round(100 * skills.in_interval_share, 1) as in_interval_percent,
    neighborhoods.n_neighborhoods,
    neighborhoods.n_better,
    neighborhoods.n_worse
from skills
inner join neighborhoods on skills.baseline = neighborhoods.baseline
where skills.area_kind = 'pooled_neighborhoods'
order by skills.skill asc, skills.baseline asc
