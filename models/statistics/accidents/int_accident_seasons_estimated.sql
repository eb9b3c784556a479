-- So many events as usual are added to those of a weekday, of a month, of all holidays
-- and of one holiday, so that a few days say little.
{% set n_weekday_events = 100 %}
{% set n_month_events = 100 %}
{% set n_holidays_events = 100 %}
{% set n_holiday_events = 30 %}

with days as (
    select
        *,
        case when holiday_name is null then n_events end as n_plain_events
    from {{ ref('int_accident_days_learnt') }}
),

levels as (
    select
        *,
        avg(n_plain_events) over (partition by vintage, origin_date) as city_mean
    from days
),

weekdays as (
    select
        *,
        city_mean * (
            coalesce(sum(n_plain_events) over weekday, 0) + {{ n_weekday_events }}
        )
        / (count(n_plain_events) over weekday * city_mean + {{ n_weekday_events }})
            as weekday_n
    from levels
    window weekday as (partition by vintage, origin_date, weekday_number)
),

expected as (
    select
        *,
        case when n_plain_events is not null then weekday_n end as plain_n
    from weekdays
),

months as (
    select
        *,
        weekday_n * (coalesce(sum(n_plain_events) over month, 0) + {{ n_month_events }})
        / (
            coalesce({{ exact_sum('plain_n', over='month') }}, 0) + {{ n_month_events }}
        ) as month_n
    from expected
    window month as (partition by vintage, origin_date, month_number)
),

-- What would have been expected on holidays learnt from, were they none.
holiday_days as (
    select
        *,
        case when holiday_name is not null then n_events end as n_holiday_events,
        case when holiday_name is not null and n_events is not null then month_n end
            as plain_holiday_n
    from months
),

holidays as (
    select
        *,
        (coalesce(sum(n_holiday_events) over origin, 0) + {{ n_holidays_events }})
        / (
            coalesce({{ exact_sum('plain_holiday_n', over='origin') }}, 0)
            + {{ n_holidays_events }}
        ) as holidays_weight
    from holiday_days
    window origin as (partition by vintage, origin_date)
),

own_holidays as (
    select
        *,
        (
            coalesce(sum(n_holiday_events) over holiday, 0)
            + {{ n_holiday_events }} * holidays_weight
        )
        / (
            coalesce({{ exact_sum('plain_holiday_n', over='holiday') }}, 0)
            + {{ n_holiday_events }}
        ) as holiday_weight
    from holidays
    window holiday as (partition by vintage, origin_date, holiday_name)
),

seasons as (
    select
        vintage,
        origin_date,
        horizon_days,
        weekday_number,
        round(
            month_n / nullif(city_mean, 0)
            * case when holiday_name is null then 1 else holiday_weight end, 9
        ) as season_weight,
        event_date
    from own_holidays
)

select * from seasons
