-- Do customers buy a product again, and how often would they if they took products by
-- their popularity alone? Kiosks do not sell all products, so a part of the difference
-- to chance is lack of choice.
select
    case
        when has_shared_cards then 'all cards'
        else 'without shared cards'
    end as cards,
    dimension,
    dimension_value,
    n_products,
    n_bought_again,
    round(100 * bought_again_share, 1) as percent_again,
    round(100 * bought_again_share_low, 1) as percent_low,
    round(100 * bought_again_share_high, 1) as percent_high,
    round(100 * chance_bought_again_share, 1) as percent_by_chance
from reports.rpt_products_bought_again
where dimension = 'overall'
order by cards
