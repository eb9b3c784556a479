select * from rpt_products_bought_again
where not has_shared_cards
order by
    dimension desc, try_cast(regexp_extract(dimension_value, '[0-9]+') as integer)
