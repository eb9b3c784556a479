"""Take a delivery that has landed out again, or put it back: decisions of a person.

Either is a ledger entry of its own, whose parent is the delivery: that one's entry, its raw
rows and its rejects stay. While it is withdrawn, everything is as if it had not landed:

- its rows in `raw.presence` have the change number 0. Of a window or a list these are all
  that it holds, each with a `+`, and the next of its chain is kept as its change against
  the one before it;
- raw rows that no other delivery holds have that number, too; one that is delivered again
  gets that delivery's.
"""

from dataclasses import replace

from loaders.errors import UsageError
from loaders.landing import ledger
from loaders.landing.checks.neighbors import look_around, rows_of, write_deltas
from loaders.landing.database import Warehouse, transaction
from loaders.landing.ledger import WITHDRAWAL, WITHDRAWAL_UNDONE, Entry
from loaders.landing.presence import mark_all


def withdraw(warehouse: Warehouse, delivery_seq: int, by: str, why: str) -> Entry:
    """Take a delivery out.

    Raises:
        UsageError: if it has not landed, or is withdrawn already.
    """
    entry = _entry(warehouse, delivery_seq, WITHDRAWAL, by, why)
    landing, parent = warehouse.landing, ledger.entry_of(warehouse.landing, delivery_seq)
    with transaction(landing):
        seq, change_seq = ledger.next_numbers(landing)
        if parent.mode != "increment":
            rows = rows_of(landing, parent)
            neighbors = look_around(landing, parent)
            # As the delivery before it, it changes nothing; the next one follows on that.
            before = neighbors.rows_before
            write_deltas(
                landing, parent.feed, (delivery_seq, change_seq), before, neighbors
            )
            landing.execute(
                "insert into raw.presence "  # noqa: S608
                f"select ?, _row_hash, _copy, ?, '+', 0 from {rows}",
                [parent.feed, delivery_seq],
            )
        landing.execute(
            "update raw.presence set _change_seq = 0 where _delivery_seq = ?",
            [delivery_seq],
        )
        entry = replace(entry, delivery_seq=seq, change_seq=change_seq)
        entry = ledger.enter(landing, entry)
        mark_all(landing, parent.feed, change_seq)
    return entry


def undo(warehouse: Warehouse, delivery_seq: int, by: str, why: str) -> Entry:
    """Take a delivery that was withdrawn in again.

    Raises:
        UsageError: if it is not withdrawn.
    """
    entry = _entry(warehouse, delivery_seq, WITHDRAWAL_UNDONE, by, why)
    landing, parent = warehouse.landing, ledger.entry_of(warehouse.landing, delivery_seq)
    with transaction(landing):
        seq, change_seq = ledger.next_numbers(landing)
        if parent.mode == "increment":
            landing.execute(
                "update raw.presence set _change_seq = ? where _delivery_seq = ?",
                [change_seq, delivery_seq],
            )
        else:
            landing.execute(
                "create or replace temporary table withdrawn_rows as "
                "select _row_hash, _copy from raw.presence where _delivery_seq = ?",
                [delivery_seq],
            )
            neighbors = look_around(landing, parent)
            write_deltas(
                landing,
                parent.feed,
                (delivery_seq, change_seq),
                "withdrawn_rows",
                neighbors,
            )
        entry = replace(entry, delivery_seq=seq, change_seq=change_seq)
        entry = ledger.enter(landing, entry)
        mark_all(landing, parent.feed, change_seq)
    return entry


def _entry(
    warehouse: Warehouse, delivery_seq: int, status: str, by: str, why: str
) -> Entry:
    """The ledger's entry for the action, if it is possible."""
    found = warehouse.landing.execute(
        """
        select status, delivery_seq in (from raw.withdrawals)
        from raw.deliveries
        where delivery_seq = ?
        """,
        [delivery_seq],
    ).fetchone()
    if not found:
        raise UsageError(
            f"there is no delivery {delivery_seq}; marts.fct_deliveries has their numbers"
        )
    was, is_withdrawn = found
    if was != "landed":
        raise UsageError(
            f"delivery {delivery_seq} is {was}, not landed: there is nothing to withdraw"
        )
    if is_withdrawn == (status == WITHDRAWAL):
        state = "already withdrawn" if is_withdrawn else "not withdrawn"
        raise UsageError(f"delivery {delivery_seq} is {state}; nothing was changed")
    parent = ledger.entry_of(warehouse.landing, delivery_seq)
    return Entry(
        parent.feed,
        parent.mode,
        parent.uri,
        parent.member,
        parent.series,
        parent.sha256,
        as_of=parent.as_of,
        as_of_source=parent.as_of_source,
        status=status,
        parent_seq=delivery_seq,
        accepted_by=by,
        accepted_why=why,
    )
