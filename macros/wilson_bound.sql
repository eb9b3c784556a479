{#-
    One end, `low` or `high`, of Wilson's 95 % interval of a share, as an expression; null
    where n is 0. It holds for few as for many, for none as for all.
    Usage: {{ wilson_bound('n_repeats', 'n_requests', 'low') }} as repeat_share_low
-#}
{% macro wilson_bound(n_with, n, end) -%}
    {%- if end not in ['low', 'high'] -%}
        {{ exceptions.raise_compiler_error("wilson_bound: end is 'low' or 'high'") }}
    {%- endif -%}
    {%- set z2 = '3.8414588206941254e0' -%}
    {%- set sign = '-' if end == 'low' else '+' -%}
    case when {{ n }} > 0 then {{ 'greatest' if end == 'low' else 'least' }}(
        (
            {{ n_with }} + {{ z2 }} / 2
            {{ sign }} sqrt(
                {{ z2 }} * (
                    cast({{ n_with }} as double) * ({{ n }} - {{ n_with }}) / {{ n }}
                    + {{ z2 }} / 4
                )
            )
        ) / ({{ n }} + {{ z2 }}),
        {{ 0 if end == 'low' else 1 }}
    ) end
{%- endmacro %}
