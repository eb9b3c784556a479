with incidents as (
    select * from {{ ref('fct_incidents') }}
),

requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

purchase_days as (
    select * from {{ ref('fct_event_days') }}
    where feed = 'purchases' and n_events > 0
),

deliveries as (
    select
        *,
        cast(as_of_at as date) as as_of_date
    from {{ ref('fct_deliveries') }}
    where status = 'landed' and window_start_date is not null
),

dates as (
    select * from {{ ref('dim_dates') }}
),

delayed as (
    select
        *,
        {{ dbt.datediff('occurred_date', 'reported_at', 'day') }}
            as n_days_to_report
    from incidents
),

-- Within how many days 95 % of the accidents have been reported.
spans as (
    select
        'accidents' as feed,
        vintage,
        min(occurred_date) as first_date,
        max(occurred_date) as last_date,
        coalesce(
            percentile_disc(0.95) within group (order by n_days_to_report asc), 0
        ) as n_days_late
    from delayed
    group by vintage
    union all
    select
        'service_requests' as feed,
        'main' as vintage,
        min(request_date) as first_date,
        max(request_date) as last_date,
        0 as n_days_late
    from requests
    having count(*) > 0
),

windows as (
    select
        spans.*,
        deliveries.window_start_date,
        deliveries.covers_to_date,
        deliveries.as_of_date
    from spans
    inner join deliveries
        on spans.feed = deliveries.feed and spans.vintage = deliveries.series
),

windowed_days as (
    select
        windows.feed,
        windows.vintage,
        dates.calendar_date as event_date
    from windows
    inner join dates
        on
            windows.window_start_date <= dates.calendar_date
            and coalesce(windows.covers_to_date >= dates.calendar_date, true)
            and windows.first_date < dates.calendar_date
            and windows.last_date > dates.calendar_date
    where
        {{ dbt.datediff('dates.calendar_date', 'windows.as_of_date', 'day') }}
        > windows.n_days_late
    group by windows.feed, windows.vintage, dates.calendar_date
),

-- Of increments nobody says what they cover: a day on which none bought anything
-- anywhere is taken for one that is missing.
bounded_purchase_days as (
    select
        *,
        min(event_date) over () as first_date,
        max(event_date) over () as last_date
    from purchase_days
),

observed as (
    select * from windowed_days
    union all
    select
        feed,
        'main' as vintage,
        event_date
    from bounded_purchase_days
    where event_date > first_date and event_date < last_date
),

keyed as (
    select
        {{ surrogate_key(['feed', 'vintage', 'event_date']) }} as observed_day_key,
        feed,
        vintage,
        event_date
    from observed
)

select * from keyed
