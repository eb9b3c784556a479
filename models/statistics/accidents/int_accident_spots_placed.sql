{{ config(materialized='view') }}

with incidents as (
    select
        *,
        case when is_fatal or is_serious_injury then 3 else 1 end as severity_weight
    from {{ ref('fct_incidents') }}
    where mapped_longitude is not null
),

-- Two kinds of places: a cell of the grid, and a point to some ten meters.
places as (
    select
        incident_key,
        vintage,
        severity_weight,
        has_known_severity,
        is_fatal,
        is_serious_injury,
        'cell' as spot_kind,
        {{ grid_cell_x('mapped_longitude') }} as spot_x,
        {{ grid_cell_y('mapped_latitude') }} as spot_y
    from incidents
    union all
    select
        incident_key,
        vintage,
        severity_weight,
        has_known_severity,
        is_fatal,
        is_serious_injury,
        'point' as spot_kind,
        cast(round(mapped_longitude * 10000) as integer) as spot_x,
        cast(round(mapped_latitude * 10000) as integer) as spot_y
    from incidents
)

select * from places
