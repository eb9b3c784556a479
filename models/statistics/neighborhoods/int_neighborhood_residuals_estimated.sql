{% set least_n_events = 100 %}

with located as (
    select
        *,
        sum(n_requests) over series as n_requests_of_series,
        sum(n_accidents) over series as n_accidents_of_series
    from {{ ref('int_neighborhoods_compared') }}
    where is_known
    window series as (partition by vintage, request_series)
),

logs as (
    select
        *,
        ln(1 + n_requests) as log_requests,
        ln(1 + n_accidents) as log_accidents,
        ln(population_2010) as log_population,
        ln(area_km2) as log_area
    from located
    where
        n_requests_of_series >= {{ least_n_events }}
        and n_accidents_of_series >= {{ least_n_events }}
),

-- Area less its value expected from residents: each control is removed separately.
controlled as (
    select
        *,
        log_area - log_population * round(
            regr_slope(log_area, log_population) over (
                partition by vintage, request_series
            ), 9
        ) as own_area
    from logs
),

excesses as (
    select
        vintage,
        request_series,
        neighborhood_slug,
        centroid_longitude,
        centroid_latitude,
        {% for events in ['requests', 'accidents'] -%}
            {{ round_signed(
                'log_' ~ events ~ ' - avg(log_' ~ events ~ ') over series'
                ~ ' - regr_slope(log_' ~ events ~ ', log_population) over series'
                ~ ' * (log_population - avg(log_population) over series)'
                ~ ' - regr_slope(log_' ~ events ~ ', own_area) over series'
                ~ ' * (own_area - avg(own_area) over series)', 9
            ) }} as excess_log_{{ events }}{% if not loop.last %},{% endif %}
        {% endfor -%}
    from controlled
    window series as (partition by vintage, request_series)
)

select * from excesses
