select
    replace(measure, '_', ' ') as measure, n_last_365_days, n_before_365_days, rate_ratio,
    rate_ratio_low, rate_ratio_high,
    case
        when not has_whole_windows then 'years not whole'
        when has_clear_change then 'clear'
        else 'may be chance'
    end as verdict,
    as_of_date, crosses_coding_break, is_suppressed
from rpt_accident_trends
where area = 'city' and n_last_365_days is not null and vintage = (
    select vintage from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, count(*) desc, vintage
    limit 1
)
order by n_last_365_days desc, measure
