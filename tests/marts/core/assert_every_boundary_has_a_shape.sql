-- A neighborhood that has a boundary and no shape, or a shape without a boundary.
select
    neighborhoods.neighborhood_slug as bounded_slug,
    shapes.neighborhood_slug as drawn_slug
from (
    select * from {{ ref('dim_neighborhoods') }}
    where has_boundary
) as neighborhoods
full outer join {{ ref('dim_neighborhood_shapes') }} as shapes
    on neighborhoods.neighborhood_key = shapes.neighborhood_key
where neighborhoods.neighborhood_key is null or shapes.neighborhood_key is null
