"""Deliveries that look wrong as a whole: they are held, with the evidence."""

from datetime import timedelta
from statistics import median

import duckdb

from loaders import ledger
from loaders.errors import DeliveryHeldError
from loaders.feeds import Feed
from loaders.ledger import Entry
from loaders.records import Body
from loaders.times import clock_time

# Suspicious: under half or over twice what its neighbours by as-of hold; asked only
# where there are this many of the same layout.
MIN_NEIGHBOURS = 3
MIN_RATIO, MAX_RATIO = 0.5, 2.0
# A window moves forward: this share of rows before the last one's start is a slip's.
MAX_EARLIER_SHARE = 0.01
ACCEPT_IT = "if that is right, accept it (eventmart accept)"


def hold_if_suspicious(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry, body: Body
) -> None:
    """Raise `DeliveryHeldError`, with the evidence, if the delivery looks wrong."""
    if body.is_cut:
        raise DeliveryHeldError(
            "cut_mid_record",
            f"the last of its {body.n_records} records breaks off: the file was cut; "
            "ask for it again",
        )
    is_stated = entry.as_of_source != "arrival"
    if is_stated and entry.as_of and entry.as_of > entry.started_at + timedelta(days=1):
        raise DeliveryHeldError(
            "as_of_in_the_future",
            f"its as-of {entry.as_of} is later than now: look at the newest dates in it; "
            f"give the right one with --as-of, or {ACCEPT_IT}",
        )
    if feed.window:
        _hold_if_window_goes_back(landing, feed, entry, feed.window.column)
    if entry.mode == "increment":
        return
    sizes = ledger.neighbour_sizes(landing, entry, MIN_NEIGHBOURS)
    if len(sizes) < MIN_NEIGHBOURS:
        return
    n_rows = entry.n_records - entry.n_blank
    ratio = n_rows / median(sizes)
    if not MIN_RATIO <= ratio <= MAX_RATIO:
        raise DeliveryHeldError(
            "shrunk" if ratio < 1 else "exploded",
            f"{n_rows} records, {ratio:.2f} times the {median(sizes):g} of its "
            f"neighbours by as-of; {ACCEPT_IT}",
        )


def _hold_if_window_goes_back(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry, column: str
) -> None:
    last = landing.execute(
        """
        select delivery_seq, as_of, window_start
        from raw.deliveries
        where feed = ? and series = ? and status = 'landed'
        order by as_of desc, delivery_seq desc
        limit 1
        """,
        [entry.feed, entry.series],
    ).fetchone()
    if not last or not entry.as_of or entry.as_of <= last[1]:
        return
    counted = landing.execute(
        f"""
        select
            count(*) filter (where {clock_time(feed, f'"{column}"')} < ?),
            (select count(*) from incoming)
        from incoming_rows
        semi join new_rows using (_place)
        """,  # noqa: S608
        [last[2]],
    ).fetchone()
    n_earlier, n_rows = counted or (0, 0)
    if n_earlier > MAX_EARLIER_SHARE * n_rows:
        raise DeliveryHeldError(
            "earlier_window",
            f"as of {entry.as_of:%Y-%m-%d}, newer than delivery {last[0]} "
            f"({last[1]:%Y-%m-%d}), but {n_earlier} of {n_rows} records are new with a "
            f"{column} before {last[2]}, where that one's window starts: is its as-of "
            f"right, is the feed's window? Or {ACCEPT_IT}",
        )
