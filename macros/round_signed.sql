{#-
    A double of either sign, rounded: a result of negative zero, which has another text
    than zero, becomes zero, and a result that is not a number (the correlation with a
    constant) becomes null.
    Usage: {{ round_signed('corr(x, y)', 9) }} as correlation
-#}
{% macro round_signed(number, n_digits) -%}
    nullif(round({{ number }}, {{ n_digits }}) + 0e0, cast('nan' as double))
{%- endmacro %}
