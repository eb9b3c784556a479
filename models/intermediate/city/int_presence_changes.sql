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
            and deliveries.place < later_deliveries.place
    where presences.change = '-' and deliveries.has_rejects
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
)

select * from united
