-- A returned row is a point that does not come out where PROJ puts it.
with points (x_feet, y_feet, longitude, latitude) as (
    values
    (3000000, 1000000, -105.5000000000, 37.8333333333),
    (3140234, 1698428, -105.0012676830, 39.7499330332),
    (3220315, 1729762, -104.7155145625, 39.8343955449),
    (3399999, 1500001, -104.0884966270, 39.1976865586)
),

computed as (
    select
        *,
        {{ state_plane_longitude('x_feet', 'y_feet') }} as found_longitude,
        {{ state_plane_latitude('x_feet', 'y_feet') }} as found_latitude
    from points
)

select * from computed
where
    abs(found_longitude - longitude) > 1e-9
    or abs(found_latitude - latitude) > 1e-9
