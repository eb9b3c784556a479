with spots as (
    select * from {{ ref('int_accident_spots_ranked') }}
),

rank_intervals as (
    select * from {{ ref('int_accident_spot_ranks_resampled') }}
),

expected_spots as (
    select * from {{ ref('int_accident_spots_expected') }}
),

posteriors as {{ materialized() }} (
    select expected_spots.*
    from expected_spots
    inner join spots
        on
            expected_spots.vintage = spots.vintage
            and expected_spots.spot_kind = spots.spot_kind
            and expected_spots.spot_x = spots.spot_x
            and expected_spots.spot_y = spots.spot_y
),

lows as (
    {{ gamma_quantiles('posteriors', '0.025e0') }}
),

highs as (
    {{ gamma_quantiles('posteriors', '0.975e0') }}
),

expectations as (
    select
        posteriors.*,
        round(lows.quantile / posteriors.gamma_rate, 6) as expected_accidents_low,
        round(highs.quantile / posteriors.gamma_rate, 6) as expected_accidents_high
    from posteriors
    inner join lows on posteriors.gamma_shape = lows.gamma_shape
    inner join highs on posteriors.gamma_shape = highs.gamma_shape
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
        rank_intervals.rank_high,
        expectations.similar_accidents,
        expectations.expected_accidents,
        expectations.expected_accidents_low,
        expectations.expected_accidents_high,
        expectations.excess_accidents,
        expectations.excess_rank
    from spots
    inner join rank_intervals
        on
            spots.vintage = rank_intervals.vintage
            and spots.spot_kind = rank_intervals.spot_kind
            and spots.spot_x = rank_intervals.spot_x
            and spots.spot_y = rank_intervals.spot_y
    left join expectations
        on
            spots.vintage = expectations.vintage
            and spots.spot_kind = expectations.spot_kind
            and spots.spot_x = expectations.spot_x
            and spots.spot_y = expectations.spot_y
)

select * from hot_spots
