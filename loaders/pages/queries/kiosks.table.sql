with by_month as (
    select kiosk_id, list(n_purchases order by dimension_value) as n_by_month
    from rpt_top_kiosks
    where dimension = 'month'
    group by kiosk_id
)

select
    kiosks.*, lives.kiosk_state, profiles.kiosk_group, by_month.n_by_month,
    lives.weekly_change_share
from rpt_top_kiosks as kiosks
left join rpt_kiosk_life_cycles as lives on kiosks.kiosk_id = lives.kiosk_id
left join rpt_kiosk_profiles as profiles on kiosks.kiosk_id = profiles.kiosk_id
left join by_month on kiosks.kiosk_id = by_month.kiosk_id
where kiosks.dimension = 'overall' and not kiosks.is_suppressed
order by kiosks.n_purchases desc, kiosks.kiosk_id
limit 80
