with vintages as (
    select vintage from marts.fct_incidents
    group by vintage
    order by max(occurred_date) desc, count(*) desc, vintage
    limit 1
),

places as (
    select neighborhood_key, row_number() over (order by neighborhood_slug) - 1 as place
    from marts.dim_neighborhoods
    where is_known
),

projection as (
    select
        any_value(origin_longitude) as west, any_value(origin_latitude) as north,
        any_value(units_per_longitude) as across, any_value(units_per_latitude) as down
    from marts.dim_neighborhood_shapes
),

events as (
    select
        incidents.incident_key,
        incidents.occurred_date,
        case when incidents.time_quality = 'date_only' then 24
            else hour(incidents.occurred_at) end as hour,
        coalesce(places.place, 255) as place,
        incidents.is_fatal::int + 2 * incidents.is_serious_injury::int
        + 4 * incidents.is_hit_and_run::int + 8 * incidents.is_impaired::int
        + 16 * incidents.has_bicycle::int + 32 * incidents.has_pedestrian::int as flags,
        coalesce(round(
            (incidents.mapped_longitude - projection.west) * projection.across
        ), 65535)::int as x,
        coalesce(round(
            (projection.north - incidents.mapped_latitude) * projection.down
        ), 65535)::int as y,
        incidents.has_known_severity,
        incidents.has_known_offense,
        incidents.has_road_user_counts
    from marts.fct_incidents as incidents
    inner join vintages using (vintage)
    left join places using (neighborhood_key)
    cross join projection
)

select
    any_value(vintages.vintage) as vintage,
    count(incident_key) as n,
    min(occurred_date) as first_date,
    count(*) filter (has_known_severity) as n_severity,
    count(*) filter (has_known_offense) as n_offense,
    count(*) filter (has_road_user_counts) as n_road_users,
    count(*) filter (x = 65535) as n_without_point,
    list(occurred_date - date '1970-01-01' order by occurred_date, incident_key) as day,
    list(hour order by occurred_date, incident_key) as hour,
    list(place order by occurred_date, incident_key) as place,
    list(flags order by occurred_date, incident_key) as flags,
    list(x order by occurred_date, incident_key) as x,
    list(y order by occurred_date, incident_key) as y
from events
cross join vintages
