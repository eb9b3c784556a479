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

accidents as (
    select * from {{ ref('fct_accidents') }}
    {% if is_incremental() -%}
        where {{ is_touched_day('accidents', 'occurred_date') }}
    {%- endif %}
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

counted as (
    select
        'purchases' as feed,
        purchase_date as event_date,
        count(*) as n_events,
        count(*) as n_facts,
        count(case when time_quality not in ('exact', 'assumed_zone') then 1 end)
            as n_uncertain_times,
        0 as n_without_point,
        0 as n_without_neighborhood,
        0 as n_withdrawn
    from purchases
    group by purchase_date
    union all
    select
        'service_requests' as feed,
        service_requests.request_date as event_date,
        count(case when service_requests.record_state <> 'withdrawn' then 1 end)
            as n_events,
        count(*) as n_facts,
        count(
            case
                when service_requests.time_quality not in ('exact', 'assumed_zone')
                    then 1
            end
        ) as n_uncertain_times,
        count(case when not service_requests.has_usable_point then 1 end)
            as n_without_point,
        count(case when not neighborhoods.is_known then 1 end)
            as n_without_neighborhood,
        count(case when service_requests.record_state = 'withdrawn' then 1 end)
            as n_withdrawn
    from service_requests
    inner join neighborhoods
        on service_requests.neighborhood_key = neighborhoods.neighborhood_key
    group by service_requests.request_date
    union all
    select
        'accidents' as feed,
        accidents.occurred_date as event_date,
        count(
            distinct case
                when accidents.record_state <> 'withdrawn' then accidents.incident_key
            end
        ) as n_events,
        count(*) as n_facts,
        count(
            case when accidents.time_quality not in ('exact', 'assumed_zone') then 1 end
        ) as n_uncertain_times,
        count(case when not accidents.has_usable_point then 1 end) as n_without_point,
        count(case when not neighborhoods.is_known then 1 end)
            as n_without_neighborhood,
        count(case when accidents.record_state = 'withdrawn' then 1 end) as n_withdrawn
    from accidents
    inner join neighborhoods
        on accidents.neighborhood_key = neighborhoods.neighborhood_key
    group by accidents.vintage, accidents.occurred_date
),

-- Vintages tell of the same accidents: the one that knows of most says how many.
merged as (
    select
        feed,
        event_date,
        max(n_events) as n_events,
        sum(n_facts) as n_facts,
        sum(n_uncertain_times) as n_uncertain_times,
        sum(n_without_point) as n_without_point,
        sum(n_without_neighborhood) as n_without_neighborhood,
        sum(n_withdrawn) as n_withdrawn
    from counted
    group by feed, event_date
),

keyed as (
    select
        {{ surrogate_key(['feed', 'event_date']) }} as event_day_key,
        feed,
        n_events,
        {% for count in [
            'facts', 'uncertain_times', 'without_point', 'without_neighborhood', 'withdrawn'
        ] -%}
            cast(n_{{ count }} as bigint) as n_{{ count }},
        {% endfor -%}
        event_date
    from merged
)

select * from keyed
order by event_date
