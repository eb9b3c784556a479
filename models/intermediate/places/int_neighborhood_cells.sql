{{ config(materialized='table') }}

{% set per_degree = cells_per_degree() %}

with edges as (
    select * from {{ ref('int_neighborhood_edges_cut_to_rows') }}
),

spans as (
    select
        boundary_number,
        cell_y,
        min(first_cell_x) as first_cell_x,
        max(last_cell_x) as last_cell_x
    from edges
    group by boundary_number, cell_y
),

cells as (
    select
        boundary_number,
        cell_y,
        {{ whole_numbers_between('first_cell_x', 'last_cell_x') }} as cell_x
    from spans
),

-- A ray to the east from a point of the cell may cross what passes through the cell or
-- east of it in its row, and nothing else.
concerned as (
    select
        cells.cell_x,
        cells.cell_y,
        edges.boundary_number,
        edges.neighborhood_slug,
        edges.low_longitude,
        edges.low_latitude,
        edges.high_longitude,
        edges.high_latitude,
        max(case when edges.first_cell_x <= cells.cell_x then 1 else 0 end) over (
            partition by cells.boundary_number, cells.cell_y, cells.cell_x
        ) = 1 as is_border
    from cells
    inner join edges
        on
            cells.boundary_number = edges.boundary_number
            and cells.cell_y = edges.cell_y
            and cells.cell_x <= edges.last_cell_x
),

-- A cell that no edge passes through is inside or outside as its middle is.
whole as (
    select
        cell_x,
        cell_y,
        boundary_number,
        neighborhood_slug
    from concerned
    where not is_border
    group by cell_x, cell_y, boundary_number, neighborhood_slug
    having
        sum({{ edge_crossing(
            '((cell_x + 0.5) / ' ~ per_degree.x ~ ')',
            '((cell_y + 0.5) / ' ~ per_degree.y ~ ')'
        ) }}) % 2 = 1
),

united as (
    select
        cell_x,
        cell_y,
        boundary_number,
        neighborhood_slug,
        low_longitude,
        low_latitude,
        high_longitude,
        high_latitude,
        false as is_whole
    from concerned
    where is_border
    union all
    select
        cell_x,
        cell_y,
        boundary_number,
        neighborhood_slug,
        null as low_longitude,
        null as low_latitude,
        null as high_longitude,
        null as high_latitude,
        true as is_whole
    from whole
)

select * from united
