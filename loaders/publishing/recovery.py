"""What was published and landing has not any more: found, said, landed again.

Landing was put back from a copy, or another is in its place. What that lacks has been
published, so the files of the kept versions say what it was, and its bytes are in the
drops. Nothing is refused for it: what is built is always what landing has.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb

from loaders.config.feeds import Feed
from loaders.config.paths import Paths
from loaders.errors import DeliveryError, UsageError
from loaders.landing import chain
from loaders.landing.database import Warehouse
from loaders.landing.land import land_kept
from loaders.landing.ledger import Entry
from loaders.publishing.versions import (
    Version,
    current_version,
    examine,
    folder_of,
    open_published,
    versions,
)

_N_NAMED = 5


@dataclass(frozen=True)
class Fork:
    """A version that was not made of what landing is now.

    Attributes:
        version: the version.
        lost: of the deliveries that it was made of, those that landed or were held, and
            that landing lacks; oldest first.
        standing: those that had been withdrawn, and count again, by their numbers here.
    """

    version: Version
    lost: list[Entry]
    standing: list[Entry]

    def __str__(self) -> str:
        """What there is to say of it."""
        text = (
            f"version {self.version.number}, which is published, was made from another "
            "landing.duckdb than this one, or before this one was restored from a copy"
        )
        if self.lost:
            text += (
                f"; {len(self.lost)} of its deliveries are missing here: "
                f"{_named(self.lost)}; to land them from kept bytes: eventmart recover"
            )
        if self.standing:
            text += (
                f"; {len(self.standing)} that had been withdrawn count again: "
                f"{_named(self.standing)}; to take them out: eventmart withdraw"
            )
        return text


def _named(entries: list[Entry]) -> str:
    named = [f"{one.delivery_seq} ({one.feed} {one.label})" for one in entries[:_N_NAMED]]
    more = len(entries) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def find_fork(paths: Paths, landing: duckdb.DuckDBPyConnection) -> Fork | None:
    """How what readers see and landing differ; None if landing has only grown since."""
    version = current_version(paths)
    if version is None or _is_of(version, landing):
        return None
    made_of = _made_of(paths, version)
    return Fork(version, _lost(made_of, landing), list(_standing(made_of, landing)))


def recover(warehouse: Warehouse, feeds: dict[str, Feed]) -> Iterator[Entry]:
    """Land again, from kept bytes, what any kept version was made of and landing lacks.

    Yields:
        What became of each, oldest first, and then of those that were held. What cannot
        be landed, as its bytes have expired or its feed is gone, is `failed`, and in no
        ledger.
    """
    paths, landing = warehouse.paths, warehouse.landing
    found = {
        (one.started_at, one.delivery_seq): one
        for version in versions(paths)
        if not _is_of(version, landing) and examine(paths, version.number).damage is None
        for one in _lost(_made_of(paths, version), landing)
    }
    # Those that were held last: they may have been accepted.
    order = sorted(found, key=lambda key: (found[key].status == "held", key))
    for said in map(found.__getitem__, order):
        if _is_here(said, landing):
            continue
        try:
            yield land_kept(warehouse, feeds, said)
        except UsageError as error:
            yield said.refused(DeliveryError("not_kept", str(error)))


def _is_of(version: Version, landing: duckdb.DuckDBPyConnection) -> bool:
    """Whether it was made of this landing, as far as it says of which it was."""
    return version.tip is None or chain.has_come_from(landing, version.tip)


def _made_of(paths: Paths, version: Version) -> list[Entry]:
    """The deliveries that a version was made of, or would be if they stood."""
    file = folder_of(paths, version.number) / paths.build.name
    with open_published(file) as readers:
        found = readers.execute(
            """
            select
                feed, delivery_mode as mode, uri, member, series, sha256, status, reason,
                as_of_at as as_of, as_of_source, covers_source, accepted_by, accepted_why,
                covers_from_date as covers_from, covers_to_date as covers_to,
                started_at_utc as started_at, _delivery_seq as delivery_seq
            from marts.fct_deliveries
            where status in ('landed', 'held', 'withdrawn')
            order by _delivery_seq
            """
        )
        names = [column[0] for column in found.description or []]
        return [Entry(**dict(zip(names, row, strict=True))) for row in found.fetchall()]


def _standing(made_of: list[Entry], landing: duckdb.DuckDBPyConnection) -> Iterator[Entry]:
    """Those that had been withdrawn and are not here, with their numbers here."""
    for one in made_of:
        if one.status != "withdrawn":
            continue
        row = landing.execute(
            """
            select max(delivery_seq)
            from raw.deliveries
            where status = 'landed' and feed = ? and sha256 = ? and as_of = ?
                and delivery_seq not in (from raw.withdrawals)
            """,
            [one.feed, one.sha256, one.as_of],
        ).fetchone()
        if row and row[0]:
            yield replace(one, delivery_seq=row[0])


def _lost(made_of: list[Entry], landing: duckdb.DuckDBPyConnection) -> list[Entry]:
    rows = landing.execute("select delivery_seq, started_at from raw.deliveries").fetchall()
    known = set(rows)
    return [
        one
        for one in made_of
        if one.status != "withdrawn"
        and (one.delivery_seq, one.started_at) not in known
        and not _is_here(one, landing)
    ]


def _is_here(said: Entry, landing: duckdb.DuckDBPyConnection) -> bool:
    """Whether the same bytes have come, for the same day and dates."""
    row = landing.execute(
        """
        select count(*)
        from raw.deliveries
        where feed = ? and sha256 = ? and (
            cast(? as varchar) = 'held'
            or (
                status = 'landed' and as_of = ? and covers_from is not distinct from ?
                and covers_to is not distinct from ?
            )
        )
        """,
        [
            *(said.feed, said.sha256, said.status),
            *(said.as_of, said.covers_from, said.covers_to),
        ],
    ).fetchone()
    return bool(row and row[0])
