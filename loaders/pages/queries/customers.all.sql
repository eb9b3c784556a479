select * from rpt_repeat_customers
where not has_shared_cards and first_visit_month = 'All'
