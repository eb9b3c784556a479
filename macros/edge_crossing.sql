{#-
    1 if a ray from a point to the east crosses an edge, else 0: a point is inside a ring
    if the number is odd. An edge holds its lower end and not its upper one, so that a
    ray through a corner counts once. The edge is given from its lower end, in the same
    way for the neighborhoods on both sides: rounding cannot put a point into both or
    neither.
    Usage: sum({{ edge_crossing('longitude', 'latitude') }}), beside the columns
    low_longitude, low_latitude, high_longitude and high_latitude
-#}
{% macro edge_crossing(longitude, latitude) -%}
    case
        when
            low_latitude <= {{ latitude }} and {{ latitude }} < high_latitude
            and {{ longitude }} < low_longitude + (high_longitude - low_longitude)
            * (({{ latitude }} - low_latitude) / (high_latitude - low_latitude))
            then 1
        else 0
    end
{%- endmacro %}
