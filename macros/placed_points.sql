{#-
    Points, put on the map: a query, to be the whole of a CTE. It reads
    - points: longitude and latitude as sent, each pair once;
    - cells: int_neighborhood_cells.
    One row per point that can be put on a map, with the longitude and latitude to map it
    by, the neighborhood there and the repair made, if any: `swapped` (the parts are
    exchanged), `sign` (west became east, or north south), `state_plane` (they are feet of
    the state plane).
    A repair is made only if it is proven: the point as sent is in no neighborhood, and
    exactly one repair puts it into one. A point on a border, see is_on_edge(), is in all
    neighborhoods that touch it, and so in the first by slug; also where two overlap.
    Usage: placed_points as (
        {{ placed_points('points', 'cells') }}
    )
-#}
{% macro placed_points(points, cells) -%}
with candidates as (
    select
        longitude,
        latitude,
        'as_sent' as reading,
        longitude as mapped_longitude,
        latitude as mapped_latitude
    from {{ points }}
    union all
    select
        longitude,
        latitude,
        'swapped' as reading,
        latitude as mapped_longitude,
        longitude as mapped_latitude
    from {{ points }}
    union all
    select
        longitude,
        latitude,
        'sign' as reading,
        -abs(longitude) as mapped_longitude,
        abs(latitude) as mapped_latitude
    from {{ points }}
    where longitude > 0 or latitude < 0
    union all
    select
        longitude,
        latitude,
        'state_plane' as reading,
        {{ state_plane_longitude('longitude', 'latitude') }} as mapped_longitude,
        {{ state_plane_latitude('longitude', 'latitude') }} as mapped_latitude
    from {{ points }}
    -- What the feet of the city's surroundings are between.
    where longitude between 3000000 and 3400000 and latitude between 1500000 and 1900000
),

mappable as (
    select
        *,
        {{ grid_cell_x('mapped_longitude') }} as cell_x,
        {{ grid_cell_y('mapped_latitude') }} as cell_y
    from candidates
    where {{ is_usable_point('mapped_longitude', 'mapped_latitude') }}
),

containing as (
    select
        mappable.longitude,
        mappable.latitude,
        mappable.reading,
        cells.neighborhood_slug
    from mappable
    inner join {{ cells }} as cells
        on mappable.cell_x = cells.cell_x and mappable.cell_y = cells.cell_y
    group by
        mappable.longitude,
        mappable.latitude,
        mappable.reading,
        cells.boundary_number,
        cells.neighborhood_slug
    having
        max(case when cells.is_whole then 1 else 0 end) = 1
        or sum({{ edge_crossing('mapped_longitude', 'mapped_latitude') }}) % 2 = 1
        or max(
            case
                when {{ is_on_edge('mapped_longitude', 'mapped_latitude') }} then 1
                else 0
            end
        ) = 1
),

located as (
    select
        longitude,
        latitude,
        reading,
        min(neighborhood_slug) as neighborhood_slug
    from containing
    group by longitude, latitude, reading
),

compared as (
    select
        mappable.*,
        located.neighborhood_slug,
        count(case when mappable.reading = 'as_sent' then located.neighborhood_slug end)
            over (partition by mappable.longitude, mappable.latitude) as n_as_sent,
        count(case when mappable.reading <> 'as_sent' then located.neighborhood_slug end)
            over (partition by mappable.longitude, mappable.latitude) as n_repairs
    from mappable
    left join located
        on
            mappable.longitude = located.longitude
            and mappable.latitude = located.latitude
            and mappable.reading = located.reading
)

select
    longitude,
    latitude,
    mapped_longitude,
    mapped_latitude,
    neighborhood_slug,
    nullif(reading, 'as_sent') as point_repair
from compared
where
    (reading = 'as_sent' and (n_as_sent = 1 or n_repairs <> 1))
    or (
        reading <> 'as_sent' and neighborhood_slug is not null
        and n_as_sent = 0 and n_repairs = 1
    )
{%- endmacro %}
