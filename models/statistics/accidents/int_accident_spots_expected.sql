{# Places always differ by a tenth of their mean. #}
{% set least_variance = 0.01 %}

with places as (
    select * from {{ ref('int_accident_spots_placed') }}
    where spot_kind = 'cell'
),

cells as (
    select
        cell_x,
        cell_y,
        -- A cell on a border is the neighborhood's that is the first by name.
        min(neighborhood_slug) as neighborhood_slug
    from {{ ref('int_neighborhood_cells') }}
    group by cell_x, cell_y
),

spots as (
    select
        vintage,
        spot_x,
        spot_y,
        count(*) as n_accidents
    from places
    group by vintage, spot_x, spot_y
),

sizes as (
    select
        neighborhood_slug,
        count(*) as n_cells
    from cells
    group by neighborhood_slug
),

counted as (
    select
        spots.vintage,
        cells.neighborhood_slug,
        sum(spots.n_accidents) as n_accidents,
        sum(spots.n_accidents * spots.n_accidents) as squared_accidents
    from spots
    inner join cells on spots.spot_x = cells.cell_x and spots.spot_y = cells.cell_y
    group by spots.vintage, cells.neighborhood_slug
),

-- The variance of a neighborhood's cells, those without an accident included.
neighborhoods as (
    select
        counted.vintage,
        counted.neighborhood_slug,
        counted.n_accidents / cast(sizes.n_cells as double) as similar_accidents,
        sizes.n_cells,
        (
            counted.squared_accidents
            - counted.n_accidents * counted.n_accidents / cast(sizes.n_cells as double)
        ) / nullif(sizes.n_cells - 1, 0) as variance
    from counted
    inner join sizes on counted.neighborhood_slug = sizes.neighborhood_slug
),

-- What is more than Poisson's law is how cells of one neighborhood differ, by the
-- square of their mean. It is the same everywhere: of few cells it cannot be told.
spreads as (
    select
        vintage,
        greatest(
            {{ exact_sum('(n_cells - 1) * (variance - similar_accidents)') }}
            / nullif({{ exact_sum(
                '(n_cells - 1) '
                ~ '* (similar_accidents * similar_accidents - variance / n_cells)'
            ) }}, 0),
            {{ least_variance }}
        ) as cell_variance
    from neighborhoods
    where variance is not null
    group by vintage
),

posteriors as (
    select
        spots.vintage,
        'cell' as spot_kind,
        spots.spot_x,
        spots.spot_y,
        neighborhoods.similar_accidents,
        round(spots.n_accidents + 1 / spreads.cell_variance, 6) as gamma_shape,
        1 + 1 / (spreads.cell_variance * neighborhoods.similar_accidents) as gamma_rate
    from spots
    inner join cells on spots.spot_x = cells.cell_x and spots.spot_y = cells.cell_y
    inner join neighborhoods
        on
            spots.vintage = neighborhoods.vintage
            and cells.neighborhood_slug = neighborhoods.neighborhood_slug
    inner join spreads on spots.vintage = spreads.vintage
),

expected_spots as (
    select
        vintage,
        spot_kind,
        spot_x,
        spot_y,
        round(similar_accidents, 6) as similar_accidents,
        gamma_shape,
        gamma_rate,
        round(gamma_shape / gamma_rate, 6) as expected_accidents,
        round(gamma_shape / gamma_rate - similar_accidents, 6) as excess_accidents
    from posteriors
),

ranked_spots as (
    select
        *,
        cast(row_number() over (
            partition by vintage
            order by excess_accidents desc, spot_x asc, spot_y asc
        ) as integer) as excess_rank
    from expected_spots
)

select * from ranked_spots
