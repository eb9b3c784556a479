{% set projection = map_projection() %}

with vertices as (
    select * from {{ ref('int_neighborhood_rings_simplified') }}
),

middles as (
    select * from {{ ref('int_neighborhood_middles') }}
),

neighborhoods as (
    select * from {{ ref('neighborhoods') }}
),

-- A ring begins at a place, and goes on by steps.
stepped as (
    select
        *,
        coalesce(
            (x - lag(x) over ring) || ' ' || (y - lag(y) over ring),
            'M' || x || ' ' || y || 'l'
        ) as step
    from vertices
    window ring as (
        partition by _row_hash, polygon_number, ring_number
        order by vertex_number
    )
),

rings as (
    select
        neighborhood_slug,
        _row_hash,
        polygon_number,
        ring_number,
        replace({{ joined_text('step', "' '", 'vertex_number') }}, 'l ', 'l') || 'z'
            as ring_path,
        count(*) as n_vertices,
        min(x) as west_x,
        max(x) as east_x,
        min(y) as north_y,
        max(y) as south_y
    from stepped
    group by neighborhood_slug, _row_hash, polygon_number, ring_number
),

outlines as (
    select
        neighborhood_slug,
        {{ joined_text('ring_path', "''", '_row_hash, polygon_number, ring_number') }}
            as outline_path,
        cast(sum(n_vertices) as integer) as n_vertices,
        min(west_x) as west_x,
        max(east_x) as east_x,
        min(north_y) as north_y,
        max(south_y) as south_y
    from rings
    group by neighborhood_slug
),

shapes as (
    select
        {{ surrogate_key(['outlines.neighborhood_slug']) }} as neighborhood_key,
        outlines.neighborhood_slug,
        outlines.outline_path,
        outlines.n_vertices,
        {{ map_x('coalesce(middles.longitude, neighborhoods.centroid_longitude)') }}
            as label_x,
        {{ map_y('coalesce(middles.latitude, neighborhoods.centroid_latitude)') }}
            as label_y,
        outlines.west_x,
        outlines.east_x,
        outlines.north_y,
        outlines.south_y,
        cast({{ projection.west }} as double) as origin_longitude,
        cast({{ projection.north }} as double) as origin_latitude,
        cast({{ projection.per_longitude }} as double) as units_per_longitude,
        cast({{ projection.per_latitude }} as double) as units_per_latitude,
        -- The airport is as wide as the rest of the city, and far from it.
        outlines.neighborhood_slug = 'dia' as is_inset
    from outlines
    inner join neighborhoods
        on outlines.neighborhood_slug = neighborhoods.neighborhood_slug
    left join middles
        on outlines.neighborhood_slug = middles.neighborhood_slug
)

select * from shapes
