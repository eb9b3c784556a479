with neighborhoods as (
    select * from {{ ref('neighborhoods') }}
),

boundaries as (
    select * from {{ ref('int_neighborhoods_held') }}
),

with_unknown as (
    select
        neighborhood_slug,
        neighborhood_name,
        neighborhood_number,
        population_2010,
        area_km2,
        centroid_longitude,
        centroid_latitude
    from neighborhoods
    union all
    select
        'unknown' as neighborhood_slug,
        'Unknown' as neighborhood_name,
        null as neighborhood_number,
        null as population_2010,
        null as area_km2,
        null as centroid_longitude,
        null as centroid_latitude
),

keyed as (
    select
        {{ surrogate_key(['neighborhood_slug']) }} as neighborhood_key,
        neighborhood_slug,
        neighborhood_name,
        neighborhood_number,
        population_2010,
        area_km2,
        centroid_longitude,
        centroid_latitude,
        neighborhood_slug <> 'unknown' as is_known,
        neighborhood_slug in (
            select boundaries.neighborhood_slug
            from boundaries
            where boundaries.neighborhood_slug is not null
        ) as has_boundary
    from with_unknown
)

select * from keyed
