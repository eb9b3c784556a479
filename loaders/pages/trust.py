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
        _restatements(site),
        _definitions(site),
    ]
    yield Sheet("trust.html", "trust.html", {"figures": figures})


def _freshness(site: Site) -> Figure:
    rows = site.rows(
        "trust.freshness",
        """
        select replace(feed, '_', ' ') as name, *
        from rpt_trust
        order by last_event_date is null, feed
        """,
    )
    return Figure(
        "freshness",
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
        "the usual gap, and than any recent one. Silent: deliveries come, events "
        "do not.",
        report="rpt_trust",
        is_wide=True,
    )


def _rows(site: Site) -> Figure:
    rows = site.rows(
        "trust.rows",
        """
        with delivered as (
            select
                feed,
                sum(n_records) as n_records,
                sum(n_known) as n_known,
                sum(n_rejected) as n_rejected,
                sum(n_blank) as n_blank,
                sum(n_new) as n_new
            from marts.fct_deliveries
            where status in ('landed', 'replayed')
            group by feed
        ),

        fates as (
            select
                feed,
                sum(n_rows) filter (where fate = 'superseded') as n_superseded,
                sum(n_rows) filter (where fate = 'duplicate') as n_duplicate,
                sum(n_rows) filter (where fate = 'set_aside') as n_set_aside,
                sum(n_rows) filter (where fate = 'current_version') as n_facts
            from marts.fct_row_fates
            group by feed
        ),

        steps as (
            from (
                select
                    feed,
                    n_records as "1 delivered",
                    -n_known as "2 known already",
                    -n_rejected as "3 refused",
                    -n_blank as "4 blank",
                    n_new as "5 new rows"
                from delivered
            )
            unpivot (n for step in (columns(* exclude feed)))
            union all
            from (
                select
                    feed,
                    -coalesce(n_superseded, 0) as "6 older versions",
                    -coalesce(n_duplicate, 0) as "7 said twice",
                    -coalesce(n_set_aside, 0) as "8 set aside",
                    coalesce(n_facts, 0) as "9 facts"
                from fates
            )
            unpivot (n for step in (columns(* exclude feed)))
        ),

        waterfall as (
            select
                replace(feed, '_', ' ') as feed,
                step as position,
                substring(step, 3) as step,
                n,
                n >= 0 as is_total,
                -- Rows still there after the step; what is left is a total by itself.
                case
                    when n >= 0 then n
                    when left(step, 1) < '5'
                        then first_value(n) over feeds
                            + sum(least(n, 0)) over (feeds rows unbounded preceding)
                    else nth_value(n, 5) over (
                        feeds rows between unbounded preceding and unbounded following
                    )
                        + sum(case when left(step, 1) > '5' then least(n, 0) else 0 end)
                            over (feeds rows unbounded preceding)
                end as n_left
            from steps
            window feeds as (partition by feed order by step)
        )

        select * from waterfall
        where feed in (select replace(feed, '_', ' ') from fates)
        order by feed, position
        """,
    )
    columns = (
        Column("feed", "Feed"),
        Column("step", "Step"),
        Column("n", "Rows", "count"),
        Column("n_left", "Left", "count"),
    )
    title = "What became of every delivered row"
    return Figure(
        "rows",
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
    rows = site.rows(
        "trust.refused",
        """
        select replace(feed, '_', ' ') as feed, replace(reason, '_', ' ') as reason,
            count(*) as n_rows, max(_delivery_seq) as last_delivery
        from marts.fct_rejected_rows
        group by all
        order by n_rows desc, feed, reason
        limit 40
        """,
    )
    return Figure(
        "refused",
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
    rows = site.rows(
        "trust.points",
        """
        select replace(source, '_', ' ') as feed, replace(outcome, '_', ' ') as outcome,
            vintage, n_events, events_share
        from rpt_point_outcomes
        order by feed, vintage, n_events desc, outcome
        """,
    )
    return Figure(
        "points",
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
        report="rpt_point_outcomes",
    )


def _deliveries(site: Site) -> Figure:
    rows = site.rows(
        "trust.deliveries",
        """
        select
            _delivery_seq as number,
            replace(feed, '_', ' ') as feed,
            regexp_extract(uri, '[^/]*$') as file,
            status || coalesce(': ' || replace(reason, '_', ' '), '') as became,
            as_of_at,
            n_records,
            n_new,
            n_known,
            n_rejected,
            n_blank
        from marts.fct_deliveries
        order by status in ('held', 'failed') desc, _delivery_seq desc
        limit 60
        """,
    )
    return Figure(
        "deliveries",
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


def _restatements(site: Site) -> Figure:
    rows = site.rows(
        "trust.restatements",
        """
        select replace(feed, '_', ' ') as feed, * exclude (feed)
        from rpt_restatements
        where n_added + n_changed + n_withdrawn + n_reinstated > 0
        order by as_of_at desc, feed, month_start_date desc, series
        limit 40
        """,
    )
    return Figure(
        "restatements",
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
        report="rpt_restatements",
        is_wide=True,
    )


def _definitions(site: Site) -> Figure:
    rows = site.rows(
        "trust.definitions",
        """
        select replace(feed, '_', ' ') as feed, * exclude (feed)
        from rpt_metric_changes
        order by build_number desc, abs(relative_difference) desc nulls last, figure, slice
        limit 30
        """,
    )
    return Figure(
        "definitions",
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
        report="rpt_metric_changes",
        is_wide=True,
    )
