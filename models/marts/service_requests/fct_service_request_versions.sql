{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    unique_key='identity_key',
    on_schema_change='fail',
    meta={'event_date': 'request_date'},
) }}

with versions as (
    select * from {{ ref('int_service_request_versions') }}
    {% if is_incremental() -%}
        -- All versions of what changed, not only the changed ones.
        where {{ is_touched(
            ref('int_service_requests_touched'), 'identity_key', 'event_date'
        ) }}
    {%- endif %}
),

presences as (
    select * from {{ ref('stg_landing__presences') }}
    where feed = 'service_requests'
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
    where feed = 'service_requests'
),

-- Layouts of later years leave types and neighborhoods empty: that is no change.
record_versions as (
    {{ window_versions(
        'versions', 'presences', 'deliveries',
        [
            'status', 'is_open', 'closed_at', 'first_call_resolution', 'request_type',
            'neighborhood_slug', 'council_district', 'police_district', 'longitude',
            'latitude',
        ],
        untold={'request_type': 'Unknown', 'neighborhood_slug': 'unknown'},
    ) }}
),

request_versions as (
    select
        {{ surrogate_key(['identity_key', 'version_number']) }}
            as service_request_version_key,
        identity_key,
        request_type_key,
        neighborhood_key,
        agency,
        request_type,
        source,
        status,
        status_family,
        first_call_resolution,
        version_arrived_as as arrived_as,
        changed_columns,
        ended_as,
        version_number,
        is_open,
        not is_alone as has_equal_identities,
        request_date,
        closed_date,
        closed_at,
        valid_from_at,
        valid_to_at,
        _delivery_seq,
        _change_seq,
        _line
    from record_versions
)

select * from request_versions
order by request_date
