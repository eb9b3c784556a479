select
    replace(measure, '_', ' ') as measure, n_last_365_days, n_before_365_days, rate_ratio,
    rate_ratio_low, rate_ratio_high,
    case
        when not has_whole_windows then 'years not whole'
        when has_clear_change then 'clear'
        else 'may be chance'
    end as verdict,
    as_of_date, is_suppressed,
    -- A code that changed between the two years, or in them, moves what is counted by it.
    (
        select count(*) from rpt_coding_breaks as breaks
        where
            breaks.feed = 'accidents' and breaks.vintage = trends.vintage
            and breaks.break_date between as_of_date - 729 and as_of_date
    ) as n_breaks
from rpt_accident_trends as trends
where area = 'city' and n_last_365_days is not null and vintage = (
    select vintage from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, count(*) desc, vintage
    limit 1
)
order by n_last_365_days desc, measure
