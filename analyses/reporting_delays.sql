-- How long after an accident is it reported? Accidents that are not reported yet are
-- missing, so that the last year looks too quick.
select
    vintage,
    occurred_year,
    offense_family,
    n_accidents,
    n_measured,
    round(median_hours_to_report, 1) as median_hours,
    round(p90_hours_to_report, 1) as p90_hours,
    round(100 * late_share, 1) as over_7_days_percent,
    round(100 * late_share_low, 1) as percent_low,
    round(100 * late_share_high, 1) as percent_high
from reports.rpt_accident_reporting_delays
where n_measured >= 30
order by vintage, occurred_year, offense_family
