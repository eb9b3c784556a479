"""Land deliveries: each physical record once, and each delivery as a change.

The raw tables hold each distinct row version once. `raw.presence` says of each delivery
which row versions came (`+`) and went (`-`) against the delivery before it by as-of, so
that P(k), the rows of delivery k, is a running sum; an increment has only `+`. A delivery
takes its place by as-of, whenever it arrives: its own delta and that of the next one
are written, and nothing else.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import duckdb

from loaders import ledger
from loaders.drops import Drop, keep, kept, scratch
from loaders.errors import DeliveryError, DeliveryHeldError, UsageError
from loaders.feeds import Feed
from loaders.fetch import Stamp
from loaders.ledger import Entry
from loaders.parse import literal, parse
from loaders.paths import Paths
from loaders.read import Body
from loaders.unpack import Member, members
from loaders.warehouse import check_space

# Suspicious: under half or over twice what its neighbours by as-of hold; asked only
# where there are this many of the same layout.
MIN_NEIGHBOURS = 3
MIN_RATIO, MAX_RATIO = 0.5, 2.0


@dataclass(frozen=True)
class Warehouse:
    """The loader's database, open for writing, and where its files stand."""

    landing: duckdb.DuckDBPyConnection
    paths: Paths


def land_file(
    warehouse: Warehouse, feed: Feed, path: Path, given: datetime | None = None
) -> list[Entry]:
    """Land what a file delivers: each member in one transaction with its ledger row.

    Args:
        warehouse: where to.
        feed: whose delivery it is.
        path: the file; a zip may hold several deliveries.
        given: the as-of by the caller's word, on the feed's clock.

    Returns:
        The ledger's entries, landed or not. A file that cannot be opened as what it
        says it is gets an entry of its own.
    """
    entry = Entry(feed.name, feed.mode, str(path))
    try:
        stamp, found = Stamp.of(path), members(path, feed.member)
    except OSError as error:
        unreadable = DeliveryError("unreadable", f"{path}: {error.strerror}")
        _refuse(warehouse.landing, entry, unreadable)
        return [entry]
    except DeliveryError as error:
        with scratch(warehouse.paths.spool) as spool, path.open("rb") as stream:
            _describe(entry, keep(stream, warehouse.paths.drops, spool))
        _refuse(warehouse.landing, entry, error)
        return [entry]
    entries = []
    for member in found:
        entry = Entry(feed.name, feed.mode, str(path), member.name)
        entry.as_of, entry.as_of_source = _stated_as_of(feed, entry, given)
        _land(warehouse, feed, entry, member)
        entries.append(entry)
    if all(entry.status in ledger.SETTLED for entry in entries):
        ledger.put_stamp(warehouse.landing, feed.name, path, stamp)
    return entries


def accept(
    warehouse: Warehouse, feeds: dict[str, Feed], delivery_seq: int, by: str, why: str
) -> Entry:
    """Land a held delivery from its kept bytes, by somebody's word.

    Raises:
        UsageError: if it is not held, was accepted before, or its bytes have expired.
    """
    row = warehouse.landing.execute(
        """
        select feed, uri, member, sha256, as_of, as_of_source
        from raw.deliveries as held
        where delivery_seq = ? and status = 'held' and not exists (
            select 1 from raw.deliveries as later
            where later.parent_seq = held.delivery_seq and later.status = 'landed'
        )
        """,
        [delivery_seq],
    ).fetchone()
    if row is None:
        raise UsageError(f"delivery {delivery_seq} is not held (any more)")
    feed, uri, member, sha256, as_of, as_of_source = row
    if feed not in feeds:
        raise UsageError(f"delivery {delivery_seq}: its feed {feed} is not in feeds.yml")
    path = kept(warehouse.paths.drops, sha256)
    if path is None:
        raise UsageError(f"delivery {delivery_seq}: its kept bytes have expired")
    entry = Entry(feed, feeds[feed].mode, uri, member, parent_seq=delivery_seq)
    entry.accepted_by, entry.accepted_why = by, why
    # It speaks for the day it was given for or arrived on, not for today.
    if as_of_source != "newest":
        entry.as_of, entry.as_of_source = as_of, as_of_source
    _land(warehouse, feeds[feed], entry, Member(path, None))
    return entry


