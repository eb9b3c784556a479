with days as (
    select * from {{ ref('int_seasonal_factors_fitted') }}
),

event_hours as (
    select * from {{ ref('fct_event_hours') }}
),

dates as (
    select * from {{ ref('dim_dates') }}
),

dated as (
    select
        days.*,
        dates.iso_year,
        dates.iso_week,
        dates.month_number,
        dates.weekday_number
    from days
    inner join dates on days.event_date = dates.calendar_date
),

weeks as (
    select
        feed,
        event_type,
        sum(n_events) as n_events,
        cast(sum(cast(n_expected_events as decimal(38, 9))) as double)
            as n_expected_events
    from dated
    group by feed, event_type, iso_year, iso_week
),

-- Pearson's sum over degrees of freedom: 1 where counts scatter as Poisson's do. Weeks
-- scatter more than their days where good and bad days come in a row.
week_dispersions as (
    select
        feed,
        event_type,
        {{ exact_sum(
            '(n_events - n_expected_events) * (n_events - n_expected_events)'
            ~ ' / nullif(n_expected_events, 0)'
        ) }} as pearson_sum,
        count(*) as n_weeks
    from weeks
    group by feed, event_type
),

day_dispersions as (
    select
        feed,
        event_type,
        sum(n_events) as n_events,
        count(*) as n_days,
        count(distinct years_back) + count(distinct month_number) - 1 as n_slow_effects,
        count(*) - count(distinct years_back) - count(distinct month_number) + 1
        - count(distinct weekday_number) - count(distinct is_holiday) + 2 as n_degrees,
        {{ exact_sum(
            '(n_events - n_expected_events) * (n_events - n_expected_events)'
            ~ ' / nullif(n_expected_events, 0)'
        ) }} as pearson_sum
    from dated
    group by feed, event_type
),

-- Hours against the day's events spread as over all days.
hour_counts as (
    select
        days.feed,
        days.event_type,
        days.event_date,
        event_hours.event_hour,
        cast(sum(event_hours.n_events) as double) as n_events
    from days
    inner join event_hours
        on
            days.feed = event_hours.feed
            and days.vintage = event_hours.vintage
            and days.event_date = event_hours.event_date
            and days.event_type in ('All', event_hours.event_type)
    where event_hours.event_hour is not null
    group by days.feed, days.event_type, days.event_date, event_hours.event_hour
),

hours_expected as (
    select
        *,
        sum(n_events) over (partition by feed, event_type, event_date)
        * sum(n_events) over (partition by feed, event_type, event_hour)
        / sum(n_events) over (partition by feed, event_type) as n_expected_events
    from hour_counts
),

hour_dispersions as (
    select
        feed,
        event_type,
        -- The sum over all hours of all days, those without events too.
        {{ exact_sum('n_events * n_events / n_expected_events') }} - sum(n_events)
            as pearson_sum,
        (count(distinct event_date) - 1) * (count(distinct event_hour) - 1)
            as n_degrees
    from hours_expected
    group by feed, event_type
),

dispersions as (
    select
        day_dispersions.feed,
        day_dispersions.event_type,
        cast(day_dispersions.n_events as bigint) as n_events,
        cast(day_dispersions.n_days as bigint) as n_days,
        case
            when day_dispersions.n_degrees > 0
                then round(
                    greatest(
                        day_dispersions.pearson_sum / day_dispersions.n_degrees, 1
                    ),
                    9
                )
        end as day_dispersion,
        case
            when week_dispersions.n_weeks > day_dispersions.n_slow_effects
                then round(
                    greatest(
                        week_dispersions.pearson_sum
                        / (week_dispersions.n_weeks - day_dispersions.n_slow_effects),
                        1
                    ),
                    9
                )
        end as week_dispersion,
        case
            when hour_dispersions.n_degrees > 0
                then round(
                    greatest(
                        hour_dispersions.pearson_sum / hour_dispersions.n_degrees, 1
                    ),
                    9
                )
        end as hour_dispersion
    from day_dispersions
    inner join week_dispersions
        on
            day_dispersions.feed = week_dispersions.feed
            and day_dispersions.event_type = week_dispersions.event_type
    left join hour_dispersions
        on
            day_dispersions.feed = hour_dispersions.feed
            and day_dispersions.event_type = hour_dispersions.event_type
)

select * from dispersions
