{% set n_weeks = 26 %}

with kiosk_days as (
    select * from {{ ref('fct_kiosk_days') }}
    where is_active
),

-- Only kiosks that were there all the time are a measure for the others.
paces as (
    select * from {{ ref('int_sales_paces_measured') }}
    where is_of_panel
),

spans as (
    select max(calendar_date) as last_date
    from paces
),

-- Weeks of seven days, back from the last day that is over.
days_by_week as (
    select
        kiosk_days.kiosk_id,
        kiosk_days.n_visits,
        paces.pace,
        cast(floor((
            {{ dbt.datediff('kiosk_days.calendar_date', 'spans.last_date', 'day') }}
            - 1
        ) / 7.0) as integer) as weeks_back
    from kiosk_days
    inner join paces on kiosk_days.calendar_date = paces.calendar_date
    cross join spans
    where kiosk_days.calendar_date < spans.last_date
),

weeks as (
    select
        kiosk_id,
        weeks_back,
        sum(n_visits) as n_visits,
        cast(sum(n_visits) as double) / nullif(sum(pace), 0) as relative_sales
    from days_by_week
    where weeks_back < {{ n_weeks }}
    group by kiosk_id, weeks_back
)

select * from weeks
