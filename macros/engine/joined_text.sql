{#-
    The texts of a group as one text, in an order of columns, with a separator between them.
    Usage: {{ joined_text('path', "' '", 'polygon_number, ring_number') }} as paths
-#}
{% macro joined_text(text, separator, columns) -%}
    {{ return(adapter.dispatch('joined_text', 'eventmart')(text, separator, columns)) }}
{%- endmacro %}

{% macro duckdb__joined_text(text, separator, columns) -%}
    {{ return('string_agg(' ~ text ~ ', ' ~ separator ~ ' order by ' ~ columns ~ ')') }}
{%- endmacro %}
