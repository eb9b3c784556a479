"""Each neighborhood on one sheet of paper, beside the city and the nearest other place."""

import re
from collections.abc import Iterator

from loaders.pages.figures import Column, Figure
from loaders.pages.rows import Rows
from loaders.pages.site import Sheet, Site

# Slugs are made by our own macro, but name files here.
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Accidents are public records, and counted from the facts; requests are as exported.
_FACTS = """
with latest as (
    select arg_max(vintage, occurred_date) as vintage, max(occurred_date) as last_date
    from marts.fct_incidents
),

years as (
    select cast(max(dimension_value) as integer) as accidents_year
    from rpt_accident_counts, latest
    where
        dimension = 'year' and not is_partial_period
        and rpt_accident_counts.vintage = latest.vintage
),

accidents as (
    select
        neighborhood_key,
        count(*) as n_accidents,
        count(*) filter (where is_fatal or is_serious_injury) as n_serious
    from marts.fct_incidents, latest, years
    where
        fct_incidents.vintage = latest.vintage
        and year(occurred_date) = years.accidents_year
    group by neighborhood_key
),

requests as (
    select
        neighborhood_slug,
        sum(n_requests) as n_requests,
        bool_or(is_suppressed) as has_hidden
    from rpt_service_requests_by_neighborhood
    group by neighborhood_slug
),

places as (
    select
        neighborhoods.neighborhood_slug as slug,
        neighborhoods.neighborhood_name as name,
        neighborhoods.population_2010,
        neighborhoods.area_km2,
        neighborhoods.centroid_longitude as x,
        neighborhoods.centroid_latitude as y,
        years.accidents_year,
        case when years.accidents_year > 0 then coalesce(accidents.n_accidents, 0) end
            as n_accidents,
        case when years.accidents_year > 0 then coalesce(accidents.n_serious, 0) end
            as n_serious,
        case when not requests.has_hidden then requests.n_requests end as n_requests,
        closing.open_share,
        gaps.gap_to_city,
        gaps.gap_to_city_low,
        gaps.gap_to_city_high
    from marts.dim_neighborhoods as neighborhoods
    cross join years
    left join accidents on neighborhoods.neighborhood_key = accidents.neighborhood_key
    left join requests on neighborhoods.neighborhood_slug = requests.neighborhood_slug
    left join rpt_time_to_close as closing
        on
            closing.dimension = 'neighborhood'
            and closing.dimension_value = neighborhoods.neighborhood_slug
    left join rpt_neighborhood_request_gaps as gaps
        on neighborhoods.neighborhood_slug = gaps.neighborhood_slug
    where neighborhoods.is_known
),

city as (
    select
        null as slug,
        'All of Denver' as name,
        sum(population_2010) as population_2010,
        sum(area_km2) as area_km2,
        any_value(accidents_year) as accidents_year,
        sum(n_accidents) as n_accidents,
        sum(n_serious) as n_serious,
        any_value(overall.n_requests) as n_requests,
        any_value(overall.open_share) as open_share
    from places
    left join rpt_time_to_close as overall on overall.dimension = 'overall'
),

rated as (
    from places
    union all by name
    from city
)
"""
_RATED = """
    *,
    case when population_2010 >= 200 then 1000 * n_accidents / population_2010 end
        as accidents_per_1000,
    n_accidents / area_km2 as accidents_per_km2,
    case when population_2010 >= 200 then 1000 * n_requests / population_2010 end
        as requests_per_1000
"""
_COLUMNS = (
    Column("name", "Place", link="file"),
    Column("population_2010", "Residents in 2010", "count"),
    Column("area_km2", "Area, km²", "index"),
    Column("accidents_year", "Year of accidents"),
    Column("n_accidents", "Accidents", "count"),
    Column("n_serious", "Serious or fatal", "count"),
    Column("accidents_per_1000", "Accidents per 1,000 residents", "number"),
    Column("accidents_per_km2", "Accidents per km²", "number"),
    Column("n_requests", "Requests", "count"),
    Column("open_share", "Requests open", "share"),
)


