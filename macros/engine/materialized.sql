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

{#-
    The contrary: has a CTE computed where it is read, each time, with what is asked of it
    there. One that is read twice would otherwise be computed whole, and then filtered.
    Usage: versions as {{ inlined() }} (select * from {{ ref('int_...') }})
-#}
{% macro inlined() -%}
    {{ adapter.dispatch('inlined', 'eventmart')() }}
{%- endmacro %}

{% macro duckdb__inlined() -%}
    not materialized
{%- endmacro %}
