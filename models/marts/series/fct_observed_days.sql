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

-- Within how many days 95 % of the accidents have been reported.
spans as (
    select
        'accidents' as feed,
        vintage,
        min(occurred_date) as first_date,
        max(occurred_date) as last_date,
        coalesce(
            percentile_disc(0.95) within group (
                order by {{ dbt.datediff('occurred_date', 'reported_at', 'day') }} asc
            ), 0
        ) as n_days_late
    from incidents
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

-- Of increments nobody says what they cover: a day on which none bought anything
-- anywhere is taken for one that is missing.
covered as (
    select
        spans.feed,
        spans.vintage,
        dates.calendar_date as event_date
    from spans
    inner join deliveries
        on spans.feed = deliveries.feed and spans.vintage = deliveries.series
    inner join dates
        on
            dates.calendar_date >= deliveries.window_start_date
            and dates.calendar_date > spans.first_date
            and dates.calendar_date < spans.last_date
            and {{ dbt.datediff('dates.calendar_date', 'deliveries.as_of_date', 'day') }}
            > spans.n_days_late
    group by spans.feed, spans.vintage, dates.calendar_date
    union all
    select
        purchase_days.feed,
        'main' as vintage,
        purchase_days.event_date
    from purchase_days
    where
        purchase_days.event_date > (select min(event_date) from purchase_days)
        and purchase_days.event_date < (select max(event_date) from purchase_days)
),

keyed as (
    select
        {{ surrogate_key(['feed', 'vintage', 'event_date']) }} as observed_day_key,
        feed,
        vintage,
        event_date
    from covered
)

select * from keyed
