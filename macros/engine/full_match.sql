{#-
    Whether a whole text matches a regular expression; null if the text is null.
    Usage: {{ full_match('zip_code', '[0-9]{5}') }}
-#}
{% macro full_match(text, pattern) -%}
    {{ adapter.dispatch('full_match', 'eventmart')(text, pattern) }}
{%- endmacro %}

{% macro duckdb__full_match(text, pattern) -%}
    regexp_full_match({{ text }}, '{{ pattern }}')
{%- endmacro %}
