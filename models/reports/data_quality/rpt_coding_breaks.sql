with breaks as (
    select * from {{ ref('int_coding_breaks_found') }}
),

deliveries as (
    select * from {{ ref('fct_deliveries') }}
    where status = 'landed'
),

described as (
    select
        {{ surrogate_key([
            'breaks.feed', 'breaks.vintage', 'breaks.code_column', 'breaks.code',
            'breaks.break_date',
        ]) }} as coding_break_key,
        breaks.feed,
        breaks.vintage,
        breaks.code_column,
        breaks.code,
        breaks.code_column || ' ' || breaks.code || ': '
        || cast(cast(
            100e0 * breaks.n_before / breaks.n_all_before as decimal(5, 1)
        ) as varchar)
        || ' % of records before '
        || cast(breaks.break_date as varchar) || ', '
        || cast(cast(
            100e0 * breaks.n_after / breaks.n_all_after as decimal(5, 1)
        ) as varchar)
        || ' % after' as label, -- noqa: RF04
        breaks.n_before,
        breaks.n_after,
        breaks.n_all_before,
        breaks.n_all_after,
        breaks.n_blocks,
        round(breaks.n_before / cast(breaks.n_all_before as double), 6) as share_before,
        round(breaks.n_after / cast(breaks.n_all_after as double), 6) as share_after,
        breaks.odds_ratio,
        breaks.score,
        breaks.break_date,
        min(deliveries.as_of_at) as first_delivered_at
    from breaks
    -- The first delivery that reaches beyond the break.
    left join deliveries
        on
            breaks.feed = deliveries.feed
            and breaks.vintage = deliveries.series
            and breaks.break_date <= cast(deliveries.as_of_at as date)
    group by
        breaks.feed, breaks.vintage, breaks.code_column, breaks.code, breaks.n_before,
        breaks.n_after, breaks.n_all_before, breaks.n_all_after, breaks.n_blocks,
        breaks.odds_ratio, breaks.score, breaks.break_date
)

select * from described
