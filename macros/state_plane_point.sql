{#-
    Longitude and latitude in degrees of a point in feet of the state plane (EPSG:2232,
    NAD 83, Colorado Central, US survey feet): the inverse of a Lambert conformal conic
    projection on the ellipsoid GRS 80 with the standard parallels 38.45 and 39.75, in
    closed form, so that it runs where the data is. NAD 83 is taken for WGS 84, as is
    usual; they differ by a meter or two. Within 1e-9 of a degree of PROJ.
    Usage: {{ state_plane_longitude('x_feet', 'y_feet') }} as longitude
-#}
{% macro state_plane_longitude(x_feet, y_feet) -%}
    (
        -105.5 + degrees(atan2(
            {{ x_feet }} - 3000000, 26242400.727463905 - ({{ y_feet }} - 1000000)
        )) / 0.6306895552244414
    )
{%- endmacro %}

{#- The latitude: the conformal latitude, and from it the one on the ellipsoid. -#}
{% macro state_plane_latitude(x_feet, y_feet) -%}
    {%- set radius -%}
        sqrt(
            power({{ x_feet }} - 3000000, 2)
            + power(26242400.727463905 - ({{ y_feet }} - 1000000), 2)
        )
    {%- endset -%}
    {%- set conformal -%}
        (
            pi() / 2 - 2 * atan(
                power({{ radius }} / 41070356.97001723, 1 / 0.6306895552244414)
            )
        )
    {%- endset -%}
    degrees(
        {{ conformal }}
        + 3.3565514853511427e-3 * sin(2 * {{ conformal }})
        + 6.5718727752939625e-6 * sin(4 * {{ conformal }})
        + 1.764564364678164e-8 * sin(6 * {{ conformal }})
        + 5.3284785490533986e-11 * sin(8 * {{ conformal }})
    )
{%- endmacro %}
