-- How much do the cards with most purchases have, by the published margins? A card far
-- above all others is an operator's or a shared one; whether a card came back, they do
-- not tell.
select
    cards.card_rank,
    cards.n_purchases,
    round(100.0 * cards.n_purchases / totals.n_purchases, 2) as purchases_percent,
    totals.n_cards
from margins.cards as cards
cross join margins.totals as totals
order by cards.card_rank
limit 10
