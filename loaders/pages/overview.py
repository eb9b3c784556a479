"""What is new, what moved, and what needs a look."""

from collections.abc import Iterator

from loaders.pages import charts
from loaders.pages.figures import Column, Figure, Tile
from loaders.pages.site import Sheet, Site

# Of each feed the months that are known in full, newest first; counts of a whole feed.
# A month with a small count would be told by the others: then none is shown.
_MONTHS = """
with observed as (
    select feed, date_trunc('month', event_date) as month, count(distinct event_date) as n
    from marts.fct_observed_days
    group by feed, month
),

shown_vintage as (
    select arg_max(vintage, dimension_value) as vintage
    from rpt_accident_counts
    where dimension = 'month'
),

counts as (
    select feed, strptime(slice, '%Y-%m') as month, figure_value as n_events
    from marts.fct_figures
    where slice_kind = 'month' and figure = 'purchases'
    union all
    select 'service_requests', month_start_date, n_requests
    from rpt_request_volumes
    where dimension = 'overall'
    union all
    select 'accidents', strptime(dimension_value, '%Y-%m'), n_accidents
    from rpt_accident_counts
    where
        dimension = 'month'
        and vintage = (select vintage from shown_vintage)
),

months as (
    select
        counts.feed,
        cast(counts.month as date) as month,
        cast(counts.n_events as bigint) as n_events,
        observed.n is distinct from day(last_day(counts.month)) as is_partial
    from counts
    left join observed on counts.feed = observed.feed and counts.month = observed.month
    where counts.n_events is not null
    qualify
        counts.feed = 'accidents'
        or min(counts.n_events) over (partition by counts.feed) >= {least}
)
"""
_TILES = """,

whole as (
    select
        *,
        lag(n_events) over (partition by feed order by month) as n_before,
        row_number() over (partition by feed order by month desc) as age,
        list(n_events) over (
            partition by feed order by month rows between 23 preceding and current row
        ) as n_events_by_month
    from months
    where not is_partial
)

select *, n_events / nullif(n_before, 0) - 1 as change_share
from whole
where age = 1
order by feed desc
"""
_FEEDS = {
    "purchases": ("Purchases", "products.html"),
    "service_requests": ("Requests to the city", "requests.html"),
    "accidents": ("Accidents", "accidents.html"),
}


def fill(site: Site) -> Iterator[Sheet]:
    """The overview."""
    yield Sheet(
        "index.html", "page.html", {"tiles": _tiles(site), "figures": list(_figures(site))}
    )


def _tiles(site: Site) -> list[Tile]:
    least = site.about.least_count
    months = site.rows("overview.months", _MONTHS.format(least=least) + _TILES)
    tiles = [
        Tile(
            months,
            at,
            "n_events",
            "count",
            f"{_FEEDS[row['feed']][0]} in",
            when="month",
            change="change_share",
            note="on the month before",
            spark=row["n_events_by_month"],
            link=site.link(_FEEDS[row["feed"]][1]),
        )
        for at, row in enumerate(months)
    ]
    backlog = site.rows("overview.open")
    tiles += [
        Tile(
            backlog,
            at,
            "n_open",
            "count",
            "Requests open on",
            when="calendar_date",
            when_kind="day",
            change="change_share",
            note="on 28 days before",
            spark=row["n_open_by_day"],
            link=site.link("requests.html", "#backlog"),
        )
        for at, row in enumerate(backlog)
    ]
    alerts = site.rows("overview.alerts_count")
    tiles += [
        Tile(alerts, 0, "n_new", "count", "New alerts in 28 days", link="#alerts"),
        Tile(
            alerts,
            0,
            "n_held",
            "count",
            "Deliveries held for a decision",
            link=site.link("trust.html", "#deliveries"),
        ),
    ]
    return tiles


def _figures(site: Site) -> Iterator[Figure]:
    moved = site.rows("overview.moved")
    yield Figure(
        "What the last deliveries moved",
        moved,
        (
            Column("figure", "Figure"),
            Column("slice", "Of"),
            Column("value_before", "Before", "number"),
            Column("value_after", "After", "number"),
            Column("relative_difference", "Change", "change"),
        ),
        empty="The last build changed no headline figure: this is where figures would "
        "stand that a delivery changed, with their values before and after.",
    )
    alerts = site.rows("overview.alerts")
    yield Figure(
        "What needs a look: newest alerts",
        alerts,
        (
            Column("series", "What"),
            Column("alert", "Alert"),
            Column("event_date", "Day", "day"),
            Column("n_events", "Events", "count"),
            Column("expected_n", "Expected", "number"),
            Column("n_silent_days", "Silent days", "count"),
        ),
        empty="No neighborhood, kiosk or product was out of the ordinary on the last "
        "28 days that were observed in full.",
        note="Too many events, too few, or none for too long, judged by each one's own"
        " level. Of all series of a kind, one false alert in 30 days is to be "
        "expected.",
    )
    months = site.rows(
        "overview.all_months",
        f"""{_MONTHS.format(least=site.about.least_count)}
,

        breaks as (
            select
                feed, date_trunc('month', break_date) as month,
                min(break_date) as break_date, count(*) as n_breaks
            from rpt_coding_breaks
            group by feed, month
        ),

        -- What is closed or corrected later moves no count.
        moved as (
            select feed, month_start_date as month,
                sum(n_added + n_withdrawn + n_reinstated) as n_moved
            from rpt_restatements
            where feed <> 'accidents' or series = (select vintage from shown_vintage)
            group by feed, month
        )

        select
            replace(months.feed, '_', ' ') as feed, months.month, months.n_events,
            months.is_partial, breaks.break_date, coalesce(breaks.n_breaks, 0) as n_breaks,
            nullif(moved.n_moved, 0) as n_moved_later,
            nullif(moved.n_moved, 0) / nullif(months.n_events, 0) as moved_share
        from months
        left join breaks using (feed, month)
        left join moved using (feed, month)
        qualify row_number() over (partition by months.feed order by month desc) <= 24
        order by months.feed desc, month
        """,  # noqa: S608
    )
    columns = (
        Column("feed", "Feed"),
        Column("month", "Month", "month"),
        Column("n_events", "Events", "count"),
        Column("is_partial", "Partial month", "yes"),
        *charts.BREAKS,
    )
    yield Figure(
        "Events a month, the last two years of each feed",
        months,
        columns,
        empty="Events by month of each feed would be here.",
        svg=charts.multiples(months, columns, "Events a month by feed"),
        note=f"Lighter: months that deliveries cover only in part. {charts.BREAKS_NOTE}",
        uses=("now",),
        feeds=("purchases", "service_requests", "accidents"),
        is_wide=True,
    )
    deliveries = site.rows("overview.deliveries")
    yield Figure(
        "What came last",
        deliveries,
        (
            Column("feed", "Feed"),
            Column("file", "File"),
            Column("status", "Became"),
            Column("as_of_at", "As of", "day"),
            Column("n_records", "Records", "count"),
            Column("n_new", "New", "count"),
            Column("n_known", "Known", "count"),
            Column("n_rejected", "Refused", "count"),
        ),
        empty="Deliveries would be here.",
        is_wide=True,
    )
