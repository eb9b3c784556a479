{#-
    How likely correlations as great as those of pairs of series are by chance: blocks of
    one series are put in another order relative to the other, so that both keep their
    order within a block. All pairs get the same order at once, so that the dependence
    between pairs stays. A query, to be the whole of a CTE. It reads what
    block_correlations() reads and gives, and what lag_deviations() gives.
    One row per pair and batch, with n_null (draws times pairs of the batch), own_p_value
    and p_value, of the greatest correlation over all lags, each in units of its deviation.
    p_value counts draws of all pairs of the batch, so that it can be small.
    Usage: pair_chances as (
        {{ permutation_chances(
            'pair_values', 'block_correlations', 'lag_deviations', n_draws=499
        ) }}
    )
-#}
{% macro permutation_chances(pair_values, block_correlations, lag_deviations, n_draws) -%}
with draws as (
    select {{ whole_numbers_between(1, n_draws) }} as draw
),

blocks as (
    select
        batch,
        block as x_block
    from {{ pair_values }}
    group by batch, block
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
    from {{ block_correlations }} as block_correlations
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
    inner join {{ lag_deviations }} as lag_deviations
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
)

select
    pair_key,
    batch,
    n_null,
    (n_own_as_great + 1.0) / ({{ n_draws }} + 1) as own_p_value,
    (n_as_great + 1.0) / (n_null + 1) as p_value
from counted_draws
where draw = 0
{%- endmacro %}
