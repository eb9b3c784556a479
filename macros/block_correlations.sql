{#-
    What each two blocks of a pair of series add to its correlation, if they are put side by
    side: a query, to be the whole of a CTE. It reads
    - pair_values: `pair_key`, `batch` (what is drawn and judged together), `lag`,
      `block` (0, 1, ... in a batch) with `place` in it, and the values `x` and `y`;
      of a series pooled over parts, `part_key` identifies them;
    - pair_moments: `pair_key`, `batch`, `lag`, with n, `x_mean`, `y_mean`,
      `x_deviation`, `y_deviation` (of the population), and `scatter`, how many times
      the variance of a correlation is what the orders of the blocks show.
    Usage: block_correlations as (
        {{ block_correlations('pair_values', 'pair_moments') }}
    )
-#}
{% macro block_correlations(pair_values, pair_moments) -%}
with block_products as (
    select
        x_values.pair_key,
        x_values.batch,
        x_values.lag,
        x_values.block as x_block,
        y_values.block as y_block,
        round(sum(x_values.x * y_values.y), 9) as product
    from {{ pair_values }} as x_values
    inner join {{ pair_values }} as y_values
        on
            x_values.pair_key = y_values.pair_key
            and x_values.part_key = y_values.part_key
            and x_values.batch = y_values.batch
            and x_values.lag = y_values.lag
            and x_values.place = y_values.place
    group by
        x_values.pair_key, x_values.batch, x_values.lag, x_values.block, y_values.block
)

select
    block_products.pair_key,
    block_products.batch,
    block_products.lag,
    block_products.x_block,
    block_products.y_block,
    block_products.product
    / (pair_moments.n * pair_moments.x_deviation * pair_moments.y_deviation)
        as correlation,
    pair_moments.scatter,
    pair_moments.x_mean * pair_moments.y_mean
    / (pair_moments.x_deviation * pair_moments.y_deviation) as mean_correlation
from block_products
inner join {{ pair_moments }} as pair_moments
    on
        block_products.pair_key = pair_moments.pair_key
        and block_products.batch = pair_moments.batch
        and block_products.lag = pair_moments.lag
where pair_moments.x_deviation > 0 and pair_moments.y_deviation > 0
{%- endmacro %}
