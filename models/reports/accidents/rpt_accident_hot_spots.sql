{# Of 65,536 Poisson numbers with mean 1, how many are at most 0, 1, and so on. #}
{% set poisson_ends = [
    '5e2d', 'bc5b', 'eb71', 'fb24', 'ff10', 'ffd9', 'fffb', 'ffff'
] %}
{% set n_kept = 200 %}
{% set n_top = 20 %}

with incidents as (
    select
        *,
        case when is_fatal or is_serious_injury then 3 else 1 end as severity_weight
    from {{ ref('fct_incidents') }}
    where mapped_longitude is not null
),

-- Two ways to say where: a cell of the grid, and a place to some ten meters.
places as (
    select
        *,
        'cell' as spot_kind,
        {{ grid_cell_x('mapped_longitude') }} as spot_x,
        {{ grid_cell_y('mapped_latitude') }} as spot_y
    from incidents
    union all
    select
        *,
        'point' as spot_kind,
        cast(round(mapped_longitude * 10000) as integer) as spot_x,
        cast(round(mapped_latitude * 10000) as integer) as spot_y
    from incidents
),

weighed as (
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

ranked as (
    select
        *,
        cast(row_number() over (
            partition by vintage, spot_kind
            order by total_weight desc, n_accidents desc, spot_x asc, spot_y asc
        ) as integer) as spot_rank
    from weighed
),

kept as (
    select * from ranked
    where spot_rank <= {{ n_kept }}
),

batches as (
    select {{ whole_numbers_between(0, 24) }} as batch
),

parts as (
    select {{ whole_numbers_between(0, 7) }} as part
),

-- 32 hexadecimal digits are eight numbers of 16 bits, each for one replicate.
hashed as (
    select
        places.vintage,
        places.spot_kind,
        places.spot_x,
        places.spot_y,
        places.severity_weight,
        batches.batch,
        md5(cast(places.incident_key as varchar) || ':' || batches.batch) as digits
    from places
    inner join kept
        on
            places.vintage = kept.vintage
            and places.spot_kind = kept.spot_kind
            and places.spot_x = kept.spot_x
            and places.spot_y = kept.spot_y
    cross join batches
),

-- In each replicate an accident happens as often as a Poisson number says.
redrawn as (
    select
        hashed.vintage,
        hashed.spot_kind,
        hashed.spot_x,
        hashed.spot_y,
        hashed.batch * 8 + parts.part as replicate,
        sum(
            hashed.severity_weight * case
                {% for end in poisson_ends -%}
                    when substr(hashed.digits, parts.part * 4 + 1, 4) < '{{ end }}'
                        then {{ loop.index0 }}
                {% endfor -%}
                else {{ poisson_ends | length }}
            end
        ) as total_weight
    from hashed
    cross join parts
    group by
        hashed.vintage, hashed.spot_kind, hashed.spot_x, hashed.spot_y,
        hashed.batch, parts.part
),

reranked as (
    select
        *,
        row_number() over (
            partition by vintage, spot_kind, replicate
            order by total_weight desc, spot_x asc, spot_y asc
        ) as spot_rank
    from redrawn
),

steadied as (
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
    from reranked
    group by vintage, spot_kind, spot_x, spot_y
),

located as (
    select
        kept.vintage,
        kept.spot_kind,
        kept.spot_x,
        kept.spot_y,
        kept.spot_rank,
        case kept.spot_kind
            when 'cell' then (kept.spot_x + 0.5) / {{ cells_per_degree().x }}
            else kept.spot_x / 10000.0
        end as longitude,
        case kept.spot_kind
            when 'cell' then (kept.spot_y + 0.5) / {{ cells_per_degree().y }}
            else kept.spot_y / 10000.0
        end as latitude,
        kept.n_accidents,
        kept.n_with_known_severity,
        kept.n_fatal_accidents,
        kept.n_serious_accidents,
        kept.total_weight,
        steadied.top_20_share,
        steadied.rank_low,
        steadied.rank_high
    from kept
    inner join steadied
        on
            kept.vintage = steadied.vintage
            and kept.spot_kind = steadied.spot_kind
            and kept.spot_x = steadied.spot_x
            and kept.spot_y = steadied.spot_y
)

select * from located
