-- Which kiosks sell most, in all and for each day in business? Units, not money: the
-- files have no price. Days in business are inferred from sales; the interval goes by
-- how much the kiosk's weeks scatter.
with kiosks as (
    select
        *,
        1.96 * sqrt(n_purchases * coalesce(week_dispersion, 1)) as margin
    from reports.rpt_top_kiosks
    where dimension = 'overall' and n_active_days > 0
)

select
    kiosks.sales_rank,
    kiosks.rate_rank,
    kiosks.kiosk_id,
    kiosks.pareto_class,
    cycles.kiosk_state,
    kiosks.n_purchases,
    kiosks.n_active_days,
    round(kiosks.purchases_per_active_day, 2) as purchases_per_active_day,
    round((kiosks.n_purchases - kiosks.margin) / kiosks.n_active_days, 2) as rate_low,
    round((kiosks.n_purchases + kiosks.margin) / kiosks.n_active_days, 2) as rate_high
from kiosks
inner join reports.rpt_kiosk_life_cycles as cycles
    on kiosks.kiosk_key = cycles.kiosk_key
order by kiosks.sales_rank, kiosks.kiosk_id
limit 10
