{#- The zone of the clocks behind all times of the city's files, which never say it. -#}
{% macro city_zone() -%}
    America/Denver
{%- endmacro %}
