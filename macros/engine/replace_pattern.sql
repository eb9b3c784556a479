{#-
    A text with every match of a regular expression replaced.
    Usage: {{ replace_pattern('neighborhood', '[^a-z0-9]+', '-') }}
-#}
{% macro replace_pattern(text, pattern, replacement) -%}
    {{ adapter.dispatch('replace_pattern', 'eventmart')(text, pattern, replacement) }}
{%- endmacro %}

{% macro duckdb__replace_pattern(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}
