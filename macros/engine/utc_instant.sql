{#-
    The instant, as a timestamp in UTC, at which clocks of a zone show a wall-clock
    time. An hour that occurs twice gives one of its instants, an hour left out in
    spring the instant that many minutes after the change: time_quality() tells them.
    Usage: {{ utc_instant('requested_at', 'America/Denver') }} as requested_at_utc
-#}
{% macro utc_instant(local_time, zone) -%}
    {{ adapter.dispatch('utc_instant', 'eventmart')(local_time, zone) }}
{%- endmacro %}

{% macro duckdb__utc_instant(local_time, zone) -%}
    timezone('UTC', timezone('{{ zone }}', {{ local_time }}))
{%- endmacro %}
