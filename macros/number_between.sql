{#-
    A text as a number between two limits, both included, or null if it is none: what no
    such thing can be, such as a negative price or a billion bicycles, would spoil sums.
    Usage: {{ number_between('onqi', 'integer', 0, 100) }} as onqi_score
-#}
{% macro number_between(column, type, least, most) -%}
    {%- set value = round_trip_cast(column, type) -%}
    case when {{ value }} between {{ least }} and {{ most }} then {{ value }} end
{%- endmacro %}
