"""The date that a delivery speaks for: its as-of."""

import re
from datetime import datetime
from pathlib import Path

import duckdb

from loaders import ledger
from loaders.errors import DeliveryError
from loaders.feeds import Feed
from loaders.ledger import Entry
from loaders.parse import literal


def stated_as_of(
    feed: Feed, entry: Entry, given: datetime | None
) -> tuple[datetime, str] | tuple[None, None]:
    """The as-of given by the caller or by the name of the member or file, if one is."""
    if given:
        return given, "given"
    for name in (entry.member or "", entry.uri):
        found = re.search(feed.as_of.file_name or r"(?!)", Path(name).name)
        if found:
            try:
                return datetime.fromisoformat(found.group(1)), "file_name"
            except ValueError:
                continue
    return None, None


def found_as_of(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry
) -> tuple[datetime, str]:
    """The newest event in the delivery, or the time of landing where a feed says so."""
    moments = [moment(name, feed) for name in feed.as_of.newest]
    if moments:
        # A year beyond these is a slip, and more than a date in Python can hold.
        row = landing.execute(
            f"""
            select max(moment)
            from (select unnest([{", ".join(moments)}]) as moment from hashed)
            where year(moment) between 1901 and 9999
            """  # noqa: S608
        ).fetchone()
        if row and row[0]:
            return row[0], "newest"
    if feed.as_of.arrival:
        return ledger.arrival(landing, entry), "arrival"
    raise DeliveryError(
        "no_as_of",
        "no date to place it by: none given, none in the file's name, none readable in "
        f"{', '.join(feed.as_of.newest) or 'its columns'}; give one with --as-of",
    )


def moment(column: str, feed: Feed) -> str:
    """A column of `hashed` as a timestamp, by the first of the feed's formats it is in."""
    tries = [
        f'try(make_timestamp(try_cast("{column}" as bigint) * 1000))'
        if form == "epoch_ms"
        else f'cast(try_strptime("{column}", {literal(form)}) as timestamp)'
        for form in feed.as_of.formats
    ]
    return f"coalesce({', '.join(tries)})"
