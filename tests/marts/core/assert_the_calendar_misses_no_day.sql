-- A returned row is a day whose next day is missing although the calendar goes on.
with dates as (
    select * from {{ ref('dim_dates') }}
),

followed as (
    select
        calendar_date,
        lead(calendar_date) over (order by calendar_date) as next_date
    from dates
)

select *
from followed
where next_date <> {{ dbt.dateadd('day', 1, 'calendar_date') }}
