"""Land deliveries: each physical record once, and each delivery as a change.

The raw tables hold each distinct row version once. `raw.presence` says of each delivery
which row versions came (`+`) and went (`-`) against the delivery before it by as-of, so
that P(k), the rows of delivery k, is a running sum. A delivery takes its place by as-of,
whenever it arrives: its own delta and that of the next one are written, and nothing else.
An increment has only `+`, for rows that were known already: it holds these, and the raw
rows that were first read in it.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from loaders.config.feeds import Feed
from loaders.disk import NO_SPACE, check_space, opened
from loaders.errors import DeliveryError, UsageError
from loaders.files.archives import Member, members
from loaders.files.kept_files import Drop, keeping, kept, receive, scratch
from loaders.landing import ledger
from loaders.landing.as_of import found_as_of, stated_as_of
from loaders.landing.checks.anomalies import Verdict, judge
from loaders.landing.checks.coverage import (
    Dates,
    found_coverage,
    stated_coverage,
    window_start,
)
from loaders.landing.checks.ids import id_questions, judge_ids
from loaders.landing.checks.neighbors import write_deltas
from loaders.landing.checks.unread import (
    blank_questions,
    find_blanks,
    judge_rejects,
    judge_times,
    time_questions,
)
from loaders.landing.database import Warehouse, transaction
from loaders.landing.draft import (
    Acceptance,
    AsOf,
    Coverage,
    Draft,
    Landed,
    Origin,
    Outcome,
    Received,
)
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
    try:
        stamp, found = stamp_of(path), members_of(feed, path)
    except OSError as error:
        draft = Draft(Origin(feed.name, feed.mode, uri))
        unreadable = DeliveryError("unreadable", f"{path}: {error.strerror}")
        return [_refuse(warehouse.landing, draft, unreadable)]
    except DeliveryError as error:
        draft = Draft(Origin(feed.name, feed.mode, uri))
        if error.reason not in _UNKEPT:
            with scratch(warehouse.paths.spool) as spool, opened(path) as stream:
                drop = receive(stream, spool, path)
                with keeping(drop, warehouse.paths.drops):
                    pass
            draft.add(Received(drop.sha256, drop.n_bytes))
        return [_refuse(warehouse.landing, draft, error)]
    return [
        _land(warehouse, feed, draft_of(feed, uri, member, given, covers), member, stamp)
        for member in found
    ]


def draft_of(
    feed: Feed,
    uri: str,
    member: Member,
    given: datetime | None,
    covers: Dates | None,
) -> Draft:
    """What is known of a delivery before it is read: by the caller's word, and by name."""
    notes = (member.notice,) if member.notice else ()
    origin = Origin(feed.name, feed.mode, uri, member.name, notes)
    draft = Draft(origin)
    draft.add(stated_as_of(feed, origin, given))
    draft.add(stated_coverage(feed, origin, covers))
    return draft


def members_of(feed: Feed, path: Path) -> list[Member]:
    """The members of a delivered file that are the feed's: see `members`."""
    is_csv = feed.format == "csv"
    header = (lambda opening: header_of(feed, opening)) if is_csv else None
    return members(path, feed.member, feed.limits, header)


def accept(
    warehouse: Warehouse, feeds: dict[str, Feed], delivery_seq: int, by: str, why: str
) -> Entry:
    """Land a held delivery from its kept bytes, accepted by a person.

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
    accepted = replace(said, parent_seq=delivery_seq, accepted_by=by, accepted_why=why)
    return land_kept(warehouse, feeds, accepted)


def land_kept(warehouse: Warehouse, feeds: dict[str, Feed], said: Entry) -> Entry:
    """Land kept bytes as recorded in an entry: place, dates, who accepted them.

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
    feed = feeds[said.feed]
    draft = Draft(Origin(feed.name, feed.mode, said.uri, said.member))
    draft.add(Acceptance(said.parent_seq, said.accepted_by, said.accepted_why))
    # Its as-of is the day that was given or on which it arrived, not today.
    if said.as_of_source != "newest":
        draft.add(AsOf(said.as_of, said.as_of_source))
    draft.add(Coverage(said.covers_from, said.covers_to, said.covers_source))
    return _land(warehouse, feed, draft, Member(path))


# ---------------------------------------------------------------- one delivery


