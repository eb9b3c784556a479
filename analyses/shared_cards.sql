-- How many cards seem to be shared by several people, or placeholders, and what do they
-- buy? A card may be found for several reasons; each is a guess from use, because no
-- file records which cards are shared.
select
    reason,
    n_cards,
    n_visits,
    n_units,
    round(100 * visit_share, 2) as percent_of_visits,
    round(100 * unit_share, 2) as percent_of_units
from reports.rpt_shared_cards
where reason <> 'none'
order by n_units desc, reason asc
