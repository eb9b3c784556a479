{{ config(materialized='table') }}

with boundaries as (
    select
        neighborhood_slug,
        geometry,
        cast(
            row_number() over (order by neighborhood_slug, _row_hash) as integer
        ) as boundary_number
    from {{ ref('int_neighborhoods_held') }}
    where neighborhood_slug is not null and _copy = 1
),

vertices as (
    {{ geojson_vertices('boundaries', 'boundary_number', 'geometry') }}
),

-- The vertex after the last of a ring is its first, closed though rings should be.
followed as (
    select
        *,
        lead(vertex_number, 1, 1) over (
            partition by boundary_number, polygon_number, ring_number
            order by vertex_number
        ) as next_vertex_number
    from vertices
),

joined as (
    select
        followed.boundary_number,
        followed.longitude as start_longitude,
        followed.latitude as start_latitude,
        next_vertices.longitude as end_longitude,
        next_vertices.latitude as end_latitude,
        (
            followed.latitude < next_vertices.latitude
            or (
                followed.latitude = next_vertices.latitude
                and followed.longitude < next_vertices.longitude
            )
        ) as is_upward
    from followed
    inner join vertices as next_vertices
        on
            followed.boundary_number = next_vertices.boundary_number
            and followed.polygon_number = next_vertices.polygon_number
            and followed.ring_number = next_vertices.ring_number
            and followed.next_vertex_number = next_vertices.vertex_number
    where
        followed.longitude <> next_vertices.longitude
        or followed.latitude <> next_vertices.latitude
),

-- From the lower end, so that both sides of a border compute with the same numbers.
directed as (
    select
        boundary_number,
        case when is_upward then start_longitude else end_longitude end
            as low_longitude,
        case when is_upward then start_latitude else end_latitude end as low_latitude,
        case when is_upward then end_longitude else start_longitude end
            as high_longitude,
        case when is_upward then end_latitude else start_latitude end as high_latitude
    from joined
),

edges as (
    select
        directed.boundary_number,
        boundaries.neighborhood_slug,
        directed.low_longitude,
        directed.low_latitude,
        directed.high_longitude,
        directed.high_latitude
    from directed
    inner join boundaries
        on directed.boundary_number = boundaries.boundary_number
)

select * from edges
