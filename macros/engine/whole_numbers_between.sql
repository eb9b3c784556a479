{#-
    One row per whole number from the first to the last, both included, as a select
    expression.
    Usage: select {{ whole_numbers_between('first_cell', 'last_cell') }} as cell from rows
-#}
{% macro whole_numbers_between(first, last) -%}
    {{ adapter.dispatch('whole_numbers_between', 'eventmart')(first, last) }}
{%- endmacro %}

{% macro duckdb__whole_numbers_between(first, last) -%}
    cast(unnest(generate_series({{ first }}, {{ last }})) as integer)
{%- endmacro %}
