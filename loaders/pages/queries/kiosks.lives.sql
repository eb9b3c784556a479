select
    kiosk_id, kiosk_state, first_purchase_date, last_purchase_date, n_pauses,
    n_purchases
from rpt_kiosk_life_cycles
where kiosk_state <> 'open' or n_pauses > 0
order by last_purchase_date desc, kiosk_id
limit 30
