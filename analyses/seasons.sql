-- In which month, on which weekday and at what hour does most happen, and least? Times
-- the average, all else equal, with quasi-Poisson intervals. Of months seen in one
-- year only, season and trend are the same thing.
with seasons as (
    select * from reports.rpt_seasonality
    where event_type = 'All' and dimension in ('month', 'weekday', 'hour')
),

ranked as (
    select
        *,
        row_number() over (
            partition by feed, dimension order by seasonal_index desc, period_number asc
        ) as rank_from_top,
        row_number() over (
            partition by feed, dimension order by seasonal_index asc, period_number asc
        ) as rank_from_below
    from seasons
)

select
    feed,
    dimension,
    case when rank_from_top = 1 then 'most' else 'least' end as extreme,
    period,
    n_events,
    round(seasonal_index, 2) as times_the_average,
    round(seasonal_index_low, 2) as times_low,
    round(seasonal_index_high, 2) as times_high,
    is_one_year_only,
    crosses_coding_break
from ranked
where rank_from_top = 1 or rank_from_below = 1
order by feed asc, dimension asc, extreme desc
