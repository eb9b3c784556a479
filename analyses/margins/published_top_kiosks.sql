-- Which ten kiosks sold most, by the published margins? Units alone: for how long a
-- kiosk was there, and whether it still is, they do not tell.
select
    kiosks.kiosk_id,
    kiosks.n_purchases,
    round(100.0 * kiosks.n_purchases / totals.n_purchases, 2) as purchases_percent,
    totals.n_kiosks
from margins.kiosks as kiosks
cross join margins.totals as totals
order by kiosks.n_purchases desc, kiosks.kiosk_id asc
limit 10
