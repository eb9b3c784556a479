select * from rpt_mass_close_days
order by closed_date desc, n_late_closes desc, request_type_key
limit 30