def _land(
    warehouse: Warehouse,
    feed: Feed,
    draft: Draft,
    member: Member,
    stamp: str | None = None,
) -> Entry:
    landing = warehouse.landing
    with scratch(warehouse.paths.spool) as spool:
        try:
            with member.open() as stream:
                drop = receive(stream, spool, member.path)
            draft.add(Received(drop.sha256, drop.n_bytes))
            if stamp and not is_as_stamped(member.path, stamp):
                raise DeliveryError(
                    "being_written",
                    f"{member.label}: changed while it was read; nothing of it landed; it "
                    "is tried again when it has stopped changing",
                )
            with keeping(drop, warehouse.paths.drops) as settle:
                prepared = prepare(warehouse, feed, draft, drop)
                if prepared:
                    doubts = prepared[1].doubts
                    if doubts and not draft.entry.accepted_by:
                        raise doubts
                settle()
                with transaction(landing):
                    if prepared:
                        draft.add(write(*prepared))
                    return ledger.enter(landing, draft.entry)
        except DeliveryError as error:
            if error.reason == NO_SPACE:
                raise  # It is tried again as soon as there may be.
            return _refuse(landing, draft, error)


def prepare(
    warehouse: Warehouse, feed: Feed, draft: Draft, drop: Drop
) -> tuple[ParsedDelivery, Verdict] | None:
    """Parse a delivery, give it its place and judge it; None if it has nothing to land.

    Raises:
        DeliveryError: if it cannot be read.
        DeliveryHeldError: if too little of it can, or its ids are damaged, and nobody has
            accepted that.
    """
    landing = warehouse.landing
    if seen := ledger.seen_again(landing, draft.entry):
        draft.add(seen)
        return None
    if drop.n_bytes == 0:
        draft.add(Outcome("empty", "no_bytes"))
        return None
    # Its rows, or a copy of its text, take about as much again.
    check_space(warehouse.paths.data, drop.n_bytes, draft.entry.uri)
    parsed = parse(landing, feed, draft, drop.plain)
    if parsed.body.n_records == parsed.body.n_blank:
        draft.add(Outcome("empty", "no_rows"))
        return None
    draft.add(judge_rejects(landing, draft.entry, parsed.body))
    # Each check looks at the answers to its own questions: the rows are read once for all.
    parsed.ask(*time_questions(parsed), *blank_questions(parsed), *id_questions(parsed))
    draft.add(judge_times(draft.entry, parsed))
    draft.add(find_blanks(parsed))
    if draft.entry.as_of is None:
        draft.add(found_as_of(draft.entry, parsed))
    draft.add(found_coverage(draft.entry, parsed))
    draft.add(window_start(feed, draft.entry))
    ids, damaged = judge_ids(draft.entry, parsed)
    draft.add(ids)
    if damaged:
        raise damaged
    verdict = judge(draft.entry, parsed)
    draft.add(verdict.found)
    return parsed, verdict


def _refuse(
    landing: duckdb.DuckDBPyConnection, draft: Draft, error: DeliveryError
) -> Entry:
    return ledger.enter(landing, draft.entry.refused(error))


# ---------------------------------------------------------------- writing


def write(parsed: ParsedDelivery, verdict: Verdict) -> Landed:
    """Write new row versions, presence and rejects, in the open transaction."""
    feed = parsed.feed
    landing = parsed.landing
    numbers = delivery_seq, change_seq = ledger.next_numbers(landing)
    n_new, n_absent = parsed.insert_new(*numbers), 0
    n_known = parsed.n_rows - n_new
    if feed.mode == "increment" and n_known:
        # Rows that it brings first are known from the raw rows themselves.
        landing.execute(
            "insert into raw.presence "  # noqa: S608
            f"select ?, _row_hash, _copy, ?, '+', ? from {parsed.known}",
            [feed.name, *numbers],
        )
    if neighbors := verdict.neighbors:
        n_absent = write_deltas(landing, feed.name, numbers, parsed.hashes, neighbors)
    if n_known:
        mark_rows(landing, feed.name, change_seq, parsed.hashes)
    insert_rejects(parsed, delivery_seq)
    parsed.remember_lines()
    return Landed(*numbers, n_new, n_known, n_absent)


def insert_rejects(parsed: ParsedDelivery, delivery_seq: int) -> None:
    """Write the records that were not read, with their raw bytes and the reason."""
    body = parsed.body
    if not body.rejects:
        return
    parsed.landing.execute(
        f"""
        insert into raw.rejects
        select ?, ?, line, byte_offset, unhex(raw), reason, detail
        from {rejects_of(body)}
        """,  # noqa: S608
        [delivery_seq, parsed.feed.name, str(body.rejects)],
    )
