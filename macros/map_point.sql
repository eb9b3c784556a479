{#-
    A place on the map of the city, as two whole numbers: tens of meters to the east and to
    the south of its north-western corner, so that they can stand in an SVG as they are.
    The projection is equirectangular, true to scale at 39.75 degrees north: over the city
    lengths are off by a quarter of a percent at most.
    Usage: {{ map_x('longitude') }} as x, {{ map_y('latitude') }} as y
-#}
{% macro map_x(longitude) -%}
    cast(
        floor((({{ longitude }}) - {{ map_projection().west }})
        * {{ map_projection().per_longitude }} + 0.5) as integer
    )
{%- endmacro %}

{% macro map_y(latitude) -%}
    cast(
        floor(({{ map_projection().north }} - ({{ latitude }}))
        * {{ map_projection().per_latitude }} + 0.5) as integer
    )
{%- endmacro %}

{#-
    The corner in degrees (that of is_usable_point), and how many tens of meters a degree of
    longitude and one of latitude measure there, on a sphere of 6,371,008.8 meters.
-#}
{% macro map_projection() -%}
    {{ return({
        'west': '-105.12', 'north': '39.92',
        'per_longitude': '8549.14', 'per_latitude': '11119.51',
    }) }}
{%- endmacro %}
