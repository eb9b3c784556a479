{#-
    A double of either sign, rounded: what would round to the negative zero, which is
    another text than zero, becomes zero, and what is no number (the correlation with a
    constant) null.
    Usage: {{ round_signed('corr(x, y)', 9) }} as correlation
-#}
{% macro round_signed(number, n_digits) -%}
    nullif(round({{ number }}, {{ n_digits }}) + 0e0, cast('nan' as double))
{%- endmacro %}
