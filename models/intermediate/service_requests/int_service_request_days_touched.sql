with touched as (
    select * from {{ ref('int_service_requests_touched') }}
),

merged as (
    select
        event_date as request_date,
        _change_seq
    from touched
    group by event_date, _change_seq
)

select * from merged
