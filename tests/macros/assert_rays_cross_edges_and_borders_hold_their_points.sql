-- A returned row is a point that is not found on the side of an edge that it is on: the
-- edge rises from 0, 0 to 2, 4, or is level from 0, 0 to 2, 0.
with points (
    longitude, latitude, high_longitude, high_latitude, n_crossings, is_on
) as (
    values
    -- West of the edge, east of it, above it and below it.
    (0.5, 2.0, 2.0, 4.0, 1, false),
    (1.5, 2.0, 2.0, 4.0, 0, false),
    (0.5, 5.0, 2.0, 4.0, 0, false),
    (-1.0, -1.0, 2.0, 4.0, 0, false),
    -- Level with the lower end, which counts, and with the upper, which does not.
    (-1.0, 0.0, 2.0, 4.0, 1, false),
    (-1.0, 4.0, 2.0, 4.0, 0, false),
    -- In its middle, at its ends, beyond them, less than 1e-12 beside it, and more.
    (1.0, 2.0, 2.0, 4.0, 0, true),
    (0.0, 0.0, 2.0, 4.0, 0, true),
    (2.0, 4.0, 2.0, 4.0, 0, true),
    (2.5, 5.0, 2.0, 4.0, 0, false),
    (-0.5, -1.0, 2.0, 4.0, 0, false),
    (0.9999999999995e0, 2.0, 2.0, 4.0, 1, true),
    (0.99999999999e0, 2.0, 2.0, 4.0, 1, false),
    -- A level edge is never crossed, but holds its points.
    (-1.0, 0.0, 2.0, 0.0, 0, false),
    (1.0, 0.0, 2.0, 0.0, 0, true),
    -- No edge holds nothing.
    (1.0, 2.0, null, null, 0, false)
),

edges as (
    select
        *,
        0.0 as low_longitude,
        0.0 as low_latitude
    from points
),

found as (
    select
        *,
        {{ edge_crossing('longitude', 'latitude') }} as found_crossings,
        {{ is_on_edge('longitude', 'latitude') }} as found_on
    from edges
)

select * from found
where n_crossings <> found_crossings or is_on <> found_on
