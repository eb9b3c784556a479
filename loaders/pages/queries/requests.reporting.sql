select
    agency,
    request_type,
    count(*) as n_neighborhoods,
    count(*) filter (where verdict = 'told') as n_told,
    count(*) filter (where reason = 'few_points') as n_few_points,
    count(*) filter (where reason = 'few_repeats') as n_few_repeats,
    min(repeats_per_day) as least_per_day,
    min_by(neighborhood_name, (repeats_per_day, neighborhood_name))
        filter (where verdict = 'told') as least_neighborhood,
    max(repeats_per_day) as most_per_day,
    max_by(neighborhood_name, (repeats_per_day, neighborhood_name))
        filter (where verdict = 'told') as most_neighborhood
from rpt_reporting_rates
where neighborhood_name <> 'Unknown'
group by agency, request_type
qualify max(n_told) over () > 0
order by n_told desc, n_neighborhoods desc, agency, request_type
limit 10
