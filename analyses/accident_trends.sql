-- Do accidents become more or fewer? The last 365 observed days by the 365 before, with
-- intervals by how much weeks scatter. A step at a break in coding is no change.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
)

select
    trends.area,
    trends.area_value,
    trends.measure,
    trends.n_before_365_days,
    trends.n_last_365_days,
    round(trends.rate_ratio, 2) as rate_ratio,
    round(trends.rate_ratio_low, 2) as rate_ratio_low,
    round(trends.rate_ratio_high, 2) as rate_ratio_high,
    round(trends.dispersion, 1) as dispersion,
    trends.has_clear_change,
    trends.crosses_coding_break,
    trends.as_of_date
from reports.rpt_accident_trends as trends
inner join latest_vintage on trends.vintage = latest_vintage.vintage
where trends.has_whole_windows
order by trends.area, trends.area_value, trends.measure
