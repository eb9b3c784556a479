{% set per_degree = cells_per_degree() %}
-- Far more than rounding and the width of a border, far less than a cell.
{% set margin = '1e-8' %}

with edges as (
    select * from {{ ref('int_neighborhood_edges') }}
),

in_rows as (
    select
        *,
        {{ whole_numbers_between(
            grid_cell_y('low_latitude - ' ~ margin),
            grid_cell_y('high_latitude + ' ~ margin)
        ) }} as cell_y
    from edges
),

-- What share of the edge, from its lower end, the row's south and north side cut off.
shared as (
    select
        *,
        case
            when high_latitude = low_latitude then 0
            else greatest(0, least(1, (
                cell_y / {{ per_degree.y }}.0 - {{ margin }} - low_latitude
            ) / (high_latitude - low_latitude)))
        end as south_share,
        case
            when high_latitude = low_latitude then 1
            else greatest(0, least(1, (
                (cell_y + 1) / {{ per_degree.y }}.0 + {{ margin }} - low_latitude
            ) / (high_latitude - low_latitude)))
        end as north_share
    from in_rows
),

cut as (
    select
        *,
        low_longitude + south_share * (high_longitude - low_longitude)
            as south_longitude,
        low_longitude + north_share * (high_longitude - low_longitude)
            as north_longitude
    from shared
),

celled as (
    select
        boundary_number,
        neighborhood_slug,
        cell_y,
        {{ grid_cell_x('least(south_longitude, north_longitude) - ' ~ margin) }}
            as first_cell_x,
        {{ grid_cell_x('greatest(south_longitude, north_longitude) + ' ~ margin) }}
            as last_cell_x,
        low_longitude,
        low_latitude,
        high_longitude,
        high_latitude
    from cut
)

select * from celled
