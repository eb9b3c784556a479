with deliveries as (
    select * from {{ ref('stg_landing__deliveries') }}
    where status = 'landed'
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
        cast(count(*) over (partition by feed, series) as integer) as last_place
    from deliveries
),

compared as (
    select
        delivery_seq,
        feed,
        series,
        place,
        case when place < last_place then place + 1 else 0 end as next_place,
        lag(as_of) over (partition by feed, series order by place) as previous_as_of,
        not is_clean as has_rejects,
        cast(coalesce(
            count(case when is_clean then 1 end) over (
                partition by feed, series
                order by place
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as integer) as n_clean_before,
        -- Rows missing here may be among those, and nothing clean has followed yet.
        count(case when is_clean then 1 end) over (
            partition by feed, series
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
        as_of,
        _change_seq
    from ordered
)

select * from compared
