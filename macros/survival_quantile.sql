{#-
    The first day on which at most a share is still open, by a column of
    `survival_steps`, as an aggregate; null if it is not reached. The share is compared
    with a margin far below what one request changes: it is a product of fractions, and
    must not miss a half by its last digit.
    Usage: {{ survival_quantile('open_share', 0.5) }} as median_days_to_close
-#}
{% macro survival_quantile(column, open_share) -%}
    min(case when {{ column }} <= {{ open_share }} + 1e-12 then watched_days end)
{%- endmacro %}
