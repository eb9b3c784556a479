"""What a file would meet as a delivery of a feed: header, words for nothing, dates."""

import csv
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from loaders.config.feeds import Feed, canonical
from loaders.files.kept_files import scratch
from loaders.landing.database import Warehouse
from loaders.landing.land import land_file
from loaders.landing.ledger import Entry
from loaders.landing.schema import create_tables
from loaders.landing.times import clock_time
from loaders.new_feed.survey import null_words
from loaders.sources.base import Offer

_N_EXAMPLES = 5


def check_lines(warehouse: Warehouse, feed: Feed, offer: Offer) -> Iterator[str]:
    """How a delivery is understood, found by landing it where nothing else is.

    Args:
        warehouse: a scratch database and folder.
        feed: whose delivery it would be.
        offer: what a source has; a zip may hold several deliveries.
    """
    create_tables(warehouse.landing, {feed.name: feed})
    with scratch(warehouse.paths.fetched) as folder:
        if fetched := offer.fetch(folder, None):
            # Any date will do: nothing is compared with it.
            now = datetime.now()
            for entry in land_file(warehouse, feed, fetched.path, now, uri=offer.uri):
                yield from _header_lines(feed, entry)
    yield from _value_lines(warehouse, feed)


def held_lines(warehouse: Warehouse, feed: Feed, files: Sequence[Path]) -> Iterator[str]:
    """Which files would not land one after another, and why.

    Args:
        warehouse: a scratch database and folder.
        feed: whose deliveries they would be.
        files: in the order in which they would come.
    """
    create_tables(warehouse.landing, {feed.name: feed})
    for path in files:
        for entry in land_file(warehouse, feed, path):
            if entry.status in ("held", "failed"):
                why = f"{entry.reason}: {entry.detail}"
                yield f"would be {entry.status}  {entry.label}: {why}"


def _header_lines(feed: Feed, entry: Entry) -> Iterator[str]:
    if not entry.header:
        return
    yield f"{entry.label}: layout {entry.layout or 'none'}, in {entry.encoding}"
    if feed.format != "csv":
        return
    sent = next(csv.reader([entry.header]), [])
    by_header = feed.by_header
    known = {canonical(name): by_header.get(canonical(name)) for name in sent}
    renamed = [f"{name} is {known[canonical(name)]}" for name in sent
               if known[canonical(name)] not in (None, name)]  # fmt: skip
    unknown = [name for name in sent if known[canonical(name)] is None]
    missing = [name for name in feed.columns if name not in known.values()]
    for what, names in (
        ("understood", renamed),
        ("kept in _extra, unknown", unknown),
        ("not there", missing),
        ("missing, but required", [n for n in missing if feed.columns[n].required]),
    ):
        if names:
            yield f"  {what}: {', '.join(names)}"


def _value_lines(warehouse: Warehouse, feed: Feed) -> Iterator[str]:
    landing = warehouse.landing
    for name in feed.time_columns:
        time = clock_time(feed, f'"{name}"')
        row = landing.execute(
            f"""
            select
                count("{name}"),
                count({time}),
                list(distinct "{name}") filter (
                    where "{name}" is not null and {time} is null
                )
            from raw.{feed.name}
            """  # noqa: S608
        ).fetchone()
        n_values, n_read, unread = row or (0, 0, [])
        if n_values:
            line = f"  dates of {name}: {n_read:,} of {n_values:,} can be read"
            examples = ", ".join(map(repr, sorted(unread or [])[:_N_EXAMPLES]))
            yield f"{line}; not: {examples}" if examples else line
    if words := null_words(landing, feed):
        yield (
            f"  {', '.join(map(repr, words))} seems to mean no value; if so, add it to "
            "null_markers in feeds.yml"
        )
