with requests as (
    select
        *,
        cast(extract(year from request_date) as integer) as request_year
    from {{ ref('fct_service_requests') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

dispersions as (
    select * from {{ ref('int_series_dispersions_estimated') }}
    where feed = 'service_requests' and dimension = 'neighborhood'
),

observed_years as (
    select
        cast(extract(year from event_date) as integer) as request_year,
        cast(count(*) as integer) as n_days_observed
    from {{ ref('fct_observed_days') }}
    where feed = 'service_requests'
    group by extract(year from event_date)
),

located as (
    select
        requests.request_year,
        stated.is_known as is_stated,
        case
            when stated.is_known then requests.neighborhood_key
            else requests.computed_neighborhood_key
        end as neighborhood_key
    from requests
    inner join neighborhoods as stated
        on requests.neighborhood_key = stated.neighborhood_key
),

counted as (
    select
        request_year,
        neighborhood_key,
        count(*) as n_requests,
        count(case when is_stated then 1 end) as n_requests_stated
    from located
    group by request_year, neighborhood_key
),

covered as (
    select
        request_year,
        count(distinct request_date) as n_days_with_requests
    from requests
    group by request_year
),

measured as (
    select
        counted.neighborhood_key,
        neighborhoods.neighborhood_slug,
        neighborhoods.neighborhood_name,
        counted.request_year,
        counted.n_requests,
        counted.n_requests_stated,
        covered.n_days_with_requests,
        coalesce(observed_years.n_days_observed, 0) as n_days_observed,
        neighborhoods.population_2010,
        neighborhoods.area_km2,
        1000.0 * counted.n_requests / neighborhoods.population_2010
            as requests_per_1000_residents,
        counted.n_requests / neighborhoods.area_km2 as requests_per_km2,
        dispersions.week_dispersion,
        coalesce(observed_years.n_days_observed < 0.95 * 365, true) as is_partial_year
    from counted
    inner join covered
        on counted.request_year = covered.request_year
    inner join neighborhoods
        on counted.neighborhood_key = neighborhoods.neighborhood_key
    left join dispersions
        on neighborhoods.neighborhood_slug = dispersions.dimension_value
    left join observed_years
        on counted.request_year = observed_years.request_year
)

select * from measured
