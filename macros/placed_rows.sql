{#-
    Rows with longitude and latitude, put on the map: a query, to be the whole of a CTE.
    The rows as they are, with mapped_longitude, mapped_latitude and point_repair, null
    where there is no point to map, and computed_neighborhood_slug, `unknown` where a point
    is in none. See placed_points(), also for `cells`.
    Usage: placed as (
        {{ placed_rows('current_rows', 'cells') }}
    )
-#}
{% macro placed_rows(rows, cells) -%}
with points as (
    select
        longitude,
        latitude
    from {{ rows }}
    where longitude is not null and latitude is not null
    group by longitude, latitude
),

placed_points as (
    {{ placed_points('points', cells) }}
)

select
    sent.*,
    placed_points.mapped_longitude,
    placed_points.mapped_latitude,
    placed_points.point_repair,
    coalesce(placed_points.neighborhood_slug, 'unknown')
        as computed_neighborhood_slug
from {{ rows }} as sent
left join placed_points
    on
        sent.longitude = placed_points.longitude
        and sent.latitude = placed_points.latitude
{%- endmacro %}
