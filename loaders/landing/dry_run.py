"""What a delivery would change, found by landing it and taking that back."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryError
from loaders.files.archives import Member
from loaders.files.kept_files import receive, scratch
from loaders.landing import ledger
from loaders.landing.checks.coverage import Dates
from loaders.landing.database import Warehouse, transaction
from loaders.landing.draft import Draft, Received
from loaders.landing.land import draft_of, members_of, prepare, write
from loaders.landing.ledger import Entry
from loaders.sources.base import Offer

N_EXAMPLES = 5
MAX_SHOWN = 60


@dataclass(frozen=True)
class Rehearsal:
    """What a delivery would change, had it landed.

    Attributes:
        entry: as it would stand in the ledger; if it is held, with the counts that it
            would have once accepted.
        before: number, as-of and rows of the delivery before it by as-of, if there is
            one and its absences mean something.
        come: how many row versions it has that the one before has not (an increment:
            that none had), and the first of them, as `line 7: a,b,c`.
        gone: how many that one has and it has not, and the first, by the line on which
            they were first read.
        rejects: the first rejected records: line, reason, detail.
    """

    entry: Entry
    before: tuple[int, datetime, int] | None = None
    come: tuple[int, list[str]] = (0, [])
    gone: tuple[int, list[str]] = (0, [])
    rejects: tuple[tuple[int, str, str], ...] = ()


class _TakenBackError(Exception):
    """Ends a transaction whose outcome has been looked at."""


def rehearse(
    warehouse: Warehouse,
    feed: Feed,
    offer: Offer,
    given: datetime | None = None,
    covers: Dates | None = None,
) -> list[Rehearsal]:
    """Land what an offer delivers, look at what changed, and roll it back.

    The numbers are those of a landing, because it is one. The ledger and the kept bytes
    do not remember it.

    Args:
        warehouse: where it would land.
        feed: whose delivery it is.
        offer: what a source has; a zip may hold several deliveries.
        given: the as-of by the caller's word.
        covers: the dates that it covers by the caller's word.

    Raises:
        DeliveryError: if it cannot be fetched.
    """
    found = []
    with scratch(warehouse.paths.fetched) as folder:
        # Without the stamp of an earlier landing, the source counts as changed.
        fetched = offer.fetch(folder, None)
        try:
            members = members_of(feed, fetched.path) if fetched else []
        except DeliveryError as error:
            # As when it lands: refused, and the others are looked at.
            return [Rehearsal(Entry(feed.name, feed.mode, offer.uri).refused(error))]
        for member in members:
            draft = draft_of(feed, offer.uri, member, given, covers)
            changes = Rehearsal(draft.entry)
            try:
                held, changes = _rehearse(warehouse, feed, draft, member)
                entry = draft.entry.refused(held) if held else draft.entry
            except DeliveryError as error:
                entry = draft.entry.refused(error)
            found.append(replace(changes, entry=entry))
    return found


def _rehearse(
    warehouse: Warehouse, feed: Feed, draft: Draft, member: Member
) -> tuple[DeliveryError | None, Rehearsal]:
    """Why a delivery would be held, if it would, and what it changes once accepted."""
    landing = warehouse.landing
    with scratch(warehouse.paths.spool) as spool:
        with member.open() as stream:
            drop = receive(stream, spool, member.path)
        draft.add(Received(drop.sha256, drop.n_bytes))
        prepared = prepare(warehouse, feed, draft, drop)
        changes = Rehearsal(draft.entry)
        if not prepared:
            return None, changes
        with suppress(_TakenBackError), transaction(landing):
            landed = write(*prepared)
            draft.add(landed)
            ledger.enter(landing, draft.entry)
            changes = _look(landing, feed, draft.entry)
            raise _TakenBackError
        # It is none that could be accepted.
        draft.add(replace(landed, delivery_seq=0))
        return prepared[1].doubts, changes


def _look(landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry) -> Rehearsal:
    """What the open transaction has changed."""
    rejects = landing.execute(
        "select line, reason, detail from raw.rejects where delivery_seq = ? "
        "order by line limit ?",
        [entry.delivery_seq, N_EXAMPLES],
    ).fetchall()
    # Of an increment, absence means nothing: what comes is what nobody had before.
    new = (
        f"select _row_hash, _copy from raw.{feed.name} where _delivery_seq = $seq"  # noqa: S608
        if feed.mode == "increment"
        else "select _row_hash, _copy from raw.presence "
        "where _delivery_seq = $seq and change = '+'"
    )
    gone = (
        "select _row_hash, _copy from raw.presence "
        "where _delivery_seq = $seq and change = '-'"
    )
    before = landing.execute(
        f"""
        select delivery_seq, as_of, n_new + n_known
        from raw.deliveries
        where feed = $feed and series = $series and {ledger.STANDS}
            and mode <> 'increment'
            and covers_from is not distinct from cast($covers_from as date)
            and covers_to is not distinct from cast($covers_to as date)
            and (as_of, delivery_seq) < (cast($as_of as timestamp), $seq)
        order by as_of desc, delivery_seq desc
        limit 1
        """,  # noqa: S608
        entry.place,
    ).fetchone()
    return Rehearsal(
        entry,
        before,
        _rows(landing, feed, new, entry.delivery_seq),
        _rows(landing, feed, gone, entry.delivery_seq),
        tuple(rejects),
    )


def _rows(
    landing: duckdb.DuckDBPyConnection, feed: Feed, keys: str, delivery_seq: int
) -> tuple[int, list[str]]:
    """How many row versions a query of keys finds, and the first of them as text."""
    columns = ", ".join(
        f"'…' as \"{name}\"" if column.personal else f'"{name}"'
        for name, column in feed.columns.items()
    )
    counted = landing.execute(
        f"select count(*) from ({keys})",  # noqa: S608
        {"seq": delivery_seq},
    ).fetchone()
    rows = landing.execute(
        f"""
        select _line, {columns}
        from raw.{feed.name}
        inner join ({keys}) using (_row_hash, _copy)
        order by _line, _delivery_seq
        limit {N_EXAMPLES}
        """,  # noqa: S608
        {"seq": delivery_seq},
    ).fetchall()
    return (
        int(counted[0]) if counted else 0,
        [f"line {line}: {','.join(map(_shown, values))}" for line, *values in rows],
    )


def _shown(value: str | None) -> str:
    """A value, no longer than people read: the outline of a place fills pages."""
    text = value or ""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
