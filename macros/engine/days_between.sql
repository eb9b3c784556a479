{#-
    One row per day from the first to the last, both included, as a select expression.
    Usage: select {{ days_between('first_date', 'last_date') }} as date_day from bounds
-#}
{% macro days_between(first_date, last_date) -%}
    {{ adapter.dispatch('days_between', 'eventmart')(first_date, last_date) }}
{%- endmacro %}

{% macro duckdb__days_between(first_date, last_date) -%}
    cast(
        unnest(generate_series({{ first_date }}, {{ last_date }}, interval 1 day))
        as date
    )
{%- endmacro %}
