"""Land deliveries: each physical record once, and each delivery as a change.

The raw tables hold each distinct row version once. `raw.presence` says of each delivery
which row versions came (`+`) and went (`-`) against the delivery before it by as-of, so
that P(k), the rows of delivery k, is a running sum. A delivery takes its place by as-of,
whenever it arrives: its own delta and that of the next one are written, and nothing else.
An increment has only `+`, for rows that were known already: it holds these, and the raw
rows that were first read in it.
"""

from datetime import datetime
from pathlib import Path

import duckdb

from loaders.config.feeds import Feed
from loaders.disk import NO_SPACE, check_space, opened
from loaders.errors import DeliveryError, UsageError
from loaders.files.archives import Member, members
from loaders.files.csv_records import Body
from loaders.files.kept_files import Drop, keeping, kept, receive, scratch
from loaders.landing import ledger
from loaders.landing.as_of import found_as_of, stated_as_of
from loaders.landing.checks.anomalies import judge
from loaders.landing.checks.coverage import Dates, find_coverage, state_coverage
from loaders.landing.checks.ids import judge_ids
from loaders.landing.checks.neighbors import Neighbors, write_deltas
from loaders.landing.checks.unread import judge_rejects, judge_times, note_blanks
from loaders.landing.database import Warehouse, transaction
from loaders.landing.header import header_of
from loaders.landing.ledger import Entry
from loaders.landing.parse import parse
from loaders.landing.parsed_delivery import ParsedDelivery
from loaders.landing.presence import mark_rows
from loaders.landing.rejects import rejects_of
from loaders.sources.local import is_as_stamped, stamp_of, uri_of

# Of these there are no bytes to keep, or too many.
_UNKEPT = ("not_a_file", "too_large")


def land_file(
    warehouse: Warehouse,
    feed: Feed,
    path: Path,
    given: datetime | None = None,
    *,
    uri: str | None = None,
    covers: Dates | None = None,
) -> list[Entry]:
    """Land what a file delivers: each member in one transaction with its ledger row.

    Args:
        warehouse: where to.
        feed: whose delivery it is.
        path: the file, without a link in its path; a zip may hold several deliveries.
        given: the as-of by the caller's word, on the feed's clock.
        uri: what the ledger calls it, if that is not its path.
        covers: the first and the last date that it covers, by the caller's word.

    Returns:
        The ledger's entries, landed or not. A file that cannot be opened as what it
        says it is gets an entry of its own.
    """
    uri = uri or uri_of(path)
    entry = Entry(feed.name, feed.mode, uri)
    try:
        stamp, found = stamp_of(path), members_of(feed, path)
    except OSError as error:
        unreadable = DeliveryError("unreadable", f"{path}: {error.strerror}")
        _refuse(warehouse.landing, entry, unreadable)
        return [entry]
    except DeliveryError as error:
        if error.reason not in _UNKEPT:
            with scratch(warehouse.paths.spool) as spool, opened(path) as stream:
                drop = receive(stream, spool, path)
                with keeping(drop, warehouse.paths.drops):
                    pass
            entry.sha256, entry.n_bytes = drop.sha256, drop.n_bytes
        _refuse(warehouse.landing, entry, error)
        return [entry]
    entries = []
    for member in found:
        entry = Entry(feed.name, feed.mode, uri, member.name)
        entry.detail = member.notice
        entry.as_of, entry.as_of_source = stated_as_of(feed, entry, given)
        state_coverage(feed, entry, covers)
        _land(warehouse, feed, entry, member, stamp)
        entries.append(entry)
    return entries


def members_of(feed: Feed, path: Path) -> list[Member]:
    """The members of a delivered file that are the feed's: see `members`."""
    is_csv = feed.format == "csv"
    header = (lambda opening: header_of(feed, opening)) if is_csv else None
    return members(path, feed.member, feed.limits, header)


def accept(
    warehouse: Warehouse, feeds: dict[str, Feed], delivery_seq: int, by: str, why: str
) -> Entry:
    """Land a held delivery from its kept bytes, by somebody's word.

    Raises:
        UsageError: if it is not held, was accepted before, or its bytes have expired.
    """
    held = warehouse.landing.execute(
        """
        from raw.deliveries as held
        where delivery_seq = ? and status = 'held' and not exists (
            select 1 from raw.deliveries as later
            where later.parent_seq = held.delivery_seq and later.status = 'landed'
        )
        """,
        [delivery_seq],
    ).fetchone()
    if held is None:
        raise UsageError(f"delivery {delivery_seq} is not held, or not any more")
    said = ledger.entry_of(warehouse.landing, delivery_seq)
    said.parent_seq, said.accepted_by, said.accepted_why = delivery_seq, by, why
    return land_kept(warehouse, feeds, said)


