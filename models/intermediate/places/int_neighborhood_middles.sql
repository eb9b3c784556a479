{% set per_degree = cells_per_degree() %}

with cells as (
    select * from {{ ref('int_neighborhood_cells') }}
),

neighborhoods as (
    select * from {{ ref('neighborhoods') }}
),

-- How far, in cells, a cell wholly inside is from the border.
depths as (
    select
        inside.neighborhood_slug,
        (inside.cell_x + 0.5e0) / {{ per_degree.x }} as longitude,
        (inside.cell_y + 0.5e0) / {{ per_degree.y }} as latitude,
        min(
            power(inside.cell_x - border.cell_x, 2)
            + power(inside.cell_y - border.cell_y, 2)
        ) as border_distance
    from cells as inside
    inner join cells as border
        on inside.neighborhood_slug = border.neighborhood_slug
    where inside.is_whole and not border.is_whole
    group by inside.neighborhood_slug, inside.cell_x, inside.cell_y
),

ranked as (
    select
        depths.neighborhood_slug,
        depths.longitude,
        depths.latitude,
        row_number() over (
            partition by depths.neighborhood_slug
            order by
                depths.border_distance desc,
                power(depths.longitude - neighborhoods.centroid_longitude, 2)
                + power(depths.latitude - neighborhoods.centroid_latitude, 2) asc,
                depths.latitude asc,
                depths.longitude asc
        ) as depth_rank
    from depths
    inner join neighborhoods
        on depths.neighborhood_slug = neighborhoods.neighborhood_slug
),

middles as (
    select
        neighborhood_slug,
        longitude,
        latitude
    from ranked
    where depth_rank = 1
)

select * from middles
