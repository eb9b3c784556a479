{#-
    The wall-clock time that clocks of a zone show at an instant given in UTC.
    Usage: {{ local_time('purchased_at_utc', 'America/Los_Angeles') }}
-#}
{% macro local_time(utc_time, zone) -%}
    {{ adapter.dispatch('local_time', 'eventmart')(utc_time, zone) }}
{%- endmacro %}

{% macro duckdb__local_time(utc_time, zone) -%}
    timezone('{{ zone }}', timezone('UTC', {{ utc_time }}))
{%- endmacro %}
