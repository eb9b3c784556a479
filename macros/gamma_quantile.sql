{#-
    A quantile of a gamma distribution with this shape and rate, by that of the normal
    distribution: Wilson and Hilferty's cube root, to a few percent from shape 1 on.
    Usage: {{ gamma_quantile('n_sold + 1', 'n_days', 1.96) }} as rate_high
-#}
{% macro gamma_quantile(shape, rate, z) -%}
    ({{ shape }}) / ({{ rate }}) * power(greatest(
        1 - 1 / (9 * ({{ shape }})) + ({{ z }}) / (3 * sqrt({{ shape }})), 0
    ), 3)
{%- endmacro %}
