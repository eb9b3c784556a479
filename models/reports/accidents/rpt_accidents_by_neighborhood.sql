with accidents as (
    select * from {{ ref('fct_accidents') }}
    where record_state <> 'withdrawn'
),

neighborhoods as (
    select * from {{ ref('dim_neighborhoods') }}
),

observed_years as (
    select
        vintage,
        cast(extract(year from event_date) as integer) as occurred_year,
        cast(count(*) as integer) as n_days_observed
    from {{ ref('fct_observed_days') }}
    where feed = 'accidents'
    group by vintage, extract(year from event_date)
),

located as (
    select
        accidents.*,
        stated.is_known as is_stated,
        case
            when stated.is_known then accidents.neighborhood_key
            else accidents.computed_neighborhood_key
        end as located_neighborhood_key
    from accidents
    inner join neighborhoods as stated
        on accidents.neighborhood_key = stated.neighborhood_key
),

counted as (
    select
        vintage,
        cast(extract(year from occurred_date) as integer) as occurred_year,
        located_neighborhood_key as neighborhood_key,
        count(*) as n_offense_records,
        count(distinct incident_key) as n_accidents,
        count(distinct case when is_stated then incident_key end) as n_accidents_stated,
        count(distinct case when is_fatal then incident_key end) as n_fatal_accidents,
        count(distinct case when is_serious_injury then incident_key end)
            as n_serious_accidents,
        count(distinct case when is_hit_and_run then incident_key end)
            as n_hit_and_run_accidents
    from located
    group by vintage, extract(year from occurred_date), located_neighborhood_key
),

covered as (
    select
        vintage,
        cast(extract(year from occurred_date) as integer) as occurred_year,
        count(distinct occurred_date) as n_days_with_accidents
    from accidents
    group by vintage, extract(year from occurred_date)
),

joined as (
    select
        counted.neighborhood_key,
        neighborhoods.neighborhood_slug,
        neighborhoods.neighborhood_name,
        counted.vintage,
        counted.occurred_year,
        counted.n_offense_records,
        counted.n_accidents,
        counted.n_accidents_stated,
        counted.n_fatal_accidents,
        counted.n_serious_accidents,
        counted.n_hit_and_run_accidents,
        covered.n_days_with_accidents,
        coalesce(observed_years.n_days_observed, 0) as n_days_observed,
        neighborhoods.population_2010,
        neighborhoods.area_km2,
        1000.0 * counted.n_accidents / neighborhoods.population_2010
            as accidents_per_1000_residents,
        counted.n_accidents / neighborhoods.area_km2 as accidents_per_km2,
        coalesce(observed_years.n_days_observed < 0.95 * 365, true) as is_partial_year
    from counted
    inner join covered
        on
            counted.vintage = covered.vintage
            and counted.occurred_year = covered.occurred_year
    inner join neighborhoods
        on counted.neighborhood_key = neighborhoods.neighborhood_key
    left join observed_years
        on
            counted.vintage = observed_years.vintage
            and counted.occurred_year = observed_years.occurred_year
)

select * from joined
