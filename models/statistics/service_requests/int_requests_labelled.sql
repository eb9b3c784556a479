{{ config(materialized='view') }}

with requests as (
    select * from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

last_delivery as (
    select max(as_of_at) as newest_as_of_at
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

requests_with_labels as (
    select
        requests.identity_key,
        requests.request_type_key,
        requests.neighborhood_key,
        requests.agency,
        requests.request_type,
        requests.source,
        neighborhoods.neighborhood_name,
        coalesce(requests.council_district, 'Unknown') as council_district,
        coalesce(requests.police_district, 'Unknown') as police_district,
        substring(cast(requests.request_date as varchar), 1, 7) as request_month,
        requests.status,
        requests.status_family,
        requests.first_call_resolution,
        requests.close_time_quality,
        requests.days_to_close,
        requests.hours_to_close,
        requests.n_equal_identities,
        requests.is_open,
        requests.has_misstamped_close,
        requests.was_closed_at_once,
        neighborhoods.is_known as has_known_neighborhood,
        requests.request_date,
        requests.closed_date,
        coalesce(requests.last_held_at, last_delivery.newest_as_of_at) as last_seen_at
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    cross join last_delivery
),

-- An open request was watched up to the last delivery that contained it.
requests_watched as (
    select
        *,
        case
            when not is_open then days_to_close
            else greatest(
                {{ dbt.datediff('request_date', 'last_seen_at', 'day') }}, 0
            )
        end as watched_days
    from requests_with_labels
)

select * from requests_watched
