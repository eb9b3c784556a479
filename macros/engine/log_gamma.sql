{#-
    Natural logarithm of the gamma function of a positive number: log_gamma('n + 1') is
    that of n factorial.
    Usage: {{ log_gamma('n_events + 1') }}
-#}
{% macro log_gamma(number) -%}
    {{ adapter.dispatch('log_gamma', 'eventmart')(number) }}
{%- endmacro %}

{% macro duckdb__log_gamma(number) -%}
    lgamma({{ number }})
{%- endmacro %}
