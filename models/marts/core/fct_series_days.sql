{% set request_series = {
    'request_type': ['agency', 'request_type'],
    'neighborhood': ['neighborhood_slug'],
    'council_district': ['council_district'],
    'police_district': ['police_district'],
    'overall': [],
} %}
{% set accident_series = {
    'neighborhood': ['neighborhood_slug'],
    'police_district': ['police_district'],
    'overall': [],
} %}
{% set accident_groups = ['vintage', 'event_date'] %}
{# Kind of accident -> whether it is one, whether that is known. #}
{% set accident_kinds = {
    'fatal': ['is_fatal', 'has_known_severity'],
    'serious': ['is_serious_injury', 'has_known_severity'],
    'hit_and_run': ['is_hit_and_run', 'has_known_offense'],
    'impaired': ['is_impaired', 'has_known_offense'],
    'bicycle': ['has_bicycle', 'has_road_user_counts'],
    'pedestrian': ['has_pedestrian', 'has_road_user_counts'],
} %}

with neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

requests as (
    select
        requests.agency,
        requests.request_type,
        coalesce(requests.council_district, 'Unknown') as council_district,
        coalesce(requests.police_district, 'Unknown') as police_district,
        case
            when stated.is_known then stated.neighborhood_slug
            else computed.neighborhood_slug
        end as neighborhood_slug,
        requests.request_date as event_date
    from {{ ref('fct_service_requests') }} as requests
    inner join neighborhoods as stated
        on requests.neighborhood_key = stated.neighborhood_key
    inner join neighborhoods as computed
        on requests.computed_neighborhood_key = computed.neighborhood_key
    where requests.record_state <> 'withdrawn'
),

incidents as (
    select
        incidents.*,
        neighborhoods.neighborhood_slug,
        coalesce(incidents.district, 'Unknown') as police_district,
        incidents.occurred_date as event_date
    from {{ ref('fct_incidents') }} as incidents
    inner join neighborhoods
        on incidents.neighborhood_key = neighborhoods.neighborhood_key
),

selling_days as (
    select * from {{ ref('fct_selling_days') }}
),

observed_days as (
    select * from {{ ref('fct_observed_days') }}
),

request_counts as (
    select
        {{ dimension_columns(request_series) }},
        event_date,
        count(*) as n_events
    from requests
    group by {{ grouped_by_dimension(request_series, ['event_date']) }} -- noqa: PRS
),

accident_counts as (
    select
        vintage,
        {{ dimension_columns(accident_series) }},
        event_date,
        count(*) as n_events
    from incidents
    group by {{ grouped_by_dimension(accident_series, accident_groups) }} -- noqa: PRS
),

purchase_counts as (
    select
        subject as dimension,
        subject_id as dimension_value,
        purchase_date as event_date,
        n_purchases as n_events
    from selling_days
    union all
    select
        'overall' as dimension,
        'All' as dimension_value,
        purchase_date as event_date,
        cast(sum(n_purchases) as bigint) as n_events
    from selling_days
    where subject = 'kiosk'
    group by purchase_date
),

-- A kind is unknown for a day if fewer than 95 % of its accidents have a value for it.
counted as (
    select
        'service_requests' as feed,
        'main' as vintage,
        *,
        true as is_told
    from request_counts
    union all
    select
        'accidents' as feed,
        *,
        true as is_told
    from accident_counts
    union all
    select
        'purchases' as feed,
        'main' as vintage,
        *,
        true as is_told
    from purchase_counts
    union all
    {% for kind, (is_kind, is_known) in accident_kinds.items() -%}
        select
            'accidents' as feed,
            vintage,
            'accident_kind' as dimension,
            '{{ kind }}' as dimension_value,
            event_date,
            count(case when {{ is_kind }} then 1 end) as n_events,
            count(case when {{ is_known }} then 1 end) >= 0.95 * count(*) as is_told
        from incidents
        group by vintage, event_date
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

series as (
    select
        {{ surrogate_key(['feed', 'vintage', 'dimension', 'dimension_value']) }}
            as series_key,
        feed,
        vintage,
        dimension,
        dimension_value,
        min(event_date) as first_event_date
    from counted
    group by feed, vintage, dimension, dimension_value
    having bool_or(n_events > 0)
),

-- A kiosk or product that has not begun sells nothing, which says nothing.
filled as (
    select
        series.series_key,
        series.feed,
        series.vintage,
        series.dimension,
        series.dimension_value,
        coalesce(counted.n_events, 0) as n_events,
        observed_days.event_date
    from series
    inner join observed_days
        on
            series.feed = observed_days.feed
            and series.vintage = observed_days.vintage
            and (
                series.dimension not in ('kiosk', 'product')
                or series.first_event_date <= observed_days.event_date
            )
    left join counted
        on
            series.feed = counted.feed
            and series.vintage = counted.vintage
            and series.dimension = counted.dimension
            and series.dimension_value = counted.dimension_value
            and observed_days.event_date = counted.event_date
    where coalesce(counted.is_told, true)
)

select * from filled