# ---------------------------------------------------------------- one delivery


def _land(warehouse: Warehouse, feed: Feed, entry: Entry, member: Member) -> None:
    landing = warehouse.landing
    with scratch(warehouse.paths.spool) as spool:
        try:
            with member.open() as stream:
                drop = keep(stream, warehouse.paths.drops, spool)
            _describe(entry, drop)
            _land_drop(warehouse, feed, entry, drop)
        except DeliveryError as error:
            _refuse(landing, entry, error)


def _land_drop(warehouse: Warehouse, feed: Feed, entry: Entry, drop: Drop) -> None:
    landing = warehouse.landing
    if ledger.copy_if_seen(landing, entry):
        ledger.enter(landing, entry)
        return
    if drop.n_bytes == 0:
        entry.status, entry.reason = "empty", "no_bytes"
        ledger.enter(landing, entry)
        return
    # Its rows, or a copy of its text, take about as much again.
    check_space(warehouse.paths.data, drop.n_bytes)
    body = parse(landing, feed, entry, drop.plain)
    if body.n_records == body.n_blank:
        entry.status, entry.reason = "empty", "no_rows"
        ledger.enter(landing, entry)
        return
    if entry.as_of is None:
        entry.as_of, entry.as_of_source = _found_as_of(landing, feed, entry)
    entry.window_start = feed.window.start(entry.as_of) if feed.window else None
    if not entry.accepted_by:
        _hold_if_suspicious(landing, entry, body)
    landing.execute("begin")
    try:
        _write(landing, feed, entry, body)
        ledger.enter(landing, entry)
        landing.execute("commit")
    except BaseException:
        # After a failed commit there is no transaction left to roll back.
        with suppress(duckdb.Error):
            landing.execute("rollback")
        raise


def _describe(entry: Entry, drop: Drop) -> None:
    entry.sha256, entry.n_bytes = drop.sha256, drop.n_bytes


def _refuse(landing: duckdb.DuckDBPyConnection, entry: Entry, error: DeliveryError) -> None:
    entry.status = "held" if isinstance(error, DeliveryHeldError) else "failed"
    entry.reason, entry.detail = error.reason, error.detail
    ledger.enter(landing, entry)


# ---------------------------------------------------------------- as-of and doubt


def _stated_as_of(
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


def _found_as_of(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry
) -> tuple[datetime, str]:
    """The newest event in the delivery, or the time of landing where a feed says so."""
    moments = []
    for name in feed.as_of.newest:
        tries = [
            f'try(make_timestamp(try_cast("{name}" as bigint) * 1000))'
            if form == "epoch_ms"
            else f'cast(try_strptime("{name}", {literal(form)}) as timestamp)'
            for form in feed.as_of.formats
        ]
        moments.append(f"coalesce({', '.join(tries)})")
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


def _hold_if_suspicious(
    landing: duckdb.DuckDBPyConnection, entry: Entry, body: Body
) -> None:
    """Raise `DeliveryHeldError`, with the evidence, if the delivery looks wrong."""
    accept_it = "if that is right, accept it (eventmart accept)"
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
            f"give the right one with --as-of, or {accept_it}",
        )
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
            f"neighbours by as-of; {accept_it}",
        )


# ---------------------------------------------------------------- writing


