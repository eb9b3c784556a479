-- How long until a card comes again? Kaplan-Meier: a card that has not come again
-- counts as away up to the last day. The median of returns alone is far too short.
select
    case
        when has_shared_cards then 'all cards'
        else 'without shared cards'
    end as cards,
    dimension,
    dimension_value,
    n_visits,
    n_returned,
    median_days_of_returned,
    median_days_to_return,
    round(100 * returned_in_30_days_share, 1) as percent_in_30_days,
    round(100 * returned_in_30_days_share_low, 1) as percent_low,
    round(100 * returned_in_30_days_share_high, 1) as percent_high
from reports.rpt_time_between_visits
where not has_shared_cards
order by dimension, dimension_value
