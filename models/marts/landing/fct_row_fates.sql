with purchase_row_fates as (
    select * from {{ ref('int_purchase_row_fates') }}
),

service_request_row_fates as (
    select * from {{ ref('int_service_request_row_fates') }}
),

accident_row_fates as (
    select * from {{ ref('int_accident_row_fates') }}
),

counted as (
    select
        'purchases' as feed,
        fate,
        cast(null as varchar) as record_state,
        count(*) as n_rows
    from purchase_row_fates
    group by fate
    union all
    select
        'service_requests' as feed,
        fate,
        record_state,
        count(*) as n_rows
    from service_request_row_fates
    group by fate, record_state
    union all
    select
        'accidents' as feed,
        fate,
        record_state,
        count(*) as n_rows
    from accident_row_fates
    group by fate, record_state
),

keyed as (
    select
        {{ surrogate_key(['feed', 'fate', 'record_state']) }} as row_fate_key,
        feed,
        fate,
        record_state,
        n_rows
    from counted
)

select * from keyed
