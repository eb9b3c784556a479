{#-
    Whether a point lies on an edge, or so near that it cannot be told: within 1e-9 of a
    degree, a tenth of a millimeter. Doubles cannot hold every point of an edge, and such
    a point must not fall between two neighborhoods. False for a row without an edge.
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
        + power({{ latitude }} - low_latitude - {{ north }} * {{ share }}, 2) <= 1e-18,
        false
    )
{%- endmacro %}
