{#-
    The sum of doubles, the same in any order: doubles added up in another order differ in
    the last digits, and may then be rounded differently. Each counts to so many places.
    Usage: {{ exact_sum('n_units * price') }} as sales,
    {{ exact_sum('weight', over='four_weeks') }} as total_weight
-#}
{% macro exact_sum(number, over=none, places=12) -%}
    cast(
        sum(cast({{ number }} as decimal(38, {{ places }}))) {{- ' over ' ~ over if over }}
        as double
    )
{%- endmacro %}
