-- How many cards come back within 30 days, with and without shared ones? A card is not
-- a person; cards whose 30 days are not over are left out, and the first months have
-- more regular customers, who first came before the data begin.
select
    case
        when has_shared_cards then 'all cards'
        else 'without shared cards'
    end as cards,
    first_visit_month,
    n_watched,
    n_returned,
    round(100 * repeat_share, 1) as percent_back,
    round(100 * repeat_share_low, 1) as percent_low,
    round(100 * repeat_share_high, 1) as percent_high
from reports.rpt_repeat_customers
where n_watched > 0
order by first_visit_month desc, cards asc