def land_kept(warehouse: Warehouse, feeds: dict[str, Feed], said: Entry) -> Entry:
    """Land kept bytes as what an entry says of them: place, dates, by whose word.

    Raises:
        UsageError: if they have expired, or there is no such feed any more.
    """
    if said.feed not in feeds:
        raise UsageError(
            f"delivery {said.delivery_seq}: its feed {said.feed} is not in feeds.yml"
        )
    path = kept(warehouse.paths.drops, said.sha256 or "")
    if path is None:
        raise UsageError(f"delivery {said.delivery_seq}: its kept bytes have expired")
    entry = Entry(said.feed, feeds[said.feed].mode, said.uri, said.member)
    entry.parent_seq = said.parent_seq
    entry.accepted_by, entry.accepted_why = said.accepted_by, said.accepted_why
    # It speaks for the day it was given for or arrived on, not for today.
    if said.as_of_source != "newest":
        entry.as_of, entry.as_of_source = said.as_of, said.as_of_source
    entry.covers_from, entry.covers_to = said.covers_from, said.covers_to
    entry.covers_source = said.covers_source
    _land(warehouse, feeds[said.feed], entry, Member(path))
    return entry


# ---------------------------------------------------------------- one delivery


def _land(
    warehouse: Warehouse,
    feed: Feed,
    entry: Entry,
    member: Member,
    stamp: str | None = None,
) -> None:
    landing = warehouse.landing
    with scratch(warehouse.paths.spool) as spool:
        try:
            with member.open() as stream:
                drop = receive(stream, spool, member.path)
            entry.sha256, entry.n_bytes = drop.sha256, drop.n_bytes
            if stamp and not is_as_stamped(member.path, stamp):
                raise DeliveryError(
                    "being_written",
                    f"{member.label}: changed while it was read; nothing of it landed; it "
                    "is tried again when it has stopped changing",
                )
            with keeping(drop, warehouse.paths.drops) as settle:
                parsed = prepare(warehouse, feed, entry, drop)
                neighbors = None
                if parsed:
                    neighbors, doubts = judge(landing, feed, entry, parsed)
                    if doubts and not entry.accepted_by:
                        raise doubts
                settle()
                with transaction(landing):
                    if parsed:
                        write(landing, feed, entry, parsed, neighbors)
                    ledger.enter(landing, entry)
        except DeliveryError as error:
            if error.reason == NO_SPACE:
                raise  # It is tried again as soon as there may be.
            _refuse(landing, entry, error)


def prepare(
    warehouse: Warehouse, feed: Feed, entry: Entry, drop: Drop
) -> ParsedDelivery | None:
    """Parse a delivery and give it its place; None if it has nothing to land.

    Raises:
        DeliveryError: if it cannot be read.
        DeliveryHeldError: if too little of it can, or its ids are damaged, and nobody has
            accepted that.
    """
    landing = warehouse.landing
    if ledger.copy_if_seen(landing, entry):
        return None
    if drop.n_bytes == 0:
        entry.status, entry.reason = "empty", "no_bytes"
        return None
    # Its rows, or a copy of its text, take about as much again.
    check_space(warehouse.paths.data, drop.n_bytes, entry.uri)
    parsed = parse(landing, feed, entry, drop.plain)
    if parsed.body.n_records == parsed.body.n_blank:
        entry.status, entry.reason = "empty", "no_rows"
        return None
    judge_rejects(landing, entry, parsed.body)
    judge_times(landing, feed, entry, parsed)
    note_blanks(landing, feed, entry, parsed)
    if entry.as_of is None:
        entry.as_of, entry.as_of_source = found_as_of(landing, feed, entry, parsed)
    find_coverage(landing, feed, entry, parsed)
    judge_ids(landing, feed, entry, parsed)
    return parsed


def _refuse(landing: duckdb.DuckDBPyConnection, entry: Entry, error: DeliveryError) -> None:
    entry.refuse(error)
    ledger.enter(landing, entry)


# ---------------------------------------------------------------- writing


def write(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    entry: Entry,
    parsed: ParsedDelivery,
    neighbors: Neighbors | None,
) -> None:
    """Write new row versions, presence and rejects, in the open transaction."""
    entry.status = "landed"
    entry.delivery_seq, entry.change_seq = ledger.next_numbers(landing)
    entry.n_new = parsed.insert_new(entry.delivery_seq, entry.change_seq)
    entry.n_known = parsed.n_rows - entry.n_new
    if feed.mode == "increment" and entry.n_known:
        # Of what it brings first, the raw rows themselves say so.
        landing.execute(
            "insert into raw.presence "  # noqa: S608
            f"select ?, _row_hash, _copy, ?, '+', ? from {parsed.known}",
            [feed.name, entry.delivery_seq, entry.change_seq],
        )
    if neighbors:
        entry.n_absent = write_deltas(
            landing, entry, entry.change_seq, parsed.hashes, neighbors
        )
    mark_rows(landing, feed.name, entry.change_seq, parsed.hashes)
    insert_rejects(landing, entry, parsed.body)
    parsed.remember_lines()


def insert_rejects(landing: duckdb.DuckDBPyConnection, entry: Entry, body: Body) -> None:
    """Write the records that were not read, with their raw bytes and the reason."""
    if not body.rejects:
        return
    landing.execute(
        f"""
        insert into raw.rejects
        select ?, ?, line, byte_offset, unhex(raw), reason, detail
        from {rejects_of(body)}
        """,  # noqa: S608
        [entry.delivery_seq, entry.feed, str(body.rejects)],
    )
