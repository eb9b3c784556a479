select * from rpt_customer_concentration
where not has_shared_cards and not is_suppressed
order by n_cards
