with shapes as (
    select
        neighborhood_slug as slug, outline_path, west_x, east_x, north_y, south_y,
        -- The airport is apart from the city.
        coalesce(is_inset, false) as is_inset
    from marts.dim_neighborhood_shapes
)

select
    *,
    concat_ws(
        ' ',
        min(west_x) filter (where not is_inset) over (),
        min(north_y) filter (where not is_inset) over (),
        max(east_x) filter (where not is_inset) over ()
        - min(west_x) filter (where not is_inset) over (),
        max(south_y) filter (where not is_inset) over ()
        - min(north_y) filter (where not is_inset) over ()
    ) as box
from shapes
order by slug
