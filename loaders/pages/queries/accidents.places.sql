select
    neighborhoods.neighborhood_slug, neighborhoods.neighborhood_name,
    neighborhoods.population_2010, neighborhoods.area_km2, shapes.outline_path,
    shapes.label_x, shapes.label_y, shapes.west_x, shapes.east_x, shapes.north_y,
    shapes.south_y, shapes.is_inset
from marts.dim_neighborhoods as neighborhoods
left join marts.dim_neighborhood_shapes as shapes using (neighborhood_key)
where neighborhoods.is_known
order by neighborhoods.neighborhood_slug
