-- Do residents report alike in every neighborhood? Reports a day of one open incident,
-- from requests that repeat another about the same place within 30 days. What the data
-- do not allow to tell is counted by its reason; it is no rate of zero.
select
    agency,
    request_type,
    count(*) as n_neighborhoods,
    count(case when verdict = 'told' then 1 end) as n_told,
    count(case when reason = 'few_points' then 1 end) as n_few_points,
    count(case when reason = 'few_repeats' then 1 end) as n_few_repeats,
    round(min(repeats_per_day), 3) as least_per_day,
    round(max(repeats_per_day), 3) as most_per_day
from reports.rpt_reporting_rates
where neighborhood_name <> 'Unknown'
group by agency, request_type
order by n_told desc, n_neighborhoods desc, agency asc, request_type asc
