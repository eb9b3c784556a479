-- Which kiosks sell most, in all and for each day in business? Units, not money: the
-- files have no price. Days in business are inferred from sales; the interval is
-- Poisson's, so too narrow where sales come in bursts.
select
    kiosks.sales_rank,
    kiosks.rate_rank,
    kiosks.kiosk_id,
    kiosks.pareto_class,
    cycles.kiosk_state,
    kiosks.n_purchases,
    kiosks.n_active_days,
    round(kiosks.purchases_per_active_day, 2) as purchases_per_active_day,
    round(
        (kiosks.n_purchases - 1.96 * sqrt(kiosks.n_purchases)) / kiosks.n_active_days, 2
    ) as rate_low,
    round(
        (kiosks.n_purchases + 1.96 * sqrt(kiosks.n_purchases)) / kiosks.n_active_days, 2
    ) as rate_high
from reports.rpt_top_kiosks as kiosks
inner join reports.rpt_kiosk_life_cycles as cycles
    on kiosks.kiosk_key = cycles.kiosk_key
where kiosks.dimension = 'overall' and kiosks.n_active_days > 0
order by kiosks.sales_rank, kiosks.kiosk_id
limit 10
