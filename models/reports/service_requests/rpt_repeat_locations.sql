{% set within_days = 90 %}

-- What was void, a duplicate among others, asked for nothing again.
with requests as (
    select * from {{ ref('fct_service_requests') }}
    where
        record_state <> 'withdrawn' and has_usable_point and status_family <> 'void'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

-- About a hundred meters: no one's address.
celled as (
    select
        service_request_key,
        request_type_key,
        agency,
        request_type,
        neighborhood_key,
        round(longitude, 3) as cell_longitude,
        round(latitude, 3) as cell_latitude,
        request_date,
        requested_at
    from requests
),

preceded as (
    select
        *,
        lag(requested_at) over (
            partition by
                request_type_key, neighborhood_key, cell_longitude, cell_latitude
            order by requested_at, service_request_key
        ) as previous_requested_at
    from celled
),

-- Requests of the same second are one that was recorded twice.
repeats as (
    select
        *,
        coalesce(
            previous_requested_at < requested_at
            and {{ dbt.datediff(
                'previous_requested_at', 'requested_at', 'day'
            ) }} <= {{ within_days }},
            false
        ) as is_repeat
    from preceded
    where previous_requested_at is null or previous_requested_at < requested_at
),

counted as (
    select
        neighborhood_key,
        request_type_key,
        agency,
        request_type,
        cell_longitude,
        cell_latitude,
        count(*) as n_requests,
        count(case when is_repeat then 1 end) as n_repeats,
        min(request_date) as first_request_date,
        max(request_date) as last_request_date
    from repeats
    group by
        neighborhood_key, request_type_key, agency, request_type, cell_longitude,
        cell_latitude
),

named as (
    select
        counted.neighborhood_key,
        neighborhoods.neighborhood_slug,
        counted.request_type_key,
        counted.agency,
        counted.request_type,
        counted.cell_longitude,
        counted.cell_latitude,
        counted.n_requests,
        counted.n_repeats,
        cast(counted.n_repeats as double) / counted.n_requests as repeat_share,
        {{ wilson_bound('counted.n_repeats', 'counted.n_requests', 'low') }}
            as repeat_share_low,
        {{ wilson_bound('counted.n_repeats', 'counted.n_requests', 'high') }}
            as repeat_share_high,
        counted.first_request_date,
        counted.last_request_date
    from counted
    inner join neighborhoods
        on counted.neighborhood_key = neighborhoods.neighborhood_key
    where counted.n_repeats > 0
)

select * from named
