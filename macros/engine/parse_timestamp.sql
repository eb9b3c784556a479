{#-
    A text as timestamp by the first of the formats (strftime codes) that fits all of
    it; null if none does. A year may come out as 15: check the range.
    Usage: {{ parse_timestamp('reported_date', ['%Y-%m-%d', '%m/%d/%Y']) }}
-#}
{% macro parse_timestamp(text, formats) -%}
    {{ adapter.dispatch('parse_timestamp', 'eventmart')(text, formats) }}
{%- endmacro %}

{% macro duckdb__parse_timestamp(text, formats) -%}
    try_strptime({{ text }}, ['{{ formats | join("', '") }}'])
{%- endmacro %}
