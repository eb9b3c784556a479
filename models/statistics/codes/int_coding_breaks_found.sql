-- Blocks of 28 days are compared with those of the same season, 13 blocks before.
{% set n_block_days = 28 %}
{% set n_blocks_a_year = 13 %}
-- A break is seen for so many blocks; by chance alone its score would be about 1.
{% set least_n_blocks = 6 %}
{% set least_score = 10 %}
{% set least_odds_ratio = 2 %}
{% set least_n_records = 50 %}
{% set absent_share = 0.99 %}
{% set first_monday = "cast('2000-01-03' as date)" %}
{% set block_number %}
cast(floor(
            {{ dbt.datediff(first_monday, 'event_date', 'day') }} / {{ n_block_days }}e0
        ) as integer)
{%- endset %}

with code_days as (
    select
        *,
        {{ block_number }} as block_number
    from {{ ref('fct_code_days') }}
),

observed_days as (
    select
        *,
        {{ block_number }} as block_number
    from {{ ref('fct_observed_days') }}
),

whole_blocks as (
    select
        feed,
        vintage,
        block_number
    from observed_days
    group by feed, vintage, block_number
    having count(*) = {{ n_block_days }}
),

code_counts as (
    select
        feed,
        vintage,
        code_column,
        code,
        block_number,
        sum(n_records) as n_records
    from code_days
    group by feed, vintage, code_column, code, block_number
),

column_counts as (
    select
        code_counts.feed,
        code_counts.vintage,
        code_counts.code_column,
        code_counts.block_number,
        cast(sum(code_counts.n_records) as double) as n_all_records
    from code_counts
    inner join whole_blocks
        on
            code_counts.feed = whole_blocks.feed
            and code_counts.vintage = whole_blocks.vintage
            and code_counts.block_number = whole_blocks.block_number
    group by
        code_counts.feed, code_counts.vintage, code_counts.code_column,
        code_counts.block_number
),

codes as (
    select
        feed,
        vintage,
        code_column,
        code
    from code_counts
    group by feed, vintage, code_column, code
    having sum(n_records) >= {{ least_n_records }}
),

-- The angle of a share scatters alike whatever the share: by 1 / (4 n).
blocks as (
    select
        codes.*,
        column_counts.block_number,
        column_counts.n_all_records,
        coalesce(code_counts.n_records, 0) as n_records,
        asin(sqrt(
            coalesce(code_counts.n_records, 0) / column_counts.n_all_records
        )) as angle
    from codes
    inner join column_counts
        on
            codes.feed = column_counts.feed
            and codes.vintage = column_counts.vintage
            and codes.code_column = column_counts.code_column
    left join code_counts
        on
            codes.feed = code_counts.feed
            and codes.vintage = code_counts.vintage
            and codes.code_column = code_counts.code_column
            and codes.code = code_counts.code
            and column_counts.block_number = code_counts.block_number
),

-- What is gained within eight blocks is a jump, what takes longer a trend.
jumps as (
    select
        *,
        {{ exact_sum('angle', over='just_after') }} / count(*) over just_after
            as angle_after,
        {{ exact_sum('angle', over='just_before') }} / count(*) over just_before
            as angle_before
    from blocks
    window
        just_after as (
            partition by feed, vintage, code_column, code order by block_number
            range between 1 following and 3 following
        ),
        just_before as (
            partition by feed, vintage, code_column, code order by block_number
            range between 4 preceding and 2 preceding
        )
),

changes as (
    select
        jumps.*,
        blocks.n_records as n_records_before,
        blocks.n_all_records as n_all_records_before,
        jumps.angle_after - jumps.angle_before as jump,
        jumps.angle - blocks.angle as change, -- noqa: RF04
        0.25e0 / jumps.n_all_records + 0.25e0 / blocks.n_all_records as chance_variance
    from jumps
    inner join blocks
        on
            jumps.feed = blocks.feed
            and jumps.vintage = blocks.vintage
            and jumps.code_column = blocks.code_column
            and jumps.code = blocks.code
            and jumps.block_number - {{ n_blocks_a_year }} = blocks.block_number
),

-- Up to a year from each block on, against the year before it.
years as (
    select
        feed,
        vintage,
        code_column,
        code,
        block_number,
        jump,
        greatest(angle_before, angle_after) as greatest_angle,
        {{ exact_sum('change', over='just_before') }} / count(*) over just_before
            as change_before,
        count(*) over year_on as n_blocks,
        sum(n_records_before) over year_on as n_before,
        sum(n_records) over year_on as n_after,
        sum(n_all_records_before) over year_on as n_all_before,
        sum(n_all_records) over year_on as n_all_after,
        {{ exact_sum('change', over='year_on') }} / count(*) over year_on
            as mean_change,
        {{ exact_sum('change * change', over='year_on') }} as square_sum,
        {{ exact_sum('chance_variance', over='year_on') }} as chance_sum
    from changes
    window
        year_on as (
            partition by feed, vintage, code_column, code order by block_number
            range between current row and {{ n_blocks_a_year - 1 }} following
        ),
        just_before as (
            partition by feed, vintage, code_column, code order by block_number
            range between 4 preceding and 2 preceding
        )
),

