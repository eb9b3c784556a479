select * from rpt_assortment_gaps
order by n_missing_purchases desc, kiosk_id, product_id
limit 20
