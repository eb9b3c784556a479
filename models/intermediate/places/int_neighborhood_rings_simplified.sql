{{ config(materialized='table') }}

with boundaries as (
    select * from {{ ref('int_neighborhoods_held') }}
    where neighborhood_slug is not null and _copy = 1
),

vertices as (
    {{ geojson_vertices('boundaries', '_row_hash', 'geometry') }}
),

projected as (
    select
        *,
        {{ map_x('longitude') }} as x,
        {{ map_y('latitude') }} as y
    from vertices
),

-- Up to a thousand square meters: ten of the map's units, twice.
kept as (
    {{ simplified_rings('projected', 6, 20) }}
),

rings as (
    select
        boundaries.neighborhood_slug,
        kept._row_hash,
        kept.polygon_number,
        kept.ring_number,
        kept.vertex_number,
        kept.x,
        kept.y
    from kept
    inner join boundaries
        on kept._row_hash = boundaries._row_hash
)

select * from rings
