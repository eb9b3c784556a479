{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'request_date'},
) }}

with row_fates as (
    select * from {{ ref('int_service_request_row_fates') }}
    {% if is_incremental() -%}
        where {{ is_touched(
            ref('int_service_requests_touched'), 'identity_key', 'event_date'
        ) }}
    {%- endif %}
),

current_rows as (
    select * from row_fates
    where fate = 'current_version'
),

cells as (
    select * from {{ ref('int_neighborhood_cells') }}
),

placed as (
    {{ placed_rows('current_rows', 'cells') }}
),

judged as (
    select
        *,
        time_quality <> 'date_only' and close_time_quality <> 'date_only' as is_timed,
        coalesce(
            closed_date < request_date
            or (
                closed_at_utc < requested_at_utc
                and time_quality <> 'date_only'
                and close_time_quality <> 'date_only'
            ),
            false
        ) as has_misstamped_close
    from placed
),

measured as (
    select
        *,
        is_open = (closed_at is not null) as has_status_conflict,
        case
            when not is_open and not has_misstamped_close
                then {{ dbt.datediff('request_date', 'closed_date', 'day') }}
        end as days_to_close,
        case
            when not is_open and not has_misstamped_close and is_timed
                then {{ dbt.datediff('requested_at_utc', 'closed_at_utc', 'second') }}
        end as seconds_to_close
    from judged
),

service_requests as (
    select
        {{ surrogate_key(['identity_key', 'row_rank']) }} as service_request_key,
        identity_key,
        request_type_key,
        neighborhood_key,
        {{ surrogate_key(['computed_neighborhood_slug']) }}
            as computed_neighborhood_key,
        request_summary,
        agency,
        agency_label,
        request_type,
        type_label,
        source,
        source_label,
        status,
        status_family,
        status_label,
        first_call_resolution,
        neighborhood_label,
        council_district,
        police_district,
        incident_zip,
        customer_zip,
        time_quality,
        close_time_quality,
        record_state,
        point_repair,
        cast(days_to_close as integer) as days_to_close,
        cast(seconds_to_close as double) / 3600 as hours_to_close,
        longitude,
        latitude,
        mapped_longitude,
        mapped_latitude,
        n_rows_at_once as n_equal_identities,
        is_open,
        has_status_conflict,
        has_misstamped_close,
        coalesce(seconds_to_close < 60, false) as was_closed_at_once,
        was_reinstated,
        has_usable_point,
        has_unmatched_neighborhood,
        has_irregular_zip,
        has_time_in_created_date,
        has_untyped_values,
        request_date,
        closed_date,
        requested_at,
        requested_at_utc,
        closed_at,
        closed_at_utc,
        last_held_at,
        _delivery_seq,
        _change_seq,
        _line
    from measured
)

select * from service_requests
order by request_date
