{#-
    The cell of a fixed grid that a point lies in, as two whole numbers. In Denver a cell
    measures about 252 by 252 meters: 1/340 of a degree of longitude by 1/440 of one of
    latitude. Cells are closed to the west and south.
    Usage: {{ grid_cell_x('longitude') }} as cell_x, {{ grid_cell_y('latitude') }} as cell_y
-#}
{% macro grid_cell_x(longitude) -%}
    cast(floor(({{ longitude }}) * {{ cells_per_degree().x }}) as integer)
{%- endmacro %}

{% macro grid_cell_y(latitude) -%}
    cast(floor(({{ latitude }}) * {{ cells_per_degree().y }}) as integer)
{%- endmacro %}

{#- How many cells of the grid go into a degree, from west to east and south to north. -#}
{% macro cells_per_degree() -%}
    {{ return({'x': 340, 'y': 440}) }}
{%- endmacro %}
