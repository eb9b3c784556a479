-- At what hour of which weekday do accidents happen? Ten of the 168; the hour of the
-- first occurrence on the city's clock. Accidents without a known hour are left out.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
),

hours as (
    select
        counts.vintage,
        cast(left(counts.dimension_value, 1) as integer) as iso_weekday,
        cast(right(counts.dimension_value, 2) as integer) as hour_of_day,
        counts.n_accidents,
        counts.n_hit_and_run_accidents,
        counts.n_impaired_accidents
    from reports.rpt_accident_counts as counts
    inner join latest_vintage on counts.vintage = latest_vintage.vintage
    where
        counts.dimension = 'weekday_and_hour'
        and counts.dimension_value not like '%Unknown'
)

select
    iso_weekday,
    hour_of_day,
    n_accidents,
    round(n_accidents / avg(n_accidents) over (), 2) as times_the_average_hour,
    n_hit_and_run_accidents,
    n_impaired_accidents
from hours
order by n_accidents desc, iso_weekday asc, hour_of_day asc
limit 10
