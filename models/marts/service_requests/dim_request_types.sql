with requests as (
    select * from {{ ref('fct_service_requests') }}
),

request_types as (
    select
        request_type_key,
        agency,
        request_type,
        min(request_date) as first_request_date,
        max(request_date) as last_request_date
    from requests
    group by request_type_key, agency, request_type
)

select * from request_types
