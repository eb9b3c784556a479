with purchases as (
    select * from {{ ref('fct_purchases') }}
),

service_requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

incidents as (
    select * from {{ ref('fct_incidents') }}
),

-- Vintages tell of the same accidents: the one that knows of most tells of the day.
vintages as (
    select
        vintage,
        occurred_date,
        row_number() over (
            partition by occurred_date order by count(*) desc, vintage asc
        ) as vintage_rank
    from incidents
    group by vintage, occurred_date
),

events as (
    select
        'purchases' as feed,
        'Purchase' as event_type,
        purchase_date as event_date,
        purchase_hour as event_hour
    from purchases
    union all
    select
        'service_requests' as feed,
        request_type as event_type,
        request_date as event_date,
        case
            when time_quality <> 'date_only'
                then cast(extract(hour from requested_at) as integer)
        end as event_hour
    from service_requests
    union all
    select
        'accidents' as feed,
        incidents.offense_family as event_type,
        incidents.occurred_date as event_date,
        case
            when incidents.time_quality <> 'date_only'
                then cast(extract(hour from incidents.occurred_at) as integer)
        end as event_hour
    from incidents
    inner join vintages
        on
            incidents.vintage = vintages.vintage
            and incidents.occurred_date = vintages.occurred_date
    where vintages.vintage_rank = 1
),

counted as (
    select
        feed,
        event_type,
        event_hour,
        count(*) as n_events,
        event_date
    from events
    group by feed, event_type, event_hour, event_date
)

select * from counted
order by feed, event_date, event_hour, event_type
