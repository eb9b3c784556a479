"""Can I trust this: what was delivered, what became of it, and what changed later."""

from collections.abc import Iterator

import altair as alt
from markupsafe import Markup

from loaders.pages import charts
from loaders.pages.figures import Column, Figure
from loaders.pages.rows import Rows
from loaders.pages.site import Sheet, Site


def fill(site: Site) -> Iterator[Sheet]:
    """The trust page."""
    figures = [
        _freshness(site),
        _rows(site),
        _refused(site),
        _points(site),
        _deliveries(site),
        _breaks(site),
        _restatements(site),
        _definitions(site),
    ]
    yield Sheet("trust.html", "trust.html", {"figures": figures})


def _freshness(site: Site) -> Figure:
    rows = site.rows("trust.freshness")
    return Figure(
        "Each feed: fresh or late, and what of it is missing",
        rows,
        (
            Column("name", "Feed"),
            Column("freshness", "State"),
            Column("last_as_of_at", "Last delivery as of", "day"),
            Column("days_since_last_as_of", "Days ago", "number"),
            Column("median_days_between", "Usually every, days", "number"),
            Column("last_event_date", "Last event", "day"),
            Column("rejected_share", "Refused", "share"),
            Column("set_aside_share", "Set aside", "share"),
            Column("uncertain_time_share", "Uncertain time", "share"),
            Column("without_point_share", "Without a point", "share"),
            Column("without_neighborhood_share", "Without a neighborhood", "share"),
            Column("withdrawn_share", "Withdrawn", "share"),
        ),
        empty="Feeds would be here.",
        note="Seen from the newest delivery of any feed. Late: longer ago than twice "
        "the usual gap, and than any recent one. Silent: no event for "
        "longer than chance or habit explains.",
        is_wide=True,
    )


def _rows(site: Site) -> Figure:
    rows = site.rows("trust.rows")
    columns = (
        Column("feed", "Feed"),
        Column("step", "Step"),
        Column("n", "Rows", "count"),
        Column("n_left", "Left", "count"),
    )
    title = "What became of every delivered row"
    return Figure(
        title,
        rows,
        columns,
        empty="Rows of event feeds would be here, once some have landed.",
        svg=_waterfall(rows, columns, title) if rows else None,
        note="Delivered rows are new, known already, refused or blank, and nothing "
        "else; new rows are facts, older versions of facts, said twice, or set "
        "aside.",
        is_wide=True,
    )


def _waterfall(rows: Rows, columns: tuple[Column, ...], title: str) -> Markup:
    values = charts.values(rows, columns)
    base = alt.Chart(alt.InlineData(values=values)).transform_calculate(
        start="datum.is_total ? 0 : datum.n_left - datum.n",
        colour=f"datum.is_total ? '{charts.MARK}' : '{charts.SECOND}'",
    )
    order = list(dict.fromkeys(row["step"] for row in rows))
    parts = [
        base.transform_filter(alt.datum.feed == feed)
        .mark_bar(height=14)
        .encode(
            y=alt.Y("step:N", sort=order, axis=_side() if at == 0 else None),
            x=charts.along("n_left", "rows"),
            x2="start:Q",
            color=alt.Color("colour:N", scale=None),
            description="tip:N",
        )
        .properties(width=280, title=feed.capitalize())
        for at, feed in enumerate(dict.fromkeys(row["feed"] for row in rows))
    ]
    return charts.svg_of(alt.hconcat(*parts, spacing=28), title)


def _side() -> alt.Axis:
    return alt.Axis(title=None, ticks=False, domain=False)


def _refused(site: Site) -> Figure:
    rows = site.rows("trust.refused")
    return Figure(
        "Why lines were refused",
        rows,
        (
            Column("feed", "Feed"),
            Column("reason", "Reason"),
            Column("n_rows", "Lines", "count", bar=True),
            Column("last_delivery", "Last in delivery", "count"),
        ),
        empty="No line was refused. Lines would be here, by the reason why they could "
        "not be read.",
        note="The lines themselves are kept, and shown by: eventmart rejects. They can be "
        "corrected and read again.",
    )


def _points(site: Site) -> Figure:
    rows = site.rows("trust.points")
    return Figure(
        "What became of the points",
        rows,
        (
            Column("feed", "Feed"),
            Column("vintage", "Vintage"),
            Column("outcome", "Points"),
            Column("n_events", "Events", "count"),
            Column("events_share", "Share", "share"),
        ),
        empty="Events by what became of their coordinates would be here.",
    )


def _deliveries(site: Site) -> Figure:
    rows = site.rows("trust.deliveries")
    return Figure(
        "Deliveries: held and failed ones first, then the newest",
        rows,
        (
            Column("number", "No.", "count"),
            Column("feed", "Feed"),
            Column("file", "File"),
            Column("became", "Became"),
            Column("as_of_at", "As of", "day"),
            Column("n_records", "Records", "count"),
            Column("n_new", "New", "count"),
            Column("n_known", "Known", "count"),
            Column("n_rejected", "Refused", "count"),
            Column("n_blank", "Blank", "count"),
        ),
        empty="Deliveries would be here.",
        note="The last 60. Where one is held, a person has to decide: eventmart accept.",
        is_wide=True,
    )


def _breaks(site: Site) -> Figure:
    rows = site.rows("trust.breaks")
    return Figure(
        "Breaks: days from which a code was used otherwise",
        rows,
        (
            Column("break_date", "From", "day"),
            Column("feed", "Feed"),
            Column("label", "Break"),
            Column("share_before", "Share before", "share"),
            Column("share_after", "Share after", "share"),
            Column("n_before", "Records before", "count"),
            Column("n_after", "Records after", "count"),
        ),
        empty="No break was found. Codes would be here whose share of the records "
        "halved or doubled from one day on: what they count has no trend across "
        "that day.",
        is_wide=True,
    )


def _restatements(site: Site) -> Figure:
    rows = site.rows("trust.restatements")
    return Figure(
        "Months that were over, and changed later",
        rows,
        (
            Column("feed", "Feed"),
            Column("month_start_date", "Month", "month"),
            Column("as_of_at", "By the delivery as of", "day"),
            Column("n_before", "Before", "count"),
            Column("n_added", "Added", "count"),
            Column("n_changed", "Changed", "count"),
            Column("n_withdrawn", "Withdrawn", "count"),
            Column("n_after", "After", "count"),
        ),
        empty="No month changed after it was over.",
        is_wide=True,
    )


def _definitions(site: Site) -> Figure:
    rows = site.rows("trust.definitions")
    return Figure(
        "What moved because it is counted otherwise",
        rows,
        (
            Column("figure", "Figure"),
            Column("slice", "Of"),
            Column("value_before", "Before", "number"),
            Column("value_after", "After", "number"),
            Column("relative_difference", "Change", "change"),
            Column("has_new_deliveries", "With new deliveries", "yes"),
        ),
        empty="No headline figure moved by a change of a definition.",
        is_wide=True,
    )
