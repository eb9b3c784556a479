{#-
    Number of the day in its week: Monday 1 to Sunday 7.
    Usage: {{ iso_weekday('purchase_date') }} as weekday_number
-#}
{% macro iso_weekday(date) -%}
    {{ adapter.dispatch('iso_weekday', 'eventmart')(date) }}
{%- endmacro %}

{% macro duckdb__iso_weekday(date) -%}
    cast(extract(isodow from {{ date }}) as integer)
{%- endmacro %}
