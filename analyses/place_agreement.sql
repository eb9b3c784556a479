-- How often is the given point in the given neighborhood? Points near a border may fall
-- on either side, so a few percent of disagreement are no mistake.
select
    source,
    vintage,
    sum(n_stated) as n_stated,
    sum(n_compared) as n_compared,
    sum(n_agreeing) as n_agreeing,
    round(100.0 * sum(n_agreeing) / nullif(sum(n_compared), 0), 1) as agreement_percent,
    round(min(agreement_share), 3) as lowest_share_of_a_neighborhood
from reports.rpt_place_agreement
group by source, vintage
order by source, vintage
