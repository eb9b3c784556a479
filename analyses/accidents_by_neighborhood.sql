-- Where do most accidents happen for the people who live there, in the latest vintage?
-- Residents are not drivers: where few live and many drive, the rate is high.
with latest_vintage as (
    select vintage
    from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, vintage asc
    limit 1
)

select
    accidents.neighborhood_name,
    sum(accidents.n_accidents) as n_accidents,
    round(
        1000.0 * sum(accidents.n_accidents) / max(accidents.population_2010), 1
    ) as accidents_per_1000_residents,
    count(*) as n_years,
    sum(case when accidents.is_partial_year then 1 else 0 end) as n_partial_years
from reports.rpt_accidents_by_neighborhood as accidents
inner join latest_vintage on accidents.vintage = latest_vintage.vintage
where accidents.population_2010 is not null
group by accidents.neighborhood_name
order by accidents_per_1000_residents desc, accidents.neighborhood_name asc
limit 10
