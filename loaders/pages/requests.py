"""Requests to the city: how many, how long they take, what is open, and where."""

from collections.abc import Iterator

import altair as alt
from markupsafe import Markup

from loaders.pages import charts
from loaders.pages.figures import Column, Figure
from loaders.pages.rows import Rows
from loaders.pages.site import Sheet, Site

_AGES = {
    "up to 7 days": "var(--heat-1)",
    "8 to 30 days": "var(--heat-2)",
    "31 to 90 days": "var(--heat-4)",
    "over 90 days": "var(--heat-5)",
}
_DAYS = (
    Column("n_requests", "Requests", "count"),
    Column("open_share", "Still open", "share"),
    Column(
        "median_days_to_close",
        "Median days, open ones counted",
        "count",
        ("median_days_to_close_low", "median_days_to_close_high"),
    ),
    Column("p90_days_to_close", "Nine in ten closed within, days", "count"),
    Column("p90_days_of_closed", "The same of closed ones alone", "count"),
    # Such closes look like work of one day, and are none.
    Column("mass_close_share", "Closed on days of mass closes", "share"),
)


def fill(site: Site) -> Iterator[Sheet]:
    """The page of requests."""
    figures = [
        _volumes(site),
        _backlog(site),
        *_times_to_close(site),
        _gaps(site),
        _reporting(site),
        _agencies(site),
        _mass_closes(site),
    ]
    scripts = _explored(site)
    yield Sheet("requests.html", "requests.html", {"figures": figures}, scripts=scripts)


def _explored(site: Site) -> list[str]:
    """The scripts of the explorer, and its data: groups as exported, never crossed."""
    rows = site.rows("requests.cubes")
    if not rows:
        return []
    whole = next(row for row in rows if row["dimension"] == "overall")
    dimensions = [
        {
            "name": name,
            "title": name.replace("_", " "),
            "values": [
                {
                    "name": row["dimension_value"],
                    "requests": row["requests"],
                    "closes": row["closes"],
                }
                for row in group
            ],
        }
        for name, group in rows.parts("dimension").items()
        if name != "overall"
    ]
    data = {
        "months": whole["months"],
        "partial": whole["partial_months"],
        "requests": whole["requests"],
        "closes": whole["closes"],
        "dimensions": dimensions,
    }
    return [site.data("requests", data), "requests.js"]


def _volumes(site: Site) -> Figure:
    rows = site.rows("requests.volumes")
    columns = (
        Column("month", "Month", "month"),
        Column("n_requests", "Requests", "count"),
        Column("n_closes", "Closed in the month", "count"),
        Column("is_partial", "Partial month", "yes"),
        *charts.BREAKS,
    )
    title = "Requests a month"
    svg = charts.bars(
        rows,
        columns,
        title,
        charts.months("month"),
        charts.amount("n_requests", "requests a month"),
        breaks=True,
        height=210,
    )
    return Figure(
        title,
        rows,
        columns,
        empty="Requests by month would be here, once a file of requests has landed.",
        svg=svg,
        note=f"Lighter: months that the files cover only in part. {charts.BREAKS_NOTE}",
        uses=("now",),
    )


def _backlog(site: Site) -> Figure:
    ages = [
        ("n_open_up_to_7_days", "up to 7 days"),
        ("n_open_8_to_30_days", "8 to 30 days"),
        ("n_open_31_to_90_days", "31 to 90 days"),
        ("n_open_over_90_days", "over 90 days"),
    ]
    rows = site.rows("requests.backlog")
    columns = (
        Column("calendar_date", "End of", "day"),
        *(Column(name, f"Open {age}", "count") for name, age in ages),
        Column("n_open", "Open", "count"),
    )
    title = "Open requests at the end of each month, by how long they have been open"
    base = alt.Chart().transform_fold([name for name, _ in ages], ["age", "n"])
    words = dict(ages)
    base = base.transform_calculate(
        series=f"{words}[datum.age]",
        youngest_last=f"-indexof({[name for name, _ in ages]}, datum.age)",
        part=f"datum.tip + '; open ' + {words}[datum.age] + ' ' + format(datum.n, ',')",
    )
    area = base.mark_bar(binSpacing=2).encode(
        x=charts.months("calendar_date"),
        y=alt.Y(
            "n:Q",
            stack="zero",
            axis=alt.Axis(title="open requests", tickCount=5, domain=False, ticks=False),
        ),
        order=alt.Order("youngest_last:Q"),
        description="part:N",
    )
    return Figure(
        title,
        rows,
        columns,
        empty="Open requests by age would be here.",
        svg=charts.draw(
            rows, (columns[0], columns[-1]), title, [area], height=185, series=_AGES
        ),
        note="The first months lack requests that are older than the first file.",
        uses=("now",),
    )


