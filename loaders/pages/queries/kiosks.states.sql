select
    count(*) as n_kiosks,
    count(*) filter (where kiosk_state = 'open') as n_open,
    count(*) filter (where kiosk_state = 'closed') as n_closed,
    count(*) filter (where kiosk_state = 'paused') as n_paused
from rpt_kiosk_life_cycles
