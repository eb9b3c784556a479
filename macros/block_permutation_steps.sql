{#-
    The CTEs that find the effect of chance on correlations of pairs of series: blocks of
    one series are put in another order relative to the other, so that both keep their
    order within a block. All pairs get the same order at once, so that the dependence
    between pairs stays.
    They read two CTEs:
    - pair_values: `pair_key`, `batch` (what is drawn and judged together), `lag`,
      `block` (0, 1, ... in a batch) with `place` in it, and the values `x` and `y`;
      of a series pooled over parts, `part_key` tells them apart;
    - pair_moments: `pair_key`, `batch`, `lag`, with n, `x_mean`, `y_mean`,
      `x_deviation`, `y_deviation` (of the population), and `scatter`, how many times
      the variance of a correlation is what the orders of the blocks show.
    and end in `pair_chances`, one row per pair and batch, with n_draws, n_null (draws
    times pairs of the batch), own_p_value and p_value, of the greatest correlation over
    all lags, each in units of its deviation over all orders of the blocks; and in
    `lag_deviations`, that deviation of each lag. p_value counts draws of all pairs of
    the batch, so that it can be small.
    Usage: {{ block_permutation_steps(499) }} select * from pair_chances
-#}
{% macro block_permutation_steps(n_draws) -%}
block_products as (
    select
        x_values.pair_key,
        x_values.batch,
        x_values.lag,
        x_values.block as x_block,
        y_values.block as y_block,
        round(sum(x_values.x * y_values.y), 9) as product
    from pair_values as x_values
    inner join pair_values as y_values
        on
            x_values.pair_key = y_values.pair_key
            and x_values.part_key = y_values.part_key
            and x_values.batch = y_values.batch
            and x_values.lag = y_values.lag
            and x_values.place = y_values.place
    group by
        x_values.pair_key, x_values.batch, x_values.lag, x_values.block, y_values.block
),

block_correlations as (
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
    inner join pair_moments
        on
            block_products.pair_key = pair_moments.pair_key
            and block_products.batch = pair_moments.batch
            and block_products.lag = pair_moments.lag
    where pair_moments.x_deviation > 0 and pair_moments.y_deviation > 0
),

x_block_sums as (
    select
        pair_key,
        batch,
        lag,
        x_block,
        max(scatter) as scatter,
        sum(correlation) as correlation_sum,
        sum(correlation * correlation) as square_sum
    from block_correlations
    group by pair_key, batch, lag, x_block
),

y_block_sums as (
    select
        pair_key,
        batch,
        lag,
        y_block,
        sum(correlation) as correlation_sum
    from block_correlations
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
),

-- Hoeffding's variance of a sum over a permutation.
lag_deviations as (
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
),

draws as (
    select {{ whole_numbers_between(1, n_draws) }} as draw
),

blocks as (
    select
        batch,
        x_block
    from block_products
    group by batch, x_block
),

-- Draw 0 is what was seen.
orders as (
    select
        batch,
        0 as draw,
        x_block,
        x_block as y_block
    from blocks
    union all
    select
        blocks.batch,
        draws.draw,
        blocks.x_block,
        row_number() over (
            partition by blocks.batch, draws.draw
            order by md5(draws.draw || ':' || blocks.x_block) asc, blocks.x_block asc
        ) - 1 as y_block
    from blocks
    cross join draws
),

drawn as (
    select
        block_correlations.pair_key,
        block_correlations.batch,
        block_correlations.lag,
        orders.draw,
        abs(
            sum(block_correlations.correlation)
            - max(block_correlations.mean_correlation)
        ) as correlation
    from block_correlations
    inner join orders
        on
            block_correlations.batch = orders.batch
            and block_correlations.x_block = orders.x_block
            and block_correlations.y_block = orders.y_block
    group by
        block_correlations.pair_key, block_correlations.batch,
        block_correlations.lag, orders.draw
),

greatest_drawn as (
    select
        drawn.pair_key,
        drawn.batch,
        drawn.draw,
        round(
            max(
                drawn.correlation / lag_deviations.deviation
                * case drawn.draw when 0 then 1 else sqrt(lag_deviations.scatter) end
            ), 6
        ) as times_deviation
    from drawn
    inner join lag_deviations
        on
            drawn.pair_key = lag_deviations.pair_key
            and drawn.batch = lag_deviations.batch
            and drawn.lag = lag_deviations.lag
    where lag_deviations.deviation > 0
    group by drawn.pair_key, drawn.batch, drawn.draw
),

counted_draws as (
    select
        *,
        count(case when draw > 0 then 1 end) over (
            partition by batch
            order by times_deviation desc
            range between unbounded preceding and current row
        ) as n_as_great,
        count(case when draw > 0 then 1 end) over (partition by batch) as n_null,
        count(case when draw > 0 then 1 end) over (
            partition by pair_key, batch
            order by times_deviation desc
            range between unbounded preceding and current row
        ) as n_own_as_great
    from greatest_drawn
),

pair_chances as (
    select
        pair_key,
        batch,
        n_null,
        (n_own_as_great + 1.0) / ({{ n_draws }} + 1) as own_p_value,
        (n_as_great + 1.0) / (n_null + 1) as p_value
    from counted_draws
    where draw = 0
)
{%- endmacro %}
