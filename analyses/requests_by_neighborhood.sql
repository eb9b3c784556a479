-- Where do most requests come from for the people who live there? Most requests have
-- no neighborhood, and residents are not those who ask: downtown few live and many
-- work. The interval is of chance alone, by how much the neighborhood's weeks scatter.
with neighborhoods as (
    select
        neighborhood_name,
        sum(n_requests) as n_requests,
        sqrt(sum(n_requests) * coalesce(max(week_dispersion), 1)) as deviation,
        max(population_2010) as population_2010
    from reports.rpt_service_requests_by_neighborhood
    where population_2010 is not null
    group by neighborhood_name
)

select
    neighborhood_name,
    n_requests,
    population_2010,
    round(1000 * n_requests / population_2010, 1) as requests_per_1000_residents,
    round(1000 / population_2010 * (n_requests - 1.96 * deviation), 1) as rate_low,
    round(1000 / population_2010 * (n_requests + 1.96 * deviation), 1) as rate_high
from neighborhoods
order by requests_per_1000_residents desc, neighborhood_name asc
limit 10
