{#-
    How much the correlation of a pair of series scatters by chance, by lag: its deviation
    over all orders of the blocks of one of them. A query, to be the whole of a CTE. It reads
    what block_correlations() gives, and gives pair_key, batch, lag, n_blocks, scatter and
    deviation.
    Usage: lag_deviations as (
        {{ lag_deviations('block_correlations') }}
    )
-#}
{% macro lag_deviations(block_correlations) -%}
with x_block_sums as (
    select
        pair_key,
        batch,
        lag,
        x_block,
        max(scatter) as scatter,
        sum(correlation) as correlation_sum,
        sum(correlation * correlation) as square_sum
    from {{ block_correlations }}
    group by pair_key, batch, lag, x_block
),

y_block_sums as (
    select
        pair_key,
        batch,
        lag,
        y_block,
        sum(correlation) as correlation_sum
    from {{ block_correlations }}
    group by pair_key, batch, lag, y_block
),

x_sums as (
    select
        pair_key,
        batch,
        lag,
        cast(count(*) as double) as n_blocks,
        max(scatter) as scatter,
        sum(correlation_sum) as correlation_sum,
        sum(square_sum) as square_sum,
        sum(correlation_sum * correlation_sum) as x_square_sum
    from x_block_sums
    group by pair_key, batch, lag
),

y_sums as (
    select
        pair_key,
        batch,
        lag,
        sum(correlation_sum * correlation_sum) as y_square_sum
    from y_block_sums
    group by pair_key, batch, lag
)

-- Hoeffding's variance of a sum over a permutation.
select
    x_sums.pair_key,
    x_sums.batch,
    x_sums.lag,
    cast(x_sums.n_blocks as integer) as n_blocks,
    x_sums.scatter,
    round(
        sqrt(
            x_sums.scatter * greatest(
                x_sums.square_sum
                - (x_sums.x_square_sum + y_sums.y_square_sum) / x_sums.n_blocks
                + x_sums.correlation_sum * x_sums.correlation_sum
                / (x_sums.n_blocks * x_sums.n_blocks), 0
            ) / (x_sums.n_blocks - 1)
        ), 9
    ) as deviation
from x_sums
inner join y_sums
    on
        x_sums.pair_key = y_sums.pair_key
        and x_sums.batch = y_sums.batch
        and x_sums.lag = y_sums.lag
where x_sums.n_blocks > 1
{%- endmacro %}
