{#-
    Pareto class by the share that the better ones have sold before: A up to 80 % of all,
    B up to 95 %, then C. The one that crosses a line is on the better side of it.
    Usage: {{ pareto_class('n_sold_by_better_ones', 'n_sold_by_all') }} as pareto_class
-#}
{% macro pareto_class(n_before, n_all) -%}
    case
        when {{ n_before }} < 0.8 * {{ n_all }} then 'A'
        when {{ n_before }} < 0.95 * {{ n_all }} then 'B'
        else 'C'
    end
{%- endmacro %}
