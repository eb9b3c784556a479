with vintages as (
    select vintage from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, count(*) desc, vintage
    limit 1
)

select
    replace(offense_family, '_', ' ') as family, occurred_year, n_accidents, n_measured,
    median_hours_to_report, p90_hours_to_report, late_share, late_share_low,
    late_share_high, is_suppressed
from rpt_accident_reporting_delays
where
    vintage = (select vintage from vintages)
    and occurred_year = (
        select max(occurred_year) from rpt_accident_reporting_delays
        where vintage = (select vintage from vintages)
    )
qualify count(median_hours_to_report) over () > 0
order by family
