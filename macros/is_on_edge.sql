{#-
    Whether a point lies on an edge, or so near that it cannot be told: within 1e-12 of a
    degree. Doubles cannot hold every point of an edge, and such a point must not fall
    between two neighborhoods. No more than that: accidents are put at crossings of streets
    that are borders, to 1e-10 of a degree, and to the side that the city then states.
    False for a row without an edge.
    Usage: {{ is_on_edge('longitude', 'latitude') }}, beside the columns low_longitude,
    low_latitude, high_longitude and high_latitude
-#}
{% macro is_on_edge(longitude, latitude) -%}
    {%- set east = '(high_longitude - low_longitude)' -%}
    {%- set north = '(high_latitude - low_latitude)' -%}
    {%- set share -%}
        greatest(0, least(1, (
            ({{ longitude }} - low_longitude) * {{ east }}
            + ({{ latitude }} - low_latitude) * {{ north }}
        ) / ({{ east }} * {{ east }} + {{ north }} * {{ north }})))
    {%- endset -%}
    coalesce(
        power({{ longitude }} - low_longitude - {{ east }} * {{ share }}, 2)
        + power({{ latitude }} - low_latitude - {{ north }} * {{ share }}, 2) <= 1e-24,
        false
    )
{%- endmacro %}
