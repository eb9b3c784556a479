{#-
    Bytes as text that is safe to show: whatever is not printable ASCII is written as
    \xNN, so that no control character reaches a terminal or a page.
    Usage: {{ printable('raw_bytes') }} as raw_text
-#}
{% macro printable(bytes) -%}
    {{ adapter.dispatch('printable', 'eventmart')(bytes) }}
{%- endmacro %}

{% macro duckdb__printable(bytes) -%}
    cast({{ bytes }} as varchar)
{%- endmacro %}
