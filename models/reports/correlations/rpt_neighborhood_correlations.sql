{% set least_n_events = 100 %}
{# The 78 neighborhoods: so many bands of so many. #}
{% set n_bands = 6 %}
{% set n_in_band = 13 %}

with compared as (
    select
        *,
        sum(n_requests) over (partition by vintage, request_series) as n_all_requests,
        sum(n_accidents) over (partition by vintage, request_series)
            as n_all_accidents
    from {{ ref('fct_compared_neighborhoods') }}
),

located as (
    select
        *,
        vintage || ' ' || request_series as batch,
        sum(n_requests) over (partition by vintage, request_series)
            as n_located_requests,
        sum(n_accidents) over (partition by vintage, request_series)
            as n_located_accidents
    from compared
    where is_known
),

-- The map cut from south to north into bands, each counted from west to east.
latitudes as (
    select
        *,
        row_number() over (
            partition by batch
            order by centroid_latitude asc, neighborhood_slug asc
        ) as latitude_rank,
        count(*) over (partition by batch) as n
    from located
    where
        n_located_requests >= {{ least_n_events }}
        and n_located_accidents >= {{ least_n_events }}
),

banded as (
    select
        *,
        cast(floor((latitude_rank - 1) * {{ n_bands }} / cast(n as double)) as integer)
            as band,
        1000e0 * n_requests / population_2010 as requests_per_1000,
        1000e0 * n_accidents / population_2010 as accidents_per_1000,
        ln(1 + n_requests) as log_requests,
        ln(1 + n_accidents) as log_accidents,
        ln(population_2010) as log_population,
        ln(area_km2) as log_area
    from latitudes
),

ranked as (
    select
        *,
        cast(row_number() over (
            partition by batch, band
            order by centroid_longitude asc, neighborhood_slug asc
        ) - 1 as integer) as place,
        cast(count(*) over (partition by batch, band) as integer) as n_places,
        rank() over (partition by batch order by n_requests asc)
        + count(*) over (partition by batch, n_requests) / 2e0 as request_rank,
        rank() over (partition by batch order by n_accidents asc)
        + count(*) over (partition by batch, n_accidents) / 2e0 as accident_rank
    from banded
),

-- Area less what residents tell of it, so that each control comes off by itself.
area_slopes as (
    select
        batch,
        round(regr_slope(log_area, log_population), 9) as area_slope
    from ranked
    group by batch
),

controlled as (
    select
        ranked.*,
        ranked.log_area - area_slopes.area_slope * ranked.log_population as own_area
    from ranked
    inner join area_slopes
        on ranked.batch = area_slopes.batch
),

slopes as (
    select
        batch,
        {% for events in ['requests', 'accidents'] -%}
            round(avg(log_{{ events }}), 9) as {{ events }}_mean,
            round(regr_slope(log_{{ events }}, log_population), 9)
                as {{ events }}_by_population,
            round(regr_slope(log_{{ events }}, own_area), 9) as {{ events }}_by_area,
        {% endfor -%}
        round(avg(log_population), 9) as population_mean,
        round(avg(own_area), 9) as area_mean
    from controlled
    group by batch
),

residuals as (
    select
        controlled.vintage,
        controlled.batch,
        controlled.band,
        controlled.place,
        controlled.n_places,
        {% for events, residual in [('requests', 'x'), ('accidents', 'y')] -%}
            controlled.log_{{ events }} - slopes.{{ events }}_mean
            - slopes.{{ events }}_by_population
            * (controlled.log_population - slopes.population_mean)
            - slopes.{{ events }}_by_area * (controlled.own_area - slopes.area_mean)
                as {{ residual }},
        {% endfor -%}
        row_number() over (
            partition by controlled.batch
            order by controlled.band asc, controlled.place asc
        ) as map_number
    from controlled
    inner join slopes
        on controlled.batch = slopes.batch
),

scales as (
    select
        batch,
        round(sqrt(sum(x * x)), 9) as x_length,
        round(sqrt(sum(y * y)), 9) as y_length,
        sqrt((count(*) - 1e0) / (count(*) - 3)) as widened
    from residuals
    group by batch
    having sum(x * x) > 0 and sum(y * y) > 0
),

-- All shifts and mirrorings of the map; 0 leaves it as it is.
moves as (
    select {{ whole_numbers_between(0, 4 * n_bands * n_in_band - 1) }} as map_move
),

steps as (
    select
        map_move,
        map_move % 2 as is_mirrored_west,
        floor(map_move / 2e0) % 2 as is_mirrored_south,
        floor(map_move / 4e0) % {{ n_bands }} as n_bands_on,
        floor(map_move / {{ 4 * n_bands }}e0) as n_places_on
    from moves
),

moved as (
    select
        residuals.vintage,
        residuals.batch,
        residuals.y,
        steps.map_move,
        row_number() over (
            partition by residuals.batch, steps.map_move
            order by
                (
                    case steps.is_mirrored_south
                        when 0 then residuals.band
                        else {{ n_bands - 1 }} - residuals.band
                    end + steps.n_bands_on
                ) % {{ n_bands }} asc,
                (
                    case steps.is_mirrored_west
                        when 0 then residuals.place
                        else residuals.n_places - 1 - residuals.place
                    end + steps.n_places_on
                ) % residuals.n_places asc,
                residuals.map_number asc
        ) as map_number
    from residuals
    cross join steps
),

drawn as (
    select
        moved.vintage,
        moved.batch,
        moved.map_move,
        {{ round_signed(
            'sum(residuals.x * moved.y)'
            ~ ' / (max(scales.x_length) * max(scales.y_length))', 9
        ) }} as correlation, -- noqa: RF04
        max(scales.widened) as widened
    from moved
    inner join residuals
        on moved.batch = residuals.batch and moved.map_number = residuals.map_number
    inner join scales
        on moved.batch = scales.batch
    group by moved.vintage, moved.batch, moved.map_move
),

deviations as (
    select
        batch,
        round(
            sqrt(
                avg(
                    case
                        when map_move > 0
                            then correlation * correlation * widened * widened
                    end
                )
            ), 9
        ) as deviation
    from drawn
    group by batch
),

-- In units of what the moves of the map make of it, all groups are alike.
scaled as (
    select
        drawn.vintage,
        drawn.batch,
        drawn.map_move,
        drawn.correlation as partial_correlation,
        deviations.deviation,
        round(
            abs(drawn.correlation)
            * case drawn.map_move when 0 then 1 else drawn.widened end
            / deviations.deviation, 6
        ) as times_deviation
    from drawn
    inner join deviations
        on drawn.batch = deviations.batch
    where deviations.deviation > 0
),

counted as (
    select
        *,
        count(case when map_move > 0 then 1 end) over (
            partition by vintage
            order by times_deviation desc
            range between unbounded preceding and current row
        ) as n_as_great,
        count(case when map_move > 0 then 1 end) over (partition by vintage) as n_null,
        count(case when map_move > 0 then 1 end) over (
            partition by batch
            order by times_deviation desc
            range between unbounded preceding and current row
        ) as n_own_as_great,
        count(case when map_move > 0 then 1 end) over (partition by batch) as n_own_null
    from scaled
),

tested as (
    select
        *,
        (n_own_as_great + 1e0) / (n_own_null + 1) as own_p_value,
        (n_as_great + 1e0) / (n_null + 1) as p_value
    from counted
    where map_move = 0
),

judged_rows as (
    select
        *,
        count(*) over (partition by vintage) as n_tests,
        row_number() over (
            partition by vintage
            order by p_value asc, batch asc
        ) as p_rank
    from tested
),

judged as (
    select
        *,
        {{ false_discovery_q('p_value', 'vintage') }} as q_value
    from judged_rows
),

described as (
    select
        batch,
        vintage,
        request_series,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(n_days) as n_days,
        count(*) as n_neighborhoods,
        cast(max(n_located_requests) as bigint) as n_requests,
        max(n_located_requests) / cast(max(n_all_requests) as double)
            as requests_located_share,
        cast(max(n_located_accidents) as bigint) as n_accidents,
        max(n_located_accidents) / cast(max(n_all_accidents) as double)
            as accidents_located_share,
        {{ round_signed('corr(n_requests, n_accidents)', 9) }} as naive_correlation,
        {{ round_signed('corr(request_rank, accident_rank)', 9) }} as rank_correlation,
        {{ round_signed('corr(requests_per_1000, accidents_per_1000)', 9) }}
            as rate_correlation
    from ranked
    group by batch, vintage, request_series
),

-- As many independent neighborhoods would scatter as much; two numbers were taken off.
measured as (
    select
        described.*,
        (described.n_neighborhoods - 3) / 1.06e0 + 3 as rank_n,
        judged.partial_correlation,
        least(
            1 + 1 / (judged.deviation * judged.deviation), described.n_neighborhoods - 2
        ) as effective_n,
        judged.own_p_value,
        judged.p_value,
        judged.q_value,
        judged.n_tests
    from described
    inner join judged
        on described.batch = judged.batch
),

bounded as (
    select
        vintage,
        request_series,
        first_date,
        last_date,
        n_days,
        n_neighborhoods,
        n_requests,
        requests_located_share,
        n_accidents,
        accidents_located_share,
        {% for name, n in [
            ('naive', 'n_neighborhoods'), ('rank', 'rank_n'),
            ('rate', 'n_neighborhoods'), ('partial', 'effective_n'),
        ] -%}
            {{ name }}_correlation,
            {{ correlation_bound(name ~ '_correlation', n, 'low') }}
                as {{ name }}_correlation_low,
            {{ correlation_bound(name ~ '_correlation', n, 'high') }}
                as {{ name }}_correlation_high,
        {% endfor -%}
        effective_n,
        own_p_value,
        p_value,
        q_value,
        n_tests,
        q_value <= 0.05 as has_survived
    from measured
)

select * from bounded
