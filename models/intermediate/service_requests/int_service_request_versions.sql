{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'event_date': 'event_date'},
) }}

with requests as (
    select * from {{ ref('stg_city_311__service_requests') }}
    {% if is_incremental() -%}
        where _change_seq > {{ built_change_seq() }}
    {%- endif %}
),

statuses as (
    select * from {{ ref('request_status_labels') }}
),

labels as (
    select * from {{ ref('request_labels') }}
),

aliases as (
    select * from {{ ref('neighborhood_aliases') }}
),

mended as (
    select
        requests.*,
        -- The status decides; only where it says nothing does the date of closing.
        not coalesce(statuses.is_closed, requests.closed_at is not null) as is_open,
        coalesce(statuses.status, requests.status_label, 'Unknown') as status,
        coalesce(
            statuses.status_family,
            case when requests.status_label is null then 'unknown' else 'other' end
        ) as status_family,
        coalesce(agencies.mended_label, requests.agency_label, 'Unknown') as agency,
        coalesce(sources.mended_label, requests.source_label, 'Unknown')
            as source, -- noqa: RF04
        coalesce(request_types.mended_label, requests.type_label, 'Unknown')
            as request_type,
        coalesce(aliases.neighborhood_slug, 'unknown') as neighborhood_slug,
        (
            requests.neighborhood_label is not null
            and aliases.neighborhood_slug is null
        ) as has_unmatched_neighborhood
    from requests
    left join statuses
        on lower(requests.status_label) = lower(statuses.status_label)
    left join labels as agencies
        on
            lower(requests.agency_label) = lower(agencies.label)
            and agencies.kind = 'agency'
    left join labels as sources
        on
            lower(requests.source_label) = lower(sources.label)
            and sources.kind = 'source'
    left join labels as request_types
        on
            lower(requests.type_label) = lower(request_types.label)
            and request_types.kind = 'type'
    left join aliases
        on {{ label_slug('requests.neighborhood_label') }} = aliases.alias
),

keyed as (
    select
        *,
        false as is_identified,
        -- Never null, so that a row set aside can be found by date as well.
        coalesce(request_date, cast('1900-01-01' as date)) as event_date,
        request_date as window_date,
        {{ surrogate_key(['event_identity']) }} as identity_key,
        {{ surrogate_key(['agency', 'request_type']) }} as request_type_key,
        {{ surrogate_key(['neighborhood_slug']) }} as neighborhood_key
    from mended
)

-- Ordered, so that looking up an identity on its date reads little.
select * from keyed
order by event_date
