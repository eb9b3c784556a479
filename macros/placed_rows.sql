{#-
    The CTEs that put the rows of a CTE with longitude and latitude on the map. They read
    cells too, see placed_points(), and end in `placed`: the rows as they are, with
    mapped_longitude, mapped_latitude and point_repair, null where there is no point to
    map, and computed_neighborhood_slug, `unknown` where a point is in none.
    Usage: with rows as (...), cells as (...), {{ placed_rows('rows') }} select * from placed
-#}
{% macro placed_rows(rows) -%}
points as (
    select
        longitude,
        latitude
    from {{ rows }}
    where longitude is not null and latitude is not null
    group by longitude, latitude
),

{{ placed_points() }},

placed as (
    select
        {{ rows }}.*,
        placed_points.mapped_longitude,
        placed_points.mapped_latitude,
        placed_points.point_repair,
        coalesce(placed_points.neighborhood_slug, 'unknown')
            as computed_neighborhood_slug
    from {{ rows }}
    left join placed_points
        on
            {{ rows }}.longitude = placed_points.longitude
            and {{ rows }}.latitude = placed_points.latitude
)
{%- endmacro %}
