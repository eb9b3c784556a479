-- Which months were changed by deliveries after they were over, and by how much? Only
-- months that the delivery before covered to their end; a new wording is no change.
select
    feed,
    month_start_date,
    count(*) as n_deliveries_that_restated,
    max(n_before) as n_events,
    sum(n_added) as n_added,
    sum(n_changed) as n_changed,
    sum(n_withdrawn) as n_withdrawn,
    round(100 * max(restated_per_row_before), 1) as most_percent_at_once
from reports.rpt_restatements
group by feed, month_start_date
order by most_percent_at_once desc nulls last, feed asc, month_start_date asc
limit 20
