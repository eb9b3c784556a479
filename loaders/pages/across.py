"""All feeds together: their seasons, and what goes with what."""

from collections.abc import Iterator

import altair as alt
from markupsafe import Markup

from loaders.pages import charts
from loaders.pages.figures import Column, Figure
from loaders.pages.rows import Rows
from loaders.pages.site import Sheet, Site

_FEEDS = ("purchases", "service_requests", "accidents")
_INDEX = (
    Column("n_events", "Events", "count"),
    Column(
        "seasonal_index", "Index", "index", ("seasonal_index_low", "seasonal_index_high")
    ),
)


def fill_seasons(site: Site) -> Iterator[Sheet]:
    """The seasons of each feed."""
    figures = [
        figure
        for feed in _FEEDS
        for figure in (_months(site, feed), _weekdays(site, feed), _week(site, feed))
    ]
    yield Sheet("seasons.html", "page.html", {"figures": figures})


def _name(feed: str) -> str:
    return feed.replace("_", " ").capitalize()


def _rows(site: Site, feed: str, dimension: str) -> Rows:
    return site.rows(
        f"seasons.{feed}_{dimension}",
        f"""
        select * from rpt_seasonality
        where feed = '{feed}' and event_type = 'All' and dimension = '{dimension}'
        order by period_number
        """,  # noqa: S608
    )


def _months(site: Site, feed: str) -> Figure:
    rows = _rows(site, feed, "month")
    columns = (
        Column("period", "Month"),
        *_INDEX,
        Column("is_one_year_only", "Seen in one year only", "yes"),
    )
    title = f"{_name(feed)}: months"
    return Figure(
        title,
        rows,
        columns,
        empty="No month was observed in full: an index for each would be here.",
        svg=index(rows, columns, title),
        note="Times the average day, without the effect of year, weekday and holiday. "
        "Hollow: months seen in one year only, which may have been unlike others.",
        feeds=(feed,),
    )


def _weekdays(site: Site, feed: str) -> Figure:
    rows = _rows(site, feed, "weekday")
    columns = (Column("period", "Weekday"), *_INDEX)
    title = f"{_name(feed)}: weekdays"
    return Figure(
        title,
        rows,
        columns,
        empty="No weekday was observed in full: an index for each would be here.",
        svg=index(rows, columns, title),
        note="Times the average day, with 95 % intervals.",
        feeds=(feed,),
    )


def index(rows: Rows, columns: tuple[Column, ...], title: str) -> Markup | None:
    """Multiples of the average day, with their intervals."""
    if not rows:
        return None
    base = alt.Chart().encode(
        x=alt.X("period:N", sort=[row["period"] for row in rows], axis=_upright())
    )
    y = charts.amount("seasonal_index", "times the average day", ",~f", zero=False)
    layers = [
        alt.Chart()
        .mark_rule(stroke="var(--soft)", strokeDash=[4, 3], aria=False)
        .encode(y=alt.datum(1)),
        base.mark_rule(stroke=charts.MARK, strokeWidth=3, opacity=0.45, aria=False).encode(
            y=charts.amount(
                "seasonal_index_low", "times the average day", ",~f", zero=False
            ),
            y2="seasonal_index_high:Q",
        ),
        base.mark_point(size=75, strokeWidth=2, opacity=1, fillOpacity=1)
        .transform_calculate(
            inside="datum.is_one_year_only && datum.dimension == 'month'"
            f" ? 'var(--card)' : '{charts.MARK}'"
        )
        .encode(
            y=y,
            stroke=alt.value(charts.MARK),
            fill=alt.Fill("inside:N", scale=None),
            description="tip:N",
        ),
    ]
    return charts.draw(rows, columns, title, layers, height=170)


def _upright() -> alt.Axis:
    return alt.Axis(
        title=None, labelExpr="slice(datum.label, 0, 3)", labelAngle=0, ticks=False
    )


def _week(site: Site, feed: str) -> Figure:
    rows = site.rows(
        f"seasons.{feed}_week",
        f"""
        select
            seasonal_index,
            split_part(period, ' ', 1) as weekday,
            cast(regexp_extract(period, '[0-9]+') as integer) as hour_of_day
        from rpt_seasonality
        where feed = '{feed}' and event_type = 'All' and dimension = 'weekday_and_hour'
        order by period_number
        """,  # noqa: S608
    )
    return Figure(
        f"{_name(feed)}: hours of the week, times the average hour",
        rows,
        (
            Column("seasonal_index", "Index", "tenth"),
            Column("weekday", "Weekday"),
            Column("hour_of_day", "Hour of the day", "count"),
        ),
        empty="Hours of the week would be here.",
        uses=("time",),
        feeds=(feed,),
        is_wide=True,
        is_heat=True,
    )