-- In standard errors, by how unlike the blocks change, but not less than by chance.
scored as (
    select
        *,
        ((n_after + 0.5) / (n_all_after - n_after + 0.5))
        / ((n_before + 0.5) / (n_all_before - n_before + 0.5)) as odds_ratio,
        mean_change * n_blocks / sqrt(greatest(
            chance_sum,
            (square_sum - n_blocks * mean_change * mean_change)
            * n_blocks / (n_blocks - 1)
        )) as score
    from years
    where n_blocks >= {{ least_n_blocks }}
),

-- The total remains, and the code was not on its way; the best of a year is the break.
ranked as (
    select
        *,
        max(abs(round(score, 9))) over (
            partition by feed, vintage, code_column, code order by block_number
            range between {{ n_blocks_a_year - 1 }} preceding
            and {{ n_blocks_a_year - 1 }} following
        ) as greatest_score
    from scored
    where
        abs(score) >= {{ least_score }}
        and greatest(odds_ratio, 1 / odds_ratio) >= {{ least_odds_ratio }}
        and greatest(n_before, n_after) >= {{ least_n_records }}
        and jump / mean_change >= 0.5
        and coalesce(change_before / mean_change, 0) <= 0.5
        and n_all_after / n_all_before between 0.67 and 1.5
),

-- Where nearly all records had no code, before or after, the column came or went: all
-- its codes then have a break, which is told once.
peaks as (
    select
        *,
        max(
            case when code = 'Unknown' then power(sin(greatest_angle), 2) else 0 end
        ) over (
            partition by feed, vintage, code_column order by block_number
            range between {{ n_blocks_a_year - 1 }} preceding
            and {{ n_blocks_a_year - 1 }} following
        ) as unknown_share
    from ranked
    where abs(round(score, 9)) = greatest_score
),

breaks as (
    select
        *,
        (n_before + 0.5) / (n_all_before + 1) as rate_before,
        (n_after + 0.5) / (n_all_after + 1) as rate_after
    from peaks
    where code = 'Unknown' or unknown_share < {{ absent_share }}
),

column_days as (
    select
        feed,
        vintage,
        code_column,
        event_date,
        block_number,
        sum(n_records) as n_all_records
    from code_days
    group by feed, vintage, code_column, event_date, block_number
),

-- From which day on the records of two blocks either side are likest to those after.
likelihoods as (
    select
        breaks.*,
        column_days.event_date,
        {{ exact_sum(
            'coalesce(code_days.n_records, 0) * ln(breaks.rate_after / breaks.rate_before)'
            ~ ' + (column_days.n_all_records - coalesce(code_days.n_records, 0))'
            ~ ' * ln((1 - breaks.rate_after) / (1 - breaks.rate_before))',
            over='days_from'
        ) }} as log_likelihood
    from breaks
    inner join column_days
        on
            breaks.feed = column_days.feed
            and breaks.vintage = column_days.vintage
            and breaks.code_column = column_days.code_column
            and column_days.block_number between breaks.block_number - 2
            and breaks.block_number + 1
    left join code_days
        on
            breaks.feed = code_days.feed
            and breaks.vintage = code_days.vintage
            and breaks.code_column = code_days.code_column
            and breaks.code = code_days.code
            and column_days.event_date = code_days.event_date
    window days_from as (
        partition by
            breaks.feed, breaks.vintage, breaks.code_column, breaks.code,
            breaks.block_number
        order by column_days.event_date desc
    )
),

dated as (
    select
        *,
        row_number() over (
            partition by feed, vintage, code_column, code, block_number
            order by log_likelihood desc, event_date asc
        ) as day_rank
    from likelihoods
),

found as (
    select
        feed,
        vintage,
        code_column,
        code,
        cast(n_before as bigint) as n_before,
        cast(n_after as bigint) as n_after,
        cast(n_all_before as bigint) as n_all_before,
        cast(n_all_after as bigint) as n_all_after,
        cast(n_blocks as integer) as n_blocks,
        round(odds_ratio, 6) as odds_ratio,
        round(score, 6) as score,
        event_date as break_date
    from dated
    where day_rank = 1
)

select * from found
