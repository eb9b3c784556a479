-- When do people buy: by the clock on the wall, and by UTC in the bins of published
-- figures that do not name their clock? Only the local clock shows when people buy.
with local_parts as (
    select
        day_part,
        sum(n_purchases) as n_purchases
    from reports.rpt_time_of_day
    group by day_part
),

published_parts as (
    select
        published_day_part as day_part,
        sum(n_purchases_utc) as n_purchases_utc
    from reports.rpt_time_of_day
    group by published_day_part
)

select
    local_parts.day_part,
    local_parts.n_purchases,
    published_parts.n_purchases_utc as n_purchases_as_published
from local_parts
left join published_parts on local_parts.day_part = published_parts.day_part
order by local_parts.n_purchases desc
