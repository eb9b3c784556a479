{#-
    Whether an id as sent is none: what a spreadsheet made of it (2.01310E+15, #####,
    #N/A), or a word for nothing (0, -). False if it is null. The loader defines it, in
    loaders/landing/checks/ids.py, and judges deliveries by the same.
    Usage: {{ is_damaged_id('offense_id') }} as has_damaged_id
-#}
{% macro is_damaged_id(column) -%}
    {{ adapter.dispatch('is_damaged_id', 'eventmart')(column) }}
{%- endmacro %}

{% macro duckdb__is_damaged_id(column) -%}
    landing.raw.is_damaged_id({{ column }})
{%- endmacro %}