def _write(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry, body: Body
) -> None:
    """Write new row versions, presence and rejects, in the open transaction."""
    entry.status = "landed"
    entry.delivery_seq, entry.change_seq = ledger.next_numbers(landing)
    columns = ", ".join(f'"{name}"' for name in feed.columns)
    entry.n_new = _count(
        landing.execute(
            f"""
            insert into raw.{feed.name} by name
            select
                _row_hash, _copy, {columns}, _extra, _line,
                cast(? as bigint) as _delivery_seq, cast(? as bigint) as _change_seq
            from incoming
            anti join raw.{feed.name} using (_row_hash, _copy)
            """,  # noqa: S608
            [entry.delivery_seq, entry.change_seq],
        )
    )
    n_good = entry.n_records - entry.n_rejected - entry.n_blank
    entry.n_known = n_good - entry.n_new
    if feed.mode == "increment":
        landing.execute(
            "insert into raw.presence select ?, _row_hash, _copy, ?, '+', ? from incoming",
            [feed.name, entry.delivery_seq, entry.change_seq],
        )
    else:
        entry.n_absent = _write_deltas(landing, entry)
    if body.rejects:
        landing.execute(
            f"""
            insert into raw.rejects
            select ?, ?, line, byte_offset, unhex(raw), reason, detail
            from read_csv(
                ?, auto_detect = false, header = false, columns = {{
                    'line': 'BIGINT', 'byte_offset': 'BIGINT', 'raw': 'VARCHAR',
                    'reason': 'VARCHAR', 'detail': 'VARCHAR'
                }}, delim = ',', quote = '"',
                max_line_size = {2 * body.longest_reject + 1000}
            )
            """,  # noqa: S608
            [entry.delivery_seq, entry.feed, str(body.rejects)],
        )


def _write_deltas(landing: duckdb.DuckDBPyConnection, entry: Entry) -> int:
    """Write the delta of this delivery, and rewrite that of the next one by as-of.

    Returns how many rows of the delivery before are absent from this one.
    """
    place = {"feed": entry.feed, "series": entry.series, "as_of": entry.as_of}
    # Ties in as-of go by arrival, and this one has arrived last.
    landing.execute(
        """
        create or replace temporary table rows_before as
        select presence._row_hash, presence._copy
        from raw.presence
        inner join raw.deliveries on presence._delivery_seq = deliveries.delivery_seq
        where presence.feed = $feed and deliveries.series = $series
            and deliveries.as_of <= $as_of
        group by presence._row_hash, presence._copy
        having sum(case presence.change when '+' then 1 else -1 end) > 0
        """,
        place,
    )
    following = landing.execute(
        """
        select delivery_seq
        from raw.deliveries
        where feed = $feed and series = $series and status = 'landed' and as_of > $as_of
        order by as_of, delivery_seq
        limit 1
        """,
        place,
    ).fetchone()
    if following:
        landing.execute(
            """
            create or replace temporary table rows_after as
            select _row_hash, _copy from rows_before
            anti join (
                select _row_hash, _copy from raw.presence
                where _delivery_seq = $next and change = '-'
            ) using (_row_hash, _copy)
            union all
            select _row_hash, _copy from raw.presence
            where _delivery_seq = $next and change = '+'
            """,
            {"next": following[0]},
        )
        landing.execute("delete from raw.presence where _delivery_seq = ?", following)
        _write_delta(landing, entry, following[0], "rows_after", "incoming", "+")
        _write_delta(landing, entry, following[0], "incoming", "rows_after", "-")
    _write_delta(landing, entry, entry.delivery_seq, "incoming", "rows_before", "+")
    return _write_delta(landing, entry, entry.delivery_seq, "rows_before", "incoming", "-")


def _write_delta(
    landing: duckdb.DuckDBPyConnection,
    entry: Entry,
    delivery_seq: int,
    these: str,
    but_not_those: str,
    change: str,
) -> int:
    return _count(
        landing.execute(
            f"""
            insert into raw.presence
            select ?, _row_hash, _copy, ?, ?, ?
            from {these}
            anti join {but_not_those} using (_row_hash, _copy)
            """,  # noqa: S608
            [entry.feed, delivery_seq, change, entry.change_seq],
        )
    )


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