def fill(site: Site) -> Iterator[Sheet]:
    """The list of neighborhoods, and a page of each."""
    places = site.rows(
        "places.all",
        f"""{_FACTS}
        select {_RATED}, 'places/' || slug || '.html' as file
        from rated
        where slug is not null
        order by name
        """,  # noqa: S608
    )
    listed = Figure(
        "All neighborhoods",
        places,
        _COLUMNS,
        empty="Neighborhoods would be here, once their boundaries have landed.",
        note="Accidents of the last whole year; requests of all years. Each has a page"
        " to print. Rates are left out where fewer than 200 people live.",
        uses=("place",),
        is_wide=True,
    )
    yield Sheet("places.html", "page.html", {"figures": [listed]})
    compared = site.rows(
        "places.compared",
        f"""{_FACTS},

        nearest as (
            select
                here.slug,
                arg_min(
                    there.slug,
                    power(0.77 * (here.x - there.x), 2) + power(here.y - there.y, 2)
                ) as nearest_slug
            from places as here
            inner join places as there on here.slug <> there.slug
            group by here.slug
        )

        select
            nearest.slug as page,
            rated.slug || '.html' as file,
            rated.slug is not distinct from nearest.slug as is_here,
            rated.* exclude (slug, x, y),
            {_RATED.replace("*,", "", 1)}
        from nearest
        inner join rated
            on rated.slug in (nearest.slug, nearest.nearest_slug) or rated.slug is null
        order by nearest.slug, is_here desc, rated.slug nulls last
        """,  # noqa: S608
    ).parts("page")
    years = site.rows("places.years").parts("slug")
    requests = site.rows("places.requests").parts("slug")
    alerts = site.rows("places.alerts").parts("slug")
    shapes = {row["slug"]: row for row in site.rows("places.shapes")}
    city = {
        "path": "".join(
            row["outline_path"] for row in shapes.values() if not row["is_inset"]
        ),
        "box": next((row["box"] for row in shapes.values()), ""),
    }
    for slug, rows in compared.items():
        if not _SLUG.fullmatch(slug):
            continue
        yield Sheet(
            f"places/{slug}.html",
            "place.html",
            {
                "name": rows[0]["name"],
                "city": city,
                "shape": shapes.get(slug),
                "figures": [
                    _comparison(rows),
                    _accidents(years.get(slug, Rows("places.years", []))),
                    _requests(requests.get(slug, Rows("places.requests", []))),
                    _alerts(alerts.get(slug, Rows("places.alerts", []))),
                ],
            },
        )


def _comparison(rows: Rows) -> Figure:
    return Figure(
        "Beside the nearest other place, and the city",
        rows,
        _COLUMNS,
        empty="",
        note="Accidents of the last whole year; requests of all years.",
        uses=("place",),
        is_wide=True,
    )


def _accidents(rows: Rows) -> Figure:
    return Figure(
        "Accidents by year",
        rows,
        (
            Column("occurred_year", "Year"),
            Column("n_accidents", "Accidents", "count", bar=True),
            Column("n_serious", "Serious or fatal", "count"),
            Column("n_hit_and_run", "Hit and run", "count"),
            Column("is_partial", "Partial year", "yes"),
            Column("n_breaks", "Changes of coding", "count"),
        ),
        empty="No accident here in the files. Accidents by year would be here.",
        feeds=("accidents",),
        uses=("now",),
    )


def _requests(rows: Rows) -> Figure:
    return Figure(
        "Requests by year",
        rows,
        (
            Column("request_year", "Year"),
            Column("n_requests", "Requests", "count", bar=True),
            Column("requests_per_1000_residents", "Per 1,000 residents", "number"),
        ),
        empty="No request from here in the files. Requests by year would be here.",
        uses=("place",),
        feeds=("service_requests",),
    )


def _alerts(rows: Rows) -> Figure:
    return Figure(
        "Out of the ordinary in the last 28 days",
        rows,
        (
            Column("feed", "Feed"),
            Column("alert", "Alert"),
            Column("event_date", "Day", "day"),
            Column("n_events", "Events", "count"),
            Column("expected_n", "Expected", "number"),
        ),
        empty="Days with far more or fewer events than is usual here would be here.",
    )
