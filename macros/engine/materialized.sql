{#-
    What has a CTE computed once where it stands, between `as` and its parenthesis. A long
    chain of CTEs with windows is otherwise planned in a time that doubles with each.
    Usage: ranked as {{ materialized() }} (select ...)
-#}
{% macro materialized() -%}
    {{ adapter.dispatch('materialized', 'eventmart')() }}
{%- endmacro %}

{% macro duckdb__materialized() -%}
    materialized
{%- endmacro %}
