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

events as (
    select
        'purchases' as feed,
        'main' as vintage,
        'Purchase' as event_type,
        purchase_date as event_date,
        purchase_hour as event_hour
    from purchases
    union all
    select
        'service_requests' as feed,
        'main' as vintage,
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
        vintage,
        offense_family as event_type,
        occurred_date as event_date,
        case
            when time_quality <> 'date_only'
                then cast(extract(hour from occurred_at) as integer)
        end as event_hour
    from incidents
),

counted as (
    select
        feed,
        vintage,
        event_type,
        event_hour,
        count(*) as n_events,
        event_date
    from events
    group by feed, vintage, event_type, event_hour, event_date
)

select * from counted
order by event_date, feed, vintage, event_hour, event_type