def fill_connections(site: Site) -> Iterator[Sheet]:
    """What requests and accidents have to do with one another."""
    figures = [_strongest(site), _profile(site), _neighborhoods(site), _published(site)]
    yield Sheet("connections.html", "page.html", {"figures": figures})


def _strongest(site: Site) -> Figure:
    rows = site.rows("connections.strongest")
    columns = (
        Column("pair", "Requests and accidents"),
        Column("period", "By"),
        Column("lag_periods", "Accidents later by", "count"),
        Column("naive_correlation", "Plain", "index"),
        Column("correlation", "Adjusted", "index", ("correlation_low", "correlation_high")),
        Column("q_value", "False discovery rate", "index"),
        Column("has_survived", "Survived", "yes"),
    )
    return Figure(
        "The pairs that go together most",
        rows,
        columns,
        empty="Pairs of requests and accidents would be here, if both feeds covered "
        "the same days for some weeks.",
        note="The first 20 of all pairs. Those that did not survive are what chance "
        "gives when so many pairs are compared: no finding. None says that one "
        "causes the other.",
        is_wide=True,
    )


def _profile(site: Site) -> Figure:
    rows = site.rows("connections.profile")
    columns = (
        Column("request_series", "Requests"),
        Column("lag_periods", "Weeks later", "count"),
        Column("correlation", "Adjusted", "index", ("correlation_low", "correlation_high")),
        Column("naive_correlation", "Plain", "index"),
        Column("has_survived", "Survived", "yes"),
    )
    title = "The first of these pairs by week, so many weeks apart"
    base = alt.Chart().encode(
        x=alt.X(
            "lag_periods:O", axis=alt.Axis(title="accidents later by, weeks", labelAngle=0)
        )
    )
    y = alt.Y(
        "correlation:Q",
        scale=alt.Scale(domain=[-1, 1]),
        axis=alt.Axis(title="correlation", tickCount=5, domain=False, ticks=False),
    )
    layers = [
        base.mark_rule(stroke=charts.MARK, strokeWidth=3, opacity=0.45, aria=False).encode(
            y=alt.Y("correlation_low:Q"), y2="correlation_high:Q"
        ),
        base.mark_point(size=75, strokeWidth=2, opacity=1)
        .transform_calculate(inside=f"datum.has_survived ? '{charts.MARK}' : 'var(--card)'")
        .encode(
            y=y,
            stroke=alt.value(charts.MARK),
            fill=alt.Fill("inside:N", scale=None),
            description="tip:N",
        ),
    ]
    return Figure(
        title,
        rows,
        columns,
        empty="A correlation for each lag would be here, if both feeds covered the "
        "same weeks.",
        svg=charts.draw(rows, columns, title, layers, height=220),
        note="Without what is usual at the time of the year. Filled: survived among "
        "all pairs; hollow: within what chance does.",
    )


def _neighborhoods(site: Site) -> Figure:
    rows = site.rows("connections.neighborhoods")
    columns = (
        Column("request_series", "Requests"),
        Column(
            "partial_correlation",
            "Adjusted",
            "index",
            ("partial_correlation_low", "partial_correlation_high"),
        ),
        Column("naive_correlation", "Plain", "index"),
        Column("n_neighborhoods", "Neighborhoods", "count"),
        Column("effective_n", "Count for", "number"),
        Column("has_survived", "Survived", "yes"),
    )
    title = "Do neighborhoods with more requests have more accidents?"
    return Figure(
        title,
        rows,
        columns,
        empty="Correlations across neighborhoods would be here.",
        svg=charts.intervals(
            rows,
            columns,
            title,
            "request_series",
            "partial_correlation",
            "partial_correlation_low",
            "partial_correlation_high",
            axis="correlation",
            form=".1f",
            reference=0,
            beside="naive_correlation",
            zero=False,
        ),
        note="Filled: without the effect of residents and area, with 95 % intervals; "
        "hollow: plain. Neighbors are similar, so that they count for fewer than "
        "they are.",
        uses=("place",),
    )


def _published(site: Site) -> Figure:
    rows = site.rows("connections.published")
    return Figure(
        "The published correlation of .996",
        rows,
        (
            Column("published_correlation", "Published", "thousandth"),
            Column("largest_plain", "Largest plain here", "thousandth"),
            Column("largest_adjusted", "Largest adjusted here", "thousandth"),
            Column("n_survived", "Pairs that survived", "count"),
            Column("n_pairs", "Of pairs and lags", "count"),
        ),
        empty="What these files have in its place would be here.",
        note="A correlation of .996 between requests and accidents of one district was"
        " once published without the number of months. Over three or four months,"
        " one district in many reaches it by chance. Here is what all pairs of "
        "these files give.",
        is_wide=True,
    )
