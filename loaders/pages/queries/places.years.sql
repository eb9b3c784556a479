select
    neighborhoods.neighborhood_slug as slug,
    year(occurred_date) as occurred_year,
    count(*) as n_accidents,
    count(*) filter (where is_fatal or is_serious_injury) as n_serious,
    count(*) filter (where is_hit_and_run) as n_hit_and_run,
    any_value(years.is_partial_period) as is_partial,
    (
        select count(*) from rpt_coding_breaks as breaks
        where
            breaks.feed = 'accidents' and breaks.vintage = any_value(fct_incidents.vintage)
            and year(breaks.break_date) = year(occurred_date)
    ) as n_breaks
from marts.fct_incidents
inner join marts.dim_neighborhoods as neighborhoods using (neighborhood_key)
left join rpt_accident_counts as years
    on
        years.vintage = fct_incidents.vintage
        and years.dimension = 'year'
        and years.dimension_value = cast(year(occurred_date) as varchar)
where
    fct_incidents.vintage
    = (select arg_max(vintage, occurred_date) from marts.fct_incidents)
    and neighborhoods.is_known
group by slug, occurred_year
order by slug, occurred_year
