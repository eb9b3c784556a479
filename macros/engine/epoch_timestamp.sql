{#-
    Milliseconds since 1970, a whole number, as timestamp in UTC.
    Usage: {{ epoch_timestamp('try_cast(case_created_dttm as bigint)') }}
-#}
{% macro epoch_timestamp(milliseconds) -%}
    {{ adapter.dispatch('epoch_timestamp', 'eventmart')(milliseconds) }}
{%- endmacro %}

{% macro duckdb__epoch_timestamp(milliseconds) -%}
    make_timestamp({{ milliseconds }} * 1000)
{%- endmacro %}
