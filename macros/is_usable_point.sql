{#-
    Whether a point can stand on a map of the city: both parts given, inside the city's
    bounding box. That leaves out 0, 0, swapped parts and points in whole degrees.
    Usage: {{ is_usable_point('longitude', 'latitude') }} as has_usable_point
-#}
{% macro is_usable_point(longitude, latitude) -%}
    coalesce(
        {{ longitude }} between -105.12 and -104.59
        and {{ latitude }} between 39.6 and 39.92,
        false
    )
{%- endmacro %}
