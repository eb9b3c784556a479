with spots as (
    select * from {{ ref('int_accident_spots_ranked') }}
),

rank_intervals as (
    select * from {{ ref('int_accident_spot_ranks_resampled') }}
),

hot_spots as (
    select
        spots.vintage,
        spots.spot_kind,
        spots.spot_x,
        spots.spot_y,
        spots.spot_rank,
        case spots.spot_kind
            when 'cell' then (spots.spot_x + 0.5) / {{ cells_per_degree().x }}
            else spots.spot_x / 10000.0
        end as longitude,
        case spots.spot_kind
            when 'cell' then (spots.spot_y + 0.5) / {{ cells_per_degree().y }}
            else spots.spot_y / 10000.0
        end as latitude,
        spots.n_accidents,
        spots.n_with_known_severity,
        spots.n_fatal_accidents,
        spots.n_serious_accidents,
        spots.total_weight,
        rank_intervals.top_20_share,
        rank_intervals.rank_low,
        rank_intervals.rank_high
    from spots
    inner join rank_intervals
        on
            spots.vintage = rank_intervals.vintage
            and spots.spot_kind = rank_intervals.spot_kind
            and spots.spot_x = rank_intervals.spot_x
            and spots.spot_y = rank_intervals.spot_y
)

select * from hot_spots
