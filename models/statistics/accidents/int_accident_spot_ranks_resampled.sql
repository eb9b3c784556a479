{# Of 65,536 Poisson numbers with mean 1, how many are at most 0, 1, and so on. #}
{% set poisson_ends = [
    '5e2d', 'bc5b', 'eb71', 'fb24', 'ff10', 'ffd9', 'fffb', 'ffff'
] %}
{% set n_top = 20 %}
-- Accidents are drawn one by one, not by the dispersion of the city's days: what makes
-- whole days scatter, such as snow, moves all spots alike, and their ranks hardly.

with places as (
    select * from {{ ref('int_accident_spots_placed') }}
),

spots as (
    select * from {{ ref('int_accident_spots_ranked') }}
),

batches as (
    select {{ whole_numbers_between(0, 24) }} as batch
),

parts as (
    select {{ whole_numbers_between(0, 7) }} as part
),

-- 32 hexadecimal digits are eight numbers of 16 bits, each for one replicate.
draws as (
    select
        places.vintage,
        places.spot_kind,
        places.spot_x,
        places.spot_y,
        places.severity_weight,
        batches.batch,
        md5(cast(places.incident_key as varchar) || ':' || batches.batch) as digits
    from places
    inner join spots
        on
            places.vintage = spots.vintage
            and places.spot_kind = spots.spot_kind
            and places.spot_x = spots.spot_x
            and places.spot_y = spots.spot_y
    cross join batches
),

-- In each replicate an accident happens as often as a Poisson number gives.
replicates as (
    select
        draws.vintage,
        draws.spot_kind,
        draws.spot_x,
        draws.spot_y,
        draws.batch * 8 + parts.part as replicate,
        sum(
            draws.severity_weight * case
                {% for end in poisson_ends -%}
                    when substr(draws.digits, parts.part * 4 + 1, 4) < '{{ end }}'
                        then {{ loop.index0 }}
                {% endfor -%}
                else {{ poisson_ends | length }}
            end
        ) as total_weight
    from draws
    cross join parts
    group by
        draws.vintage, draws.spot_kind, draws.spot_x, draws.spot_y,
        draws.batch, parts.part
),

replicate_ranks as (
    select
        *,
        row_number() over (
            partition by vintage, spot_kind, replicate
            order by total_weight desc, spot_x asc, spot_y asc
        ) as spot_rank
    from replicates
),

rank_intervals as (
    select
        vintage,
        spot_kind,
        spot_x,
        spot_y,
        avg(case when spot_rank <= {{ n_top }} then 1.0 else 0.0 end) as top_20_share,
        cast(percentile_disc(0.025) within group (order by spot_rank asc) as integer)
            as rank_low,
        cast(percentile_disc(0.975) within group (order by spot_rank asc) as integer)
            as rank_high
    from replicate_ranks
    group by vintage, spot_kind, spot_x, spot_y
)

select * from rank_intervals
