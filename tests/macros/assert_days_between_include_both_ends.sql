-- A returned row is a span of days that has not as many days as it should, or a wrong
-- weekday at its start.
with samples (first_text, last_text, n_days, weekday_number) as (
    values
    ('2024-02-28', '2024-03-01', 3, 3),
    ('2023-12-31', '2024-01-01', 2, 7),
    ('2024-01-01', '2024-01-01', 1, 1)
),

spans as (
    select
        cast(first_text as date) as first_date,
        cast(last_text as date) as last_date,
        n_days,
        weekday_number
    from samples
),

days as (
    select
        first_date,
        {{ days_between('first_date', 'last_date') }} as calendar_date
    from spans
),

counted as (
    select
        first_date,
        count(*) as n_days
    from days
    group by first_date
)

select spans.*
from spans
left join counted on spans.first_date = counted.first_date
where
    counted.n_days is distinct from spans.n_days
    or {{ iso_weekday('spans.first_date') }} <> spans.weekday_number
