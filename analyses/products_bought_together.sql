-- Which products are bought together more often than by chance? Chance takes kiosks and
-- the sizes of visits as they are; one in twenty of the pairs found may be chance.
select
    one_product_name,
    other_product_name,
    n_together,
    round(expected_n_together, 1) as expected_n_together,
    round(lift, 2) as lift,
    round(lift_low, 2) as lift_low,
    round(lift_high, 2) as lift_high,
    n_pairs_tested
from reports.rpt_product_pairs
where not has_shared_cards and is_found
order by lift_low desc, n_together desc, one_product_id asc, other_product_id asc
limit 20
