{% set request_series = {
    'request_type': ['agency', 'request_type'],
    'overall': [],
} %}
{% set request_groups = ['vintage', 'neighborhood_slug'] %}

with neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

accident_days as (
    select * from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
),

request_days as (
    select * from {{ ref('fct_observed_days') }}
    where feed = 'service_requests'
),

-- The same days of both feeds: days of one feed alone cannot be compared.
compared_days as (
    select
        accident_days.vintage,
        accident_days.event_date
    from accident_days
    inner join request_days
        on accident_days.event_date = request_days.event_date
),

spans as (
    select
        vintage,
        min(event_date) as first_date,
        max(event_date) as last_date,
        count(*) as n_days
    from compared_days
    group by vintage
),

requests as (
    select
        compared_days.vintage,
        requests.agency,
        requests.request_type,
        case
            when stated.is_known then stated.neighborhood_slug
            else computed.neighborhood_slug
        end as neighborhood_slug
    from {{ ref('fct_service_requests') }} as requests
    inner join neighborhoods as stated
        on requests.neighborhood_key = stated.neighborhood_key
    inner join neighborhoods as computed
        on requests.computed_neighborhood_key = computed.neighborhood_key
    inner join compared_days
        on requests.request_date = compared_days.event_date
    where requests.record_state <> 'withdrawn'
),

request_counts as (
    select
        {{ dimension_columns(request_series) }},
        vintage,
        neighborhood_slug,
        count(*) as n_requests
    from requests
    group by {{ grouped_by_dimension(request_series, request_groups) }} -- noqa: PRS
),

accident_counts as (
    select
        incidents.vintage,
        incidents.neighborhood_key,
        count(*) as n_accidents
    from {{ ref('fct_incidents') }} as incidents
    inner join compared_days
        on
            incidents.vintage = compared_days.vintage
            and incidents.occurred_date = compared_days.event_date
    group by incidents.vintage, incidents.neighborhood_key
),

request_series as (
    select
        vintage,
        dimension_value as request_series
    from request_counts
    group by vintage, dimension_value
),

-- A neighborhood in which there was nothing has a row too.
compared as (
    select
        request_series.vintage,
        request_series.request_series,
        neighborhoods.neighborhood_slug,
        neighborhoods.is_known,
        coalesce(request_counts.n_requests, 0) as n_requests,
        coalesce(accident_counts.n_accidents, 0) as n_accidents,
        neighborhoods.population_2010,
        neighborhoods.area_km2,
        neighborhoods.centroid_longitude,
        neighborhoods.centroid_latitude,
        spans.n_days,
        spans.first_date,
        spans.last_date
    from request_series
    inner join spans
        on request_series.vintage = spans.vintage
    cross join neighborhoods
    left join request_counts
        on
            request_series.vintage = request_counts.vintage
            and request_series.request_series = request_counts.dimension_value
            and neighborhoods.neighborhood_slug = request_counts.neighborhood_slug
    left join accident_counts
        on
            request_series.vintage = accident_counts.vintage
            and neighborhoods.neighborhood_key = accident_counts.neighborhood_key
)

select * from compared
