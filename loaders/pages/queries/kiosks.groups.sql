select * from rpt_kiosk_groups
where trait = 'kiosk_group'
order by trait_value = 'All', n_purchases desc nulls last, trait_value
