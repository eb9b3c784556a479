-- Long because the file has many columns: a line or two for each.
with source as (
    select * from {{ source('city_311', 'service_requests') }}
    {{ where_held_by_then() }}
),

cleaned as (
    select
        {{ id_text('council_district') }} as council_district,
        {{ id_text('police_district') }} as police_district,
        {% for column in [
            'case_summary', 'case_status', 'case_source', 'case_created_date',
            'case_created_dttm', 'case_closed_date', 'case_closed_dttm',
            'first_call_resolution', 'customer_zip_code', 'incident_address_1',
            'incident_address_2', 'incident_intersection_1', 'incident_intersection_2',
            'incident_zip_code', 'longitude', 'latitude', 'agency', 'division',
            'major_area', 'type', 'topic', 'neighborhood',
        ] %}
            {{ clean_text(column) }} as {{ column }},
        {% endfor %}
        {{ feed_identity('service_requests') }} as event_identity,
        _row_hash,
        _copy,
        _delivery_seq,
        _change_seq,
        _line
    from source
),

typed as (
    select
        *,
        {% for event, sent in [
            ('requested', 'coalesce(case_created_dttm, case_created_date)'),
            ('closed', 'coalesce(case_closed_dttm, case_closed_date)'),
        ] %}
            {{ sent }} as {{ event }}_at_as_sent,
            {{ feed_time('service_requests', sent) }} as {{ event }}_at_as_read,
            {{ feed_instant('service_requests', sent) }}
                as {{ event }}_instant_as_read,
            {{ feed_time_with_offset('service_requests', sent) }} is not null
                as has_{{ event }}_offset,
        {% endfor %}
        {{ zip_code('customer_zip_code') }} as customer_zip,
        {{ zip_code('incident_zip_code') }} as incident_zip,
        {{ round_trip_cast('longitude', 'double') }} as point_longitude,
        {{ round_trip_cast('latitude', 'double') }} as point_latitude
    from cleaned
),

believed as (
    select
        *,
        {{ is_plausible('service_requests', 'requested_at_as_read') }}
            as is_requested_plausible,
        {{ is_plausible('service_requests', 'closed_at_as_read') }}
            as is_closed_plausible
    from typed
),

dated as (
    select
        *,
        case when is_requested_plausible then requested_at_as_read end as requested_at,
        case when is_requested_plausible then requested_instant_as_read end
            as requested_at_utc,
        case when is_closed_plausible then closed_at_as_read end as closed_at,
        case when is_closed_plausible then closed_instant_as_read end as closed_at_utc
    from believed
),

flagged as (
    select
        *,
        -- A close of unknown time is stamped with the last second of its day.
        cast({{ dbt.dateadd('second', 1, 'closed_at') }} as date)
        > cast(closed_at as date) as is_at_end_of_day
    from dated
),

renamed as (
    select
        -- keys
        _row_hash,
        _copy,
        event_identity,

        -- text
        case_summary as request_summary,
        case_status as status_label,
        case_source as source_label,
        agency as agency_label,
        type as type_label,
        topic,
        division,
        major_area,
        neighborhood as neighborhood_label,
        incident_zip,
        customer_zip,
        council_district,
        police_district,
        case upper(first_call_resolution)
            when 'Y' then 'yes'
            when 'N' then 'no'
            else 'unknown'
        end as first_call_resolution,
        {{ time_quality(
            'requested_at', feed_zone('service_requests'),
            has_date_only('requested_at_as_sent', 'requested_at'), 'has_requested_offset'
        ) }} as time_quality,
        {{ time_quality(
            'closed_at', feed_zone('service_requests'),
            'is_at_end_of_day or ' ~ has_date_only('closed_at_as_sent', 'closed_at'),
            'has_closed_offset'
        ) }} as close_time_quality,
        case
            when requested_at_as_sent is null then 'no_request_time'
            when requested_at_as_read is null then 'untyped_request_time'
            when requested_at is null then 'implausible_request_time'
        end as set_aside_reason,

        -- numbers
        point_longitude as longitude,
        point_latitude as latitude,

        -- booleans
        {{ is_usable_point('point_longitude', 'point_latitude') }} as has_usable_point,
        coalesce(case_created_date like '%:%', false) as has_time_in_created_date,
        (
            (customer_zip_code is not null and customer_zip is null)
            or (incident_zip_code is not null and incident_zip is null)
        ) as has_irregular_zip,
        (
            (closed_at_as_sent is not null and closed_at is null)
            or (longitude is not null and point_longitude is null)
            or (latitude is not null and point_latitude is null)
            or coalesce(upper(first_call_resolution) not in ('Y', 'N'), false)
        ) as has_untyped_values,

        -- dates
        cast(requested_at as date) as request_date,
        cast(closed_at as date) as closed_date,

        -- timestamps
        requested_at,
        requested_at_utc,
        closed_at,
        closed_at_utc,

        -- audit
        _delivery_seq,
        _change_seq,
        _line
    from flagged
)

select * from renamed
