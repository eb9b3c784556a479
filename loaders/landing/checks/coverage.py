"""What a delivery covers: the event dates of which its absences speak."""

import calendar
from datetime import date
from pathlib import Path

from loaders.config.feeds import Feed
from loaders.config.patterns import search
from loaders.errors import DeliveryHeldError, UsageError
from loaders.landing.draft import Coverage, Origin, WindowStart
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery
from loaders.landing.times import clock_time, is_plausible

Dates = tuple[date, date]


def stated_coverage(feed: Feed, origin: Origin, given: Dates | None) -> Coverage:
    """The dates that the caller, or the name of the member or file, says it covers.

    Raises:
        UsageError: if the caller says so of a feed whose deliveries have no dates.
    """
    if given and feed.mode != "window":
        raise UsageError(
            f"--covers: deliveries of {feed.name} are not windows of time, so they cannot "
            "cover a part of one"
        )
    source = "given"
    if not given and feed.covers.file_name:
        source = "file_name"
        for name in (origin.member or "", origin.uri):
            given = given or dates_of(search(feed.covers.file_name, Path(name).name))
    return Coverage(*given, source) if given else Coverage()


def dates_of(parts: dict[str, str]) -> Dates | None:
    """The first and the last date that a file's name tells; None if they are none.

    Args:
        parts: `from` and `to` as ISO dates, or `year` with `month`, `quarter` or `half`.
    """
    try:
        if "from" in parts:
            first, last = map(date.fromisoformat, (parts["from"], parts["to"]))
            return (first, last) if first <= last else None
        year, number, n_months = int(parts["year"]), 1, 12
        for part, length in (("month", 1), ("quarter", 3), ("half", 6)):
            if parts.get(part):
                number, n_months = int(parts[part]), length
        last_month = number * n_months
        first = date(year, last_month - n_months + 1, 1)
        return first, date(year, last_month, calendar.monthrange(year, last_month)[1])
    except (ValueError, calendar.IllegalMonthError):
        return None


def found_coverage(entry: Entry, parsed: ParsedDelivery) -> Coverage:
    """The dates that a parsed delivery covers: as stated, or its own by the settings."""
    feed = parsed.feed
    stated = Coverage(entry.covers_from, entry.covers_to, entry.covers_source)
    if not feed.window or stated.covers_from or not feed.covers.own_dates:
        return stated
    return Coverage(*event_dates(entry, parsed), "own_dates")


def window_start(feed: Feed, entry: Entry) -> WindowStart:
    """The first date that a delivery covers, if its feed has a window.

    Raises:
        DeliveryHeldError: if each file of the feed covers its own dates, and it has none.
    """
    if feed.window is None or entry.as_of is None:
        return WindowStart()
    if entry.covers_from is None and feed.covers.own_dates:
        raise DeliveryHeldError(
            "no_event_dates",
            f"each file of {feed.name} covers its own dates, but no "
            f"{feed.window.column} in it can be read",
        )
    return WindowStart(entry.covers_from or feed.window.start(entry.as_of))


def event_date(feed: Feed) -> str:
    """The date that a feed's windows go by, an SQL expression over its columns.

    Where a layout lacks the window's column, the other times of the event stand for it.
    """
    if feed.window is None:
        return "cast(null as date)"
    columns = dict.fromkeys((feed.window.column, *feed.as_of.newest))
    times = ", ".join(clock_time(feed, f'"{column}"') for column in columns)
    return f"cast(coalesce({times}) as date)"


def event_dates(
    entry: Entry, parsed: ParsedDelivery, slips: float = 0
) -> tuple[date | None, date | None]:
    """The first and last event date of a delivery that can be true, less some slips."""
    feed = parsed.feed
    if feed.window is None:
        return None, None
    return _dates_in(
        parsed,
        f"{parsed.versions} where {is_plausible(feed, event_date(feed), entry.started_at)}",
        slips,
    )


def event_dates_of(parsed: ParsedDelivery, rows: str) -> tuple[date | None, date | None]:
    """The first and last event date of landed rows, by their `_row_hash` and `_copy`."""
    if parsed.feed.window is None:
        return None, None
    held = f"raw.{parsed.feed.name} semi join {rows} using (_row_hash, _copy)"
    return _dates_in(parsed, held, 0)


def _dates_in(
    parsed: ParsedDelivery, rows: str, slips: float
) -> tuple[date | None, date | None]:
    found = parsed.landing.execute(
        f"""
        select
            quantile_disc(event_date, {slips}),
            quantile_disc(event_date, 1 - {slips})
        from (select {event_date(parsed.feed)} as event_date from {rows})
        """  # noqa: S608
    ).fetchone()
    return found or (None, None)
