"""Where and when do accidents happen, of what kind, and do they become more?"""

from array import array
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence

from loaders.pages import charts
from loaders.pages.figures import Column, Figure
from loaders.pages.rows import Row, Rows
from loaders.pages.site import Sheet, Site

# A kind, its words, its bit in accidents.events, and what says whether it is known.
KINDS = (
    ("fatal", "Fatal", 1, "n_severity"),
    ("serious", "Serious injury", 2, "n_severity"),
    ("hit_and_run", "Hit and run", 4, "n_offense"),
    ("impaired", "Impaired driver", 8, "n_offense"),
    ("bicycle", "Bicycle", 16, "n_road_users"),
    ("pedestrian", "Pedestrian", 32, "n_road_users"),
)


def fill(site: Site) -> Iterator[Sheet]:
    """The accidents, to be filtered, and what is known of trends and hot spots."""
    (events,) = site.rows("accidents.events")
    places = site.rows("accidents.places")
    scripts = []
    if events["n"]:
        scripts = [
            site.data("accidents", _explored(site, events, places)),
            "explorer.js",
        ]
        site.data("accident_points", {axis: _packed("H", events[axis]) for axis in "xy"})
    yield Sheet(
        "accidents.html",
        "accidents.html",
        {
            "figures": [_trends(site), _delays(site), _hot_spots(site)],
            "has_events": bool(events["n"]),
            "has_shapes": any(place["outline_path"] for place in places),
        },
        scripts=scripts,
    )


def _explored(site: Site, events: Row, places: Rows) -> dict[str, object]:
    """What explorer.js reads: a byte for hour, place and flags of each accident, by day."""
    first = events["first_date"]
    by_day = [0] * (events["day"][-1] - events["day"][0] + 1)
    for day in events["day"]:
        by_day[day - events["day"][0]] += 1
    return {
        "n": events["n"],
        "vintage": events["vintage"],
        "others": [
            [row["vintage"], row["n_accidents"], row["first_date"], row["last_date"]]
            for row in list(site.rows("accidents.vintages"))[1:]
        ],
        "first": first,
        "byDay": by_day,
        **{name: _packed("B", events[name]) for name in ("hour", "place", "flags")},
        "kinds": [
            [name, words, bit, events[known]]
            for name, words, bit, known in KINDS
            if events[known]
        ],
        "unknownKinds": [words for _, words, _, known in KINDS if not events[known]],
        "withoutPoint": events["n_without_point"],
        "breaks": [
            [row["break_date"], row["label"]]
            for row in site.rows("accidents.breaks")
            if row["vintage"] == events["vintage"]
        ],
        "places": [
            [
                row["neighborhood_slug"],
                row["neighborhood_name"],
                row["population_2010"],
                row["area_km2"],
                row["outline_path"],
                row["label_x"],
                row["label_y"],
                row["is_inset"],
            ]
            for row in places
        ],
        "box": _box(row for row in places if row["is_inset"] is False),
        "insetBox": _box(row for row in places if row["is_inset"]),
    }


def _packed(kind: str, numbers: Sequence[int]) -> str:
    """Numbers as the bytes of a typed array, as text."""
    return b64encode(array(kind, numbers).tobytes()).decode()


def _box(places: Iterable[Row]) -> tuple[int, ...] | None:
    """The viewBox of a map of these places."""
    found = list(places)
    if not found:
        return None
    west, north = (min(row[name] for row in found) - 12 for name in ("west_x", "north_y"))
    east, south = (max(row[name] for row in found) + 12 for name in ("east_x", "south_y"))
    return west, north, east - west, south - north


def _trends(site: Site) -> Figure:
    rows = site.rows("accidents.trends")
    columns = (
        Column("measure", "Accidents"),
        Column("n_last_365_days", "Last 365 days", "count"),
        Column("n_before_365_days", "365 before", "count"),
        Column("rate_ratio", "Ratio", "index", ("rate_ratio_low", "rate_ratio_high")),
        Column("verdict", "Change"),
        Column("crosses_coding_break", "Across a change of coding", "yes"),
        Column("as_of_date", "To", "day"),
    )
    title = "More or fewer? The last 365 days by those before"
    return Figure(
        title,
        rows,
        columns,
        empty="Ratios would be here, once two years of accidents have landed.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "measure",
            "rate_ratio",
            "rate_ratio_low",
            "rate_ratio_high",
            axis="times as many",
            form=".2f",
            reference=1,
            zero=False,
        ),
        note="With 95 % limits. On the dashed line nothing changed. What "
        "lies across a change of coding (see the page on trust) has no clear change.",
    )


def _delays(site: Site) -> Figure:
    rows = site.rows("accidents.delays")
    columns = (
        Column("family", "Gravest offense"),
        Column("occurred_year", "Year"),
        Column("n_accidents", "Accidents", "count"),
        Column("median_hours_to_report", "Median hours", "number"),
        Column("p90_hours_to_report", "9 of 10 within", "number"),
        Column(
            "late_share", "After 7 days", "share", ("late_share_low", "late_share_high")
        ),
    )
    return Figure(
        "How long until an accident is reported? The last year",
        rows,
        columns,
        empty="Hours from accidents to their reports would be here, if the files had both.",
        note="With 95 % limits. Accidents of the last days that nobody has reported yet "
        "are missing, so that they look quiet.",
        uses=("time",),
    )


def _hot_spots(site: Site) -> Figure:
    rows = site.rows("accidents.hot_spots")
    columns = (
        Column("place", "Latitude, longitude"),
        Column("n_accidents", "Accidents", "count", bar=True),
        Column("n_serious_accidents", "Serious", "count"),
        Column("n_fatal_accidents", "Fatal", "count"),
        Column("spot_rank", "Rank", "count", ("rank_low", "rank_high")),
        Column("top_20_share", "Sure to be in the top 20", "share"),
        Column("similar_accidents", "Mean cell of its neighborhood", "number"),
        Column(
            "expected_accidents",
            "To be expected in as long a time",
            "number",
            ("expected_accidents_low", "expected_accidents_high"),
        ),
        Column("excess_rank", "Rank by what is more than the mean cell", "count"),
    )
    return Figure(
        "Hot spots: the 20 cells of 250 meters with most accidents",
        rows,
        columns,
        empty="The cells with most accidents would be here.",
        note="A grave accident weighs 3. Ranks with 95 % limits: places whose limits "
        "overlap cannot be distinguished. The worst cells fall back by themselves: what is "
        "to be expected lies between their count and the mean cell of their neighborhood "
        "(empirical Bayes). Counts, not risk: traffic is unknown.",
        uses=("point",),
        is_wide=True,
    )
