with purchase_days as (
    select * from {{ ref('int_purchase_days_touched') }}
),

service_requests as (
    select * from {{ ref('int_service_requests_touched') }}
),

accidents as (
    select max(_change_seq) as _change_seq from {{ ref('int_accidents_touched') }}
),

accident_dates as (
    select occurred_date as event_date from {{ ref('int_accident_row_fates') }}
    where occurred_date is not null
    group by occurred_date
),

united as (
    select
        'purchases' as feed,
        purchase_date as event_date,
        _change_seq
    from purchase_days
    union all
    select
        'service_requests' as feed,
        event_date,
        _change_seq
    from service_requests
    group by event_date, _change_seq
    union all
    -- Records decide together when an accident was and how grave: one that changes may
    -- move it to the date of another that does not.
    select
        'accidents' as feed,
        accident_dates.event_date,
        accidents._change_seq
    from accident_dates
    cross join accidents
    where accidents._change_seq is not null
)

select * from united
