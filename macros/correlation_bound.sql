{#-
    One end, `low` or `high`, of the 95 % interval of a correlation of n independent
    pairs, by Fisher's z, as an expression; null for three or fewer, and where the
    correlation is null. At 1 and -1 nothing is left to either side.
    Usage: {{ correlation_bound('correlation', 'effective_n', 'low') }}
-#}
{% macro correlation_bound(correlation, n, end) -%}
    {%- if end not in ['low', 'high'] -%}
        {{ exceptions.raise_compiler_error("correlation_bound: end is 'low' or 'high'") }}
    {%- endif -%}
    {%- set sign = '-' if end == 'low' else '+' -%}
    case
        when {{ n }} > 3 and abs({{ correlation }}) >= 1 then {{ correlation }}
        when {{ n }} > 3
            then tanh(
                ln((1 + {{ correlation }}) / (1 - {{ correlation }})) / 2
                {{ sign }} 1.959963984540054e0 / sqrt({{ n }} - 3)
            )
    end
{%- endmacro %}
