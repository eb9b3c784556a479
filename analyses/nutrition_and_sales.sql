-- Do products with a better nutrition score sell more? Spearman's rank correlation
-- over the products that have a score; of so many categories some are clear by chance,
-- and what sells well may be what is stocked well.
select
    dimension,
    dimension_value,
    measure,
    n_products,
    n_compared,
    round(rank_correlation, 2) as rank_correlation,
    round(rank_correlation_low, 2) as rank_correlation_low,
    round(rank_correlation_high, 2) as rank_correlation_high,
    is_clear
from reports.rpt_nutrition_and_sales
where not has_few_products
order by dimension desc, n_products desc, dimension_value asc, measure asc
limit 20
