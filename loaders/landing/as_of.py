"""The date that a delivery describes: its as-of."""

from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from loaders.config.feeds import Feed
from loaders.config.patterns import search
from loaders.errors import DeliveryError
from loaders.landing import ledger
from loaders.landing.checks.unread import (
    known_formats,
    newest_first_read,
    unread_times,
)
from loaders.landing.draft import AsOf, Origin
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery
from loaders.landing.times import clock_time, is_plausible, utc_time

# No as-of is in another year, and a day before or after these is still a date.
YEARS = range(1900, 2200)


def stated_as_of(feed: Feed, origin: Origin, given: datetime | None) -> AsOf:
    """The as-of given by the caller or by the name of the member or file, if one is."""
    if given:
        return AsOf(given, "given")
    for name in (origin.member or "", origin.uri) if feed.as_of.file_name else ():
        (text,) = search(feed.as_of.file_name or "", Path(name).name).values()
        with suppress(ValueError):
            moment = datetime.fromisoformat(text)
            if moment.year in YEARS:
                return AsOf(moment, "file_name")
    return AsOf()


def found_as_of(entry: Entry, parsed: ParsedDelivery) -> AsOf:
    """The newest event in the delivery, or the time of landing if the feed allows it."""
    landing, feed = parsed.landing, parsed.feed
    newest = [_newest(landing, feed, entry, parsed, column) for column in feed.as_of.newest]
    if moments := [found for found in newest if found]:
        return AsOf(max(moments), "newest")
    if feed.as_of.arrival:
        return AsOf(ledger.arrival(landing, entry), "arrival")
    where = ", ".join(feed.as_of.newest) or "its columns"
    start = (
        f"no as-of: none was given, the file name has no date, and there is none in {where}"
    )
    if unread := unread_times(entry, parsed):
        found = "; ".join(map(str, unread))
        raise DeliveryError(
            "no_as_of",
            f"{start} that can be used: {found}; {known_formats(feed)}, --as-of does not "
            "make these dates readable",
        )
    raise DeliveryError("no_as_of", f"{start}; give one with --as-of")


def _newest(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    entry: Entry,
    parsed_delivery: ParsedDelivery,
    column: str,
) -> datetime | None:
    """The newest moment in a column of a delivery that can be true."""
    rows = parsed_delivery.versions
    if not parsed_delivery.is_picked and column in parsed_delivery.columns:
        newest = newest_first_read(entry, parsed_delivery, column)
        if newest is not None:
            return newest
    # Windows reach back by days of the feed's own calendar; others are only put in order.
    moment = clock_time if feed.window else utc_time
    parsed = moment(feed, f'"{column}"')
    among, values = "true", []
    if all(form.startswith(("iso", "%Y-%m-%d")) for form in feed.time_formats):
        # Text that begins with the year is in order of time, but for the zone. Reading
        # all of it takes as long as storing it: only what may be the newest is read.
        row = landing.execute(
            f"""
            select cast(cast(moment as date) - 2 as varchar)
            from (
                select {parsed} as moment
                from (
                    select max("{column}") as "{column}" from {rows}
                    where "{column}" < ?
                )
            )
            where moment is not null
            """,  # noqa: S608
            [str(entry.started_at.date() + timedelta(days=1))],
        ).fetchone()
        if row:
            # What begins with a blank or a sign may be read, but is not in that order.
            among, values = f'("{column}" >= ? or "{column}" < \'0\')', [row[0]]
    can_be = is_plausible(feed, "moment", entry.started_at)
    found = landing.execute(
        f"""
        -- As a filter, this would have each text read twice.
        select max(case when {can_be} then moment end)
        from (select {parsed} as moment from {rows} where {among})
        """,  # noqa: S608
        values,
    ).fetchone()
    return found[0] if found else None
