select * from rpt_product_pairs
where not has_shared_cards and is_found
order by false_discovery_share, n_together desc, one_product_id, other_product_id
limit 20
