with presences as (
    select * from {{ ref('stg_landing__presences') }}
),

deliveries as (
    select * from {{ ref('int_deliveries_in_order') }}
),

-- A row missing from a delivery with rejects may be among them: what comes after that
-- delivery changes what its absence means.
doubted as (
    select
        presences.feed,
        presences._row_hash,
        presences._copy,
        later_deliveries._change_seq
    from presences
    inner join deliveries
        on presences._delivery_seq = deliveries.delivery_seq
    inner join deliveries as later_deliveries
        on
            deliveries.feed = later_deliveries.feed
            and deliveries.series = later_deliveries.series
            and deliveries.chain_number = later_deliveries.chain_number
            and deliveries.place < later_deliveries.place
    where presences.change = '-' and deliveries.has_rejects
),

-- A delivery that follows upon one which covers other dates says again that all rows
-- that it holds are there.
restated as (
    select
        presences.feed,
        presences._row_hash,
        presences._copy,
        run_starts._change_seq
    from deliveries as run_starts
    inner join deliveries
        on
            run_starts.feed = deliveries.feed
            and run_starts.series = deliveries.series
            and run_starts.chain_number = deliveries.chain_number
            and run_starts.place >= deliveries.place
    inner join presences
        on deliveries.delivery_seq = presences._delivery_seq
    where run_starts.has_other_chains and run_starts.is_run_start
    group by
        presences.feed,
        presences._row_hash,
        presences._copy,
        run_starts.delivery_seq,
        run_starts._change_seq
    having sum(case presences.change when '+' then 1 else -1 end) > 0
),

united as (
    select
        feed,
        _row_hash,
        _copy,
        _change_seq
    from presences
    union all
    select * from doubted
    union all
    select * from restated
)

select * from united
