select
    vintage, count(*) as n_accidents, min(occurred_date) as first_date,
    max(occurred_date) as last_date
from marts.fct_incidents
group by vintage
order by last_date desc, n_accidents desc, vintage
