{# An old request that is still open is mostly a forgotten one. #}
{% set most_days = 30 %}
{# To about ten meters. #}
{% set n_decimals = 4 %}

-- A duplicate is what is counted here; spam and errors are not about a place.
with requests as (
    select * from {{ ref('fct_service_requests') }}
    where
        record_state <> 'withdrawn'
        and has_usable_point
        and request_summary is not null
        and time_quality <> 'date_only'
        and (status_family <> 'void' or status = 'Closed - Duplicate Case')
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

last_delivery as (
    select max(as_of_at) as newest_as_of_at
    from {{ ref('fct_deliveries') }}
    where feed = 'service_requests' and status = 'landed'
),

-- Of a close without a usable time only the request itself is known.
located as (
    select
        requests.service_request_key,
        requests.request_type_key,
        requests.request_summary,
        round(requests.longitude, {{ n_decimals }}) as place_longitude,
        round(requests.latitude, {{ n_decimals }}) as place_latitude,
        case
            when neighborhoods.is_known then requests.neighborhood_key
            else requests.computed_neighborhood_key
        end as neighborhood_key,
        requests.requested_at,
        greatest(requests.requested_at, case
            when requests.is_open
                then coalesce(requests.last_held_at, last_delivery.newest_as_of_at)
            when not requests.has_misstamped_close then requests.closed_at
        end) as ended_at
    from requests
    inner join neighborhoods
        on requests.neighborhood_key = neighborhoods.neighborhood_key
    cross join last_delivery
),

keyed as (
    select
        *,
        {{ surrogate_key([
            'request_type_key', 'request_summary', 'neighborhood_key',
            'place_longitude', 'place_latitude',
        ]) }} as subject_key
    from located
),

followed as (
    select
        *,
        lag(requested_at) over subject as previous_requested_at,
        max(ended_at) over (
            subject rows between unbounded preceding and 1 preceding
        ) as open_until
    from keyed
    window subject as (
        partition by subject_key
        order by requested_at asc, service_request_key asc
    )
),

-- What comes after all before it were closed is a new incident.
numbered as (
    select
        *,
        sum(case when requested_at <= open_until then 0 else 1 end) over (
            partition by subject_key
            order by requested_at asc, service_request_key asc
            rows between unbounded preceding and current row
        ) as incident_number
    from followed
),

watched as (
    select
        *,
        min(requested_at) over incident as first_requested_at,
        least(
            max(ended_at) over incident,
            {{ dbt.dateadd('day', most_days, 'min(requested_at) over incident') }}
        ) as watched_until
    from numbered
    window incident as (partition by subject_key, incident_number)
),

-- Requests of the same second are one that was recorded twice.
incidents as (
    select
        {{ surrogate_key(['subject_key', 'incident_number']) }} as request_incident_key,
        request_type_key,
        neighborhood_key,
        count(case
            when
                requested_at > first_requested_at
                and requested_at > previous_requested_at
                and requested_at <= watched_until
                then 1
        end) as n_repeats,
        {{ dbt.datediff('min(requested_at)', 'max(watched_until)', 'second') }}
        / 86400e0 as watched_days
    from watched
    group by subject_key, incident_number, request_type_key, neighborhood_key
)

select * from incidents