def _times_to_close(site: Site) -> Iterator[Figure]:
    for name, title, least in (
        ("agency", "How long it takes, by agency", 1),
        ("source", "How long it takes, by the way it was asked", 20),
        ("type", "How long it takes, by agency and kind of request", 20),
        ("council_district", "How long it takes, by council district", 20),
    ):
        # Where the share that is open never falls to a tenth, a mark stands at the edge.
        rows = site.rows(
            f"requests.days_by_{name}",
            f"""
            select
                dimension_value as what,
                *,
                1.4 * max(greatest(p90_days_to_close, p90_days_of_closed)) over () as edge,
                coalesce(p90_days_to_close_high, edge) as high_or_edge,
                case when p90_days_to_close is null then edge end as beyond
            from rpt_time_to_close
            where dimension = '{name}' and n_requests >= {least} and n_closed > 0
            order by n_requests desc, what
            limit 8
            """,  # noqa: S608
        )
        columns = (Column("what", title.rpartition("by ")[2].capitalize()), *_DAYS)
        yield Figure(
            title,
            rows,
            columns,
            empty="Days from request to close would be here.",
            svg=_days_picture(rows, columns, title),
            # Once is enough.
            note="Days within which nine in ten were closed. Filled: with open requests "
            "counted in (Kaplan and Meier), and its 95 % interval; a triangle: longer than "
            "the files reach. Hollow: of closed ones alone, which looks far too good."
            if name == "agency"
            else "Marks as by agency; of the most frequent ones.",
            uses=("place",) if name == "council_district" else (),
        )


def _days_picture(rows: Rows, columns: tuple[Column, ...], title: str) -> Markup | None:
    base = alt.Chart().encode(y=charts.names("what", rows))

    def days(name: str) -> alt.X:
        axis = alt.Axis(
            title="days, in unequal steps",
            values=[0, 1, 3, 7, 14, 30, 90, 365],
            domain=False,
            ticks=False,
        )
        return alt.X(f"{name}:Q", axis=axis, scale=alt.Scale(type="symlog", constant=2))

    layers = [
        base.mark_rule(
            stroke=charts.MARK, strokeWidth=2.5, opacity=0.45, aria=False
        ).encode(x=days("p90_days_to_close_low"), x2="high_or_edge:Q"),
        base.mark_point(
            shape="triangle-right", fill=charts.MARK, stroke=None, size=90, opacity=1
        ).encode(x=days("beyond"), description="tip:N"),
        base.mark_circle(color=charts.MARK, size=80, opacity=1).encode(
            x=days("p90_days_to_close"), description="tip:N"
        ),
        base.mark_point(stroke=charts.SECOND, size=60, strokeWidth=2, aria=False).encode(
            x=days("p90_days_of_closed")
        ),
    ]
    told = (columns[0], columns[2], columns[4], columns[5])
    return charts.draw(rows, told, title, layers)


def _gaps(site: Site) -> Figure:
    rows = site.rows("requests.gaps")
    columns = (
        Column("neighborhood_name", "Neighborhood"),
        Column("n_requests", "Requests", "count"),
        Column("closed_in_time_share", "Closed in the city's usual time", "share"),
        Column(
            "gap_to_city",
            "Difference from the city",
            "change",
            ("gap_to_city_low", "gap_to_city_high"),
        ),
    )
    title = "Like requests, closed as soon? Difference from the city by neighborhood"
    return Figure(
        title,
        rows,
        columns,
        empty="Neighborhoods would be here for which 20 or more requests of a type are"
        " known.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "neighborhood_name",
            "gap_to_city",
            "gap_to_city_low",
            "gap_to_city_high",
            axis="share closed in time, less the city's",
            form="+.0%",
            reference=0,
            zero=False,
        ),
        note="The six furthest below and above the city. "
        "Types weighted as in the city; lines are 95 % intervals. Those that "
        "cross the dashed line may be chance, and among many neighborhoods some "
        "are extreme by chance.",
        uses=("place",),
    )


def _reporting(site: Site) -> Figure:
    return Figure(
        "Do residents report alike? Reports a day of an open incident, by kind",
        site.rows("requests.reporting"),
        (
            Column("agency", "Agency"),
            Column("request_type", "Kind"),
            Column("n_neighborhoods", "Neighborhoods", "count"),
            Column("n_told", "Can be told in", "count"),
            Column("least_neighborhood", "Least in"),
            Column("least_per_day", "Least", "number"),
            Column("most_neighborhood", "Most in"),
            Column("most_per_day", "Most", "number"),
            Column("n_few_points", "Too few points", "count"),
            Column("n_few_repeats", "Too few repeats", "count"),
        ),
        is_wide=True,
        empty="Kinds of requests would be here, with how often one incident is reported, "
        "if in some neighborhood enough requests had a point and were repeated.",
        note="From requests that repeat another about the same place while it is open, up "
        "to 30 days; the first is not counted. Assumes that reports of one incident come "
        "at an even rate, and that one subject within ten meters is one incident. Where "
        "people report seldom, few requests do not mean few problems.",
        uses=("place", "point"),
    )


def _mass_closes(site: Site) -> Figure:
    rows = site.rows("requests.mass_closes")
    return Figure(
        "Days on which many old requests were closed at once",
        rows,
        (
            Column("closed_date", "Day", "day"),
            Column("agency", "Agency"),
            Column("request_type", "Kind"),
            Column("n_closes", "Closed", "count"),
            Column("n_late_closes", "Old ones", "count"),
            Column("ordinary_n_late_closes", "Usual a day", "number"),
        ),
        is_wide=True,
        empty="No day stands out. Days would be here on which an agency closed far "
        "more old requests than on its ordinary days: such requests look slow, "
        "and may have been done long before.",
    )


def _agencies(site: Site) -> Figure:
    rows = site.rows("requests.agencies")
    return Figure(
        "Agencies, in the last whole month and before",
        rows,
        (
            Column("agency", "Agency"),
            Column("last_month", "Month", "month"),
            Column("n_requests_by_month", "By month", "spark"),
            Column("n_last_month", "Requests", "count", bar=True),
            Column("first_call_share", "Done in the first call", "share"),
        ),
        empty="Agencies would be here.",
    )
