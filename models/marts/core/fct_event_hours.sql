{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key=['feed', 'event_date'],
    on_schema_change='fail',
    meta={'event_date': 'event_date', 'touched_in': 'int_event_days_touched'},
) }}

with purchases as (
    select * from {{ ref('fct_purchases') }}
    {% if is_incremental() -%}
        where {{ is_touched_day('purchases', 'purchase_date') }}
    {%- endif %}
),

service_requests as (
    select * from {{ ref('fct_service_requests') }}
    {% if is_incremental() -%}
        where {{ is_touched_day('service_requests', 'request_date') }}
    {%- endif %}
),

incidents as (
    select * from {{ ref('fct_incidents') }}
    {% if is_incremental() -%}
        where {{ is_touched_day('accidents', 'occurred_date') }}
    {%- endif %}
),

-- Vintages describe the same accidents: the one with the most gives the day.
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
    where record_state <> 'withdrawn'
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
order by event_date, feed, event_hour, event_type
