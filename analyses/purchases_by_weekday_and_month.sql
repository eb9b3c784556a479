-- On which weekdays, and in which months, do people buy? Purchases a day by the local
-- clock, without months of which the files have only a part. The interval is that of
-- the mean of the days, as if they were independent.
with days as (
    select
        purchase_date,
        count(*) as n_purchases
    from marts.fct_purchases
    group by purchase_date
),

ends as (
    select
        min(purchase_date) as first_date,
        max(purchase_date) as last_date
    from days
),

calendar as (
    select
        dates.weekday_name,
        dates.weekday_number,
        dates.month_start_date,
        coalesce(days.n_purchases, 0) as n_purchases
    from marts.dim_dates as dates
    inner join ends
        on dates.calendar_date between ends.first_date and ends.last_date
    left join days on dates.calendar_date = days.purchase_date
    where
        dates.month_start_date >= ends.first_date
        and dates.month_start_date + interval 1 month <= ends.last_date
),

grouped as (
    select
        'weekday' as kind,
        weekday_name as part,
        count(*) as n_days,
        avg(n_purchases) as purchases_per_day,
        1.96 * stddev_samp(n_purchases) / sqrt(count(*)) as half_width
    from calendar
    group by weekday_name
    union all
    select
        'month' as kind,
        cast(month_start_date as varchar) as part,
        count(*) as n_days,
        avg(n_purchases) as purchases_per_day,
        1.96 * stddev_samp(n_purchases) / sqrt(count(*)) as half_width
    from calendar
    group by month_start_date
)

select
    kind,
    part,
    n_days,
    round(purchases_per_day, 1) as purchases_per_day,
    round(purchases_per_day - half_width, 1) as rate_low,
    round(purchases_per_day + half_width, 1) as rate_high
from grouped
order by kind desc, purchases_per_day desc, part asc
