-- A returned row is a day that the calendar numbers or names otherwise than it should.
with expected (day_text, weekday_name, month_name, iso_year, iso_week, is_weekend) as (
    values
    ('2018-01-01', 'Monday', 'January', 2018, 1, false),
    ('2017-01-01', 'Sunday', 'January', 2016, 52, true),
    ('2018-12-31', 'Monday', 'December', 2019, 1, false),
    ('2016-02-29', 'Monday', 'February', 2016, 9, false)
),

dates as (
    select * from {{ ref('dim_dates') }}
)

select expected.*
from expected
inner join dates on cast(expected.day_text as date) = dates.calendar_date
where
    expected.weekday_name <> dates.weekday_name
    or expected.month_name <> dates.month_name
    or expected.iso_year <> dates.iso_year
    or expected.iso_week <> dates.iso_week
    or expected.is_weekend <> dates.is_weekend
