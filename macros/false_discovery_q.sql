{#-
    Benjamini and Hochberg's q value of a p value among all rows of a CTE that has
    `p_rank`, the row's place by rising p value among those of its family (equal ones in
    any order), and `n_tests`, how many there are: at most a share q of the rows with a q
    value of q or less are expected to be there by chance.
    Usage: {{ false_discovery_q('p_value', 'vintage') }} as q_value
-#}
{% macro false_discovery_q(p_value, family) -%}
    least(
        min({{ p_value }} * n_tests / p_rank) over (
            partition by {{ family }}
            order by p_rank desc
            rows between unbounded preceding and current row
        ), 1.0
    )
{%- endmacro %}
