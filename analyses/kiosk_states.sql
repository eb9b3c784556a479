-- How many kiosks are open, paused, declining or closed at the end of the data?
-- Inferred from silences that chance does not explain: a closing may be a pause that
-- goes on, and the state of kiosks with few visits is unknown.
select
    kiosk_state,
    count(*) as n_kiosks,
    sum(n_purchases) as n_purchases,
    round(sum(n_purchases) / nullif(sum(n_active_days), 0), 2)
        as purchases_per_active_day,
    sum(n_pauses) as n_pauses,
    min(closed_date) as first_closed_date,
    max(closed_date) as last_closed_date
from reports.rpt_kiosk_life_cycles
group by kiosk_state
order by n_kiosks desc, kiosk_state asc
