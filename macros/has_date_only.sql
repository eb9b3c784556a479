{#-
    Whether a text that was read as a time says the day alone. One that counts (epoch
    milliseconds, or days) has no colon either, but hardly ever comes out at midnight.
    Usage: {{ has_date_only('reported_date', 'reported_at') }}
-#}
{% macro has_date_only(text, time) -%}
    {{ text }} not like '%:%' and {{ time }} = cast(cast({{ time }} as date) as timestamp)
{%- endmacro %}
