{#-
    A ranking by units sold in each value of a dimension: a query, to be the whole of a
    CTE. It reads dimension, dimension_value, n_purchases and the column `seller`, which
    breaks ties, of `counted`, and gives all its columns with sales_rank, purchase_share,
    cumulative_share (with all better ones) and pareto_class, by the share that the
    better ones have sold before: A up to 80 % of all, B up to 95 %, then C. What crosses
    a line is on the better side of it.
    Usage: pareto_ranked as (
        {{ pareto_ranked('counted', 'kiosk_id') }}
    )
-#}
{% macro pareto_ranked(counted, seller) -%}
with added_up as (
    select
        *,
        cast(sum(n_purchases) over (
            partition by dimension, dimension_value
        ) as double) as n_all_purchases,
        sum(n_purchases) over (
            partition by dimension, dimension_value
            order by n_purchases desc, {{ seller }} asc
            rows between unbounded preceding and current row
        ) as n_purchases_so_far
    from {{ counted }}
)

select
    *,
    case
        when n_purchases_so_far - n_purchases < 0.8 * n_all_purchases then 'A'
        when n_purchases_so_far - n_purchases < 0.95 * n_all_purchases then 'B'
        else 'C'
    end as pareto_class,
    cast(rank() over (
        partition by dimension, dimension_value order by n_purchases desc
    ) as integer) as sales_rank,
    n_purchases / n_all_purchases as purchase_share,
    n_purchases_so_far / n_all_purchases as cumulative_share
from added_up
{%- endmacro %}
