{% set n_kept = 200 %}

with places as (
    select * from {{ ref('int_accident_spots_placed') }}
),

spots as (
    select
        vintage,
        spot_kind,
        spot_x,
        spot_y,
        count(*) as n_accidents,
        count(case when has_known_severity then 1 end) as n_with_known_severity,
        count(case when is_fatal then 1 end) as n_fatal_accidents,
        count(case when is_serious_injury then 1 end) as n_serious_accidents,
        cast(sum(severity_weight) as bigint) as total_weight
    from places
    group by vintage, spot_kind, spot_x, spot_y
),

ranked_spots as (
    select
        *,
        cast(row_number() over (
            partition by vintage, spot_kind
            order by total_weight desc, n_accidents desc, spot_x asc, spot_y asc
        ) as integer) as spot_rank
    from spots
),

first_spots as (
    select * from ranked_spots
    where spot_rank <= {{ n_kept }}
)

select * from first_spots
