{#-
    The md5 of a text, as the engine's type for keys.
    Usage: {{ md5_uuid("kiosk_id || ':' || product_id") }}
-#}
{% macro md5_uuid(text) -%}
    {{ adapter.dispatch('md5_uuid', 'eventmart')(text) }}
{%- endmacro %}

{% macro duckdb__md5_uuid(text) -%}
    cast(md5({{ text }}) as uuid)
{%- endmacro %}
