{% set weekday_names = [
    'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'
] %}
{% set month_names = [
    'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August',
    'September', 'October', 'November', 'December'
] %}

with holidays as (
    select * from {{ ref('federal_holidays') }}
),

spans as (
    {% for of in var('events').values() -%}
        {% set is_last_feed = loop.last -%}
        {% for column in [of.date] + (of.dates or []) -%}
            select
                min({{ column }}) as first_date,
                max({{ column }}) as last_date
            from {{ ref(of.fact) }}
            {% if not (loop.last and is_last_feed) %}union all{% endif %}
        {% endfor %}
    {% endfor %}
),

bounds as (
    select
        {{ dbt.date_trunc('year', 'min(first_date)') }} as first_date,
        {{ dbt.last_day('max(last_date)', 'year') }} as last_date
    from spans
),

days as (
    select {{ days_between('first_date', 'last_date') }} as calendar_date
    from bounds
),

numbered as (
    select
        calendar_date,
        {{ iso_weekday('calendar_date') }} as weekday_number,
        cast(extract(month from calendar_date) as integer) as month_number,
        cast(extract(day from calendar_date) as integer) as day_of_month
    from days
),

-- The ISO year of a day is the year of the Thursday of its week.
dated as (
    select
        *,
        {{ dbt.dateadd('day', '4 - weekday_number', 'calendar_date') }} as thursday_date
    from numbered
),

with_holidays as (
    select
        dated.*,
        holidays.holiday_name
    from dated
    left join holidays on dated.calendar_date = holidays.holiday_date
),

named as (
    select
        calendar_date,
        case weekday_number
            {% for name in weekday_names -%}
                when {{ loop.index }} then '{{ name }}'
            {% endfor -%}
        end as weekday_name,
        case month_number
            {% for name in month_names -%}
                when {{ loop.index }} then '{{ name }}'
            {% endfor -%}
        end as month_name,
        holiday_name,
        cast(extract(year from calendar_date) as integer) as year_number,
        cast(extract(quarter from calendar_date) as integer) as quarter_number,
        month_number,
        day_of_month,
        weekday_number,
        cast(extract(year from thursday_date) as integer) as iso_year,
        cast(extract(week from calendar_date) as integer) as iso_week,
        weekday_number >= 6 as is_weekend,
        cast({{ dbt.date_trunc('month', 'calendar_date') }} as date) as month_start_date
    from with_holidays
),

marked as (
    select
        calendar_date,
        weekday_name,
        month_name,
        holiday_name,
        year_number,
        quarter_number,
        month_number,
        day_of_month,
        weekday_number,
        iso_year,
        iso_week,
        is_weekend,
        holiday_name is not null as is_holiday,
        month_start_date
    from named
)

select * from marked
