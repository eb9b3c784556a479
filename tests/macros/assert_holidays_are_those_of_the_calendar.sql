-- A returned row is a federal holiday of 2011 or 2021 that is not found on its day, or
-- a day that is taken for one: years with holidays on both ends of a week.
with expected (day_text, holiday_name) as (
    values
    ('2010-12-31', 'New Year''s Day (observed)'),
    ('2011-01-01', 'New Year''s Day'),
    ('2011-01-17', 'Martin Luther King Day'),
    ('2011-02-21', 'Presidents'' Day'),
    ('2011-05-30', 'Memorial Day'),
    ('2011-07-04', 'Independence Day'),
    ('2011-09-05', 'Labor Day'),
    ('2011-10-10', 'Columbus Day'),
    ('2011-11-11', 'Veterans Day'),
    ('2011-11-24', 'Thanksgiving Day'),
    ('2011-12-25', 'Christmas Day'),
    ('2011-12-26', 'Christmas Day (observed)'),
    ('2021-01-01', 'New Year''s Day'),
    ('2021-01-18', 'Martin Luther King Day'),
    ('2021-02-15', 'Presidents'' Day'),
    ('2021-05-31', 'Memorial Day'),
    ('2021-06-18', 'Juneteenth (observed)'),
    ('2021-06-19', 'Juneteenth'),
    ('2021-07-04', 'Independence Day'),
    ('2021-07-05', 'Independence Day (observed)'),
    ('2021-09-06', 'Labor Day'),
    ('2021-10-11', 'Columbus Day'),
    ('2021-11-11', 'Veterans Day'),
    ('2021-11-25', 'Thanksgiving Day'),
    ('2021-12-24', 'Christmas Day (observed)'),
    ('2021-12-25', 'Christmas Day'),
    ('2021-12-31', 'New Year''s Day (observed)'),
    ('2022-01-01', 'New Year''s Day'),
    ('2023-01-01', 'New Year''s Day'),
    ('2023-01-02', 'New Year''s Day (observed)')
),

-- The other days of the spans that those of `expected` are all holidays of.
spans (first_text, last_text) as (
    values
    ('2010-12-27', '2011-12-30'),
    ('2021-01-01', '2022-01-14'),
    ('2022-12-27', '2023-01-13')
),

days as (
    select
        {{ days_between('cast(first_text as date)', 'cast(last_text as date)') }}
            as calendar_date
    from spans
),

numbered as (
    select
        calendar_date,
        cast(extract(month from calendar_date) as integer) as month_number,
        cast(extract(day from calendar_date) as integer) as day_of_month,
        {{ iso_weekday('calendar_date') }} as weekday_number
    from days
),

named as (
    select
        calendar_date,
        {{ holiday_name(
            'calendar_date', 'month_number', 'day_of_month', 'weekday_number'
        ) }} as holiday_name
    from numbered
)

select
    named.calendar_date,
    named.holiday_name,
    expected.holiday_name as expected_name
from named
left join expected on named.calendar_date = cast(expected.day_text as date)
where named.holiday_name is distinct from expected.holiday_name
