-- How many cards are taken to be shared by several people, or placeholders, and what do
-- they buy? A card may be found for several reasons; what is found is a guess from use,
-- and nobody has told which cards are.
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
