"""Land rejected records that pass by the feed's present settings, from the kept bytes.

A replay is a ledger entry of its own, `replayed`, whose parent is the delivery that the
records belong to: their rows take their place in it, as if they had passed at once. The
parent's entry and its rejects stay as they were; what a replay rejects still are its own
rejects, so the open ones of a delivery are those of its last replay, or else its own.
"""

from dataclasses import replace

from loaders.config.feeds import Feed
from loaders.errors import EventmartError, UsageError
from loaders.files.kept_files import kept, restore, scratch
from loaders.landing import ledger
from loaders.landing.checks.neighbors import look_around, rows_of, write_deltas
from loaders.landing.database import Warehouse, transaction
from loaders.landing.draft import Draft, Landed, Origin
from loaders.landing.land import insert_rejects
from loaders.landing.ledger import Entry
from loaders.landing.parse import parse
from loaders.landing.parsed_delivery import ParsedDelivery
from loaders.landing.presence import mark_rows

# What an entry has of the delivery whose records are replayed.
_AS_ITS_PARENT = (
    *("sha256", "n_bytes", "as_of", "as_of_source", "window_start"),
    *("covers_from", "covers_to", "covers_source"),
)


def replay(
    warehouse: Warehouse, feed: Feed, delivery_seq: int | None = None
) -> list[Entry]:
    """Replay the open rejects of a feed's deliveries.

    Args:
        warehouse: where to.
        feed: the settings to read by.
        delivery_seq: one delivery, by the number it landed with; all if None.

    Returns:
        An entry per delivery of which records passed now. One of which none did is left
        alone: nothing is written about it.

    Raises:
        UsageError: if the delivery has no open rejects, or kept bytes have expired.
        EventmartError: if rows that landed would now be read as other ones.
    """
    open_rejects = warehouse.landing.execute(
        """
        select landed_seq, count(*)
        from raw.open_rejects
        where feed = ? and landed_seq = coalesce(?, landed_seq)
        group by landed_seq
        order by landed_seq
        """,
        [feed.name, delivery_seq],
    ).fetchall()
    if delivery_seq and not open_rejects:
        raise UsageError(f"delivery {delivery_seq} of {feed.name} has no open rejects")
    entries = (_replay(warehouse, feed, seq, count) for seq, count in open_rejects)
    return [entry for entry in entries if entry]


def _replay(warehouse: Warehouse, feed: Feed, landed_seq: int, n_open: int) -> Entry | None:
    landing = warehouse.landing
    parent = ledger.entry_of(landing, landed_seq)
    draft = Draft(Origin(feed.name, parent.mode, parent.uri, parent.member))
    drop = kept(warehouse.paths.drops, parent.sha256 or "")
    if drop is None:
        raise UsageError(f"delivery {landed_seq}: its kept bytes have expired")
    with scratch(warehouse.paths.spool) as spool:
        parsed = parse(landing, feed, draft, restore(drop, spool / "plain"))
        held = rows_of(landing, parent)
        n_passed = _count_passed(parsed, held)
        read = draft.entry
        if read.series != parent.series or n_passed != n_open - parsed.body.n_rejected:
            raise EventmartError(
                f"delivery {landed_seq} of {feed.name}: with the present settings, rows "
                "that have landed would be read differently too, not only rejected "
                "records; nothing was replayed. Undo changes in feeds.yml that the "
                "rejected records do not need"
            )
        if n_passed == 0:
            return None
        known = {name: getattr(parent, name) for name in _AS_ITS_PARENT}
        entry = replace(read, **known, parent_seq=landed_seq, n_records=n_open, n_blank=0)
        with transaction(landing):
            landed = _write(parent, parsed, held, n_passed)
            return ledger.enter(landing, replace(entry, **vars(landed)))


def _write(parent: Entry, parsed: ParsedDelivery, held: str, n_passed: int) -> Landed:
    """Write what a delivery holds now beside the rows that it held, as of it."""
    landing, feed = parsed.landing, parsed.feed.name
    seq, change_seq = ledger.next_numbers(landing)
    of_parent = parent.delivery_seq, change_seq
    n_new = parsed.insert_new(seq, change_seq)
    if parent.mode == "increment":
        landing.execute(
            f"""
            insert into raw.presence
            select ?, _row_hash, _copy, ?, '+', ?
            from {parsed.hashes}
            anti join {held} using (_row_hash, _copy)
            """,  # noqa: S608
            [feed, *of_parent],
        )
    else:
        neighbors = look_around(landing, parent)
        write_deltas(landing, feed, of_parent, parsed.hashes, neighbors)
    mark_rows(landing, feed, change_seq, parsed.hashes)
    insert_rejects(parsed, seq)
    return Landed(seq, change_seq, n_new, n_passed - n_new, 0, "replayed")


def _count_passed(parsed: ParsedDelivery, held: str) -> int | None:
    """Rows that are read now and were not before; None if one is not read any more."""
    landing = parsed.landing
    row = landing.execute(
        f"""
        select
            (select count(*) from {held}),
            (
                select count(*)
                from {held}
                semi join {parsed.hashes} using (_row_hash, _copy)
            )
        """  # noqa: S608
    ).fetchone()
    n_held, n_read_again = row or (0, 0)
    return parsed.n_rows - n_held if n_read_again == n_held else None
