with deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where status = 'landed'
),

-- Deliveries that cover the same dates, or state none, are a chain.
chained as (
    select
        *,
        cast(dense_rank() over (
            partition by feed, series
            order by covers_from_date nulls first, covers_to_date nulls first
        ) as integer) as chain_number
    from deliveries
),

ordered as (
    select
        *,
        -- What it lacks may stand in a row that was not read, or has lost its id.
        not coalesce(n_open_rejects > 0 or n_damaged_ids > 0, false) as is_clean,
        coalesce(lower(header) like '%bicycle_ind%', false) as has_road_user_counts,
        coalesce(lower(header) like '%contrib%factor%', false) as has_driver_factors,
        cast(row_number() over (
            partition by feed, series order by as_of, delivery_seq
        ) as integer) as place,
        cast(count(*) over (partition by feed, series) as integer) as last_place,
        max(chain_number) over (partition by feed, series) > 1 as has_other_chains
    from chained
),

compared as (
    select
        delivery_seq,
        feed,
        series,
        chain_number,
        has_other_chains,
        place,
        case when place < last_place then place + 1 else 0 end as next_place,
        lead(place) over chain_in_order as next_place_of_chain,
        coalesce(
            chain_number
            <> lag(chain_number) over (partition by feed, series order by place),
            true
        ) as is_run_start,
        lag(as_of) over (partition by feed, series order by place) as previous_as_of,
        not is_clean as has_rejects,
        cast(coalesce(
            count(case when is_clean then 1 end) over (
                partition by feed, series, chain_number
                order by place
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as integer) as n_clean_before,
        -- Rows missing here may be among those, and nothing clean has followed yet.
        count(case when is_clean then 1 end) over (
            partition by feed, series, chain_number
            order by place
            rows between current row and unbounded following
        ) = 0 as is_provisional,
        has_road_user_counts,
        coalesce(
            has_road_user_counts <> lag(has_road_user_counts) over (
                partition by feed, series order by place
            ),
            false
        ) as has_new_road_user_counts,
        has_driver_factors,
        coalesce(
            has_driver_factors <> lag(has_driver_factors) over (
                partition by feed, series order by place
            ),
            false
        ) as has_new_driver_factors,
        window_start,
        least(window_start, lag(window_start) over chain_in_order) as reaches_from_date,
        covers_to_date,
        as_of,
        _change_seq
    from ordered
    window chain_in_order as (partition by feed, series, chain_number order by place)
)

select * from compared
