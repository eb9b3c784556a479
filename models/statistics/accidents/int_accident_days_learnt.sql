-- How far back a forecast learns from and from how many days at least, how many weeks
-- are forecast once more to test it, and for how many days.
{% set n_learnt_days = 1826 %}
{% set n_least_days = 182 %}
{% set n_tested_weeks = 53 %}
{% set n_days_ahead = 14 %}

with holidays as (
    select * from {{ ref('federal_holidays') }}
),

city_days as (
    select
        vintage,
        event_date,
        n_events
    from {{ ref('fct_series_days') }}
    where feed = 'accidents' and dimension = 'overall'
),

spans as (
    select
        vintage,
        min(event_date) as first_date,
        max(event_date) as last_date
    from city_days
    group by vintage
),

days as (
    select
        vintage,
        {{ days_between(
            'first_date', dbt.dateadd('day', n_days_ahead, 'last_date')
        ) }} as event_date
    from spans
),

numbered_days as (
    select
        vintage,
        event_date,
        {{ iso_weekday('event_date') }} as weekday_number,
        cast(extract(month from event_date) as integer) as month_number,
        cast(extract(day from event_date) as integer) as day_of_month
    from days
),

named_days as (
    select
        numbered_days.*,
        holidays.holiday_name as federal_name
    from numbered_days
    left join holidays on numbered_days.event_date = holidays.holiday_date
),

-- Two days that are no federal holidays are kept like ones.
calendar as (
    select
        vintage,
        event_date,
        weekday_number,
        month_number,
        case
            when federal_name is not null then federal_name
            when month_number = 12 and day_of_month = 24 then 'Christmas Eve'
            when
                lag(federal_name) over (partition by vintage order by event_date)
                = 'Thanksgiving Day'
                then 'Day after Thanksgiving'
        end as holiday_name
    from named_days
),

weeks as (
    select
        vintage,
        last_date,
        {{ whole_numbers_between(0, n_tested_weeks) }} as n_weeks_back
    from spans
),

origins as (
    select
        vintage,
        cast({{ dbt.dateadd('day', '-7 * n_weeks_back', 'last_date') }} as date)
            as origin_date
    from weeks
),

origin_days as (
    select
        origins.vintage,
        origins.origin_date,
        calendar.event_date,
        calendar.weekday_number,
        calendar.month_number,
        calendar.holiday_name,
        {{ dbt.datediff('origins.origin_date', 'calendar.event_date', 'day') }}
            as horizon_days,
        case when calendar.event_date <= origins.origin_date then city_days.n_events end
            as n_events
    from origins
    inner join calendar
        on origins.vintage = calendar.vintage
    left join city_days
        on
            calendar.vintage = city_days.vintage
            and calendar.event_date = city_days.event_date
    where
        {{ dbt.datediff('origins.origin_date', 'calendar.event_date', 'day') }}
        between 1 - {{ n_learnt_days }} and {{ n_days_ahead }}
),

counted as (
    select
        *,
        count(n_events) over (partition by vintage, origin_date) as n_days_learnt
    from origin_days
)

select
    vintage,
    origin_date,
    holiday_name,
    horizon_days,
    weekday_number,
    month_number,
    n_events,
    event_date
from counted
where n_days_learnt >= {{ n_least_days }} and (n_events is not null or horizon_days > 0)
