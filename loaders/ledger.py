"""The ledger `raw.deliveries`: one immutable row per delivery, whatever became of it."""

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from loaders import __version__
from loaders.fetch import Stamp

# Statuses of deliveries that need nobody's attention.
SETTLED = ("landed", "seen_again", "empty")


def now() -> datetime:
    """The time in UTC, without a zone, as the ledger keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass
class Entry:
    """A row of `raw.deliveries`, filled in as the landing goes on.

    Of a landed delivery `n_records = n_new + n_known + n_rejected + n_blank`.
    """

    feed: str
    mode: str
    uri: str
    member: str | None = None
    series: str = "main"
    sha256: str | None = None
    n_bytes: int | None = None
    as_of: datetime | None = None
    as_of_source: str | None = None
    window_start: date | None = None
    layout: str | None = None
    encoding: str | None = None
    header: str | None = None
    n_records: int = 0
    n_new: int = 0
    n_known: int = 0
    n_absent: int = 0
    n_rejected: int = 0
    n_blank: int = 0
    n_header_lines: int = 0
    status: str = "failed"
    reason: str | None = None
    detail: str | None = None
    delivery_seq: int = 0
    change_seq: int | None = None
    parent_seq: int | None = None
    accepted_by: str | None = None
    accepted_why: str | None = None
    started_at: datetime = field(default_factory=now)

    @property
    def label(self) -> str:
        """The file's name, with the member's behind it."""
        name = Path(self.uri).name
        return f"{name}:{self.member}" if self.member else name


def next_numbers(landing: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The next delivery number and the next change number."""
    row = landing.execute(
        "select coalesce(max(delivery_seq), 0) + 1, coalesce(max(change_seq), 0) + 1 "
        "from raw.deliveries"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (1, 1)


def enter(landing: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    """Write an entry into the ledger, in the open transaction.

    Its end is no earlier than that of the entry before it, though the clock goes back.
    """
    entry.delivery_seq = entry.delivery_seq or next_numbers(landing)[0]
    row = landing.execute(
        "select greatest(?, ?, max(finished_at)) from raw.deliveries",
        [now(), entry.started_at],
    ).fetchone()
    values = dataclasses.asdict(entry) | {
        "finished_at": row and row[0],
        "loader_version": __version__,
        "duckdb_version": duckdb.__version__,
    }
    landing.execute(
        f"insert into raw.deliveries ({', '.join(values)}) "  # noqa: S608
        f"values ({', '.join('?' for _ in values)})",
        list(values.values()),
    )


def arrival(landing: duckdb.DuckDBPyConnection, entry: Entry) -> datetime:
    """When an entry arrived: not before those that did, though the clock goes back."""
    row = landing.execute(
        """
        select greatest(?, max(as_of))
        from raw.deliveries
        where feed = ? and series = ? and status = 'landed' and as_of_source = 'arrival'
        """,
        [entry.started_at, entry.feed, entry.series],
    ).fetchone()
    return row[0] if row else entry.started_at


def copy_if_seen(landing: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    """Make an entry `seen_again`, with the counts of the first time, if it is.

    Bytes that have landed are seen again unless an as-of is stated that they have not
    landed with: then they are a new observation.

    Args:
        landing: the loader's database.
        entry: with feed, SHA-256, and the as-of if one is stated.
    """
    found = landing.execute(
        """
        select
            series, as_of, as_of_source, window_start, layout, encoding, header,
            n_records, n_new, n_known, n_absent, n_rejected, n_blank, n_header_lines,
            delivery_seq as parent_seq
        from raw.deliveries
        where feed = ? and sha256 = ? and status = 'landed'
            and as_of = coalesce(cast(? as timestamp), as_of)
        order by delivery_seq
        limit 1
        """,
        [entry.feed, entry.sha256, entry.as_of],
    )
    names = [column[0] for column in found.description or []]
    row = found.fetchone()
    if row is None:
        return False
    for name, value in zip(names, row, strict=True):
        setattr(entry, name, value)
    entry.status = "seen_again"
    return True


def neighbour_sizes(
    landing: duckdb.DuckDBPyConnection, entry: Entry, n_most: int
) -> list[int]:
    """Records of the landed deliveries of the same layout nearest to it by as-of."""
    rows = landing.execute(
        """
        select n_records - n_blank
        from raw.deliveries
        where feed = ? and layout = ? and status = 'landed'
        order by abs(epoch(as_of) - epoch(cast(? as timestamp))), delivery_seq
        limit ?
        """,
        [entry.feed, entry.layout, entry.as_of, n_most],
    ).fetchall()
    return [int(size) for (size,) in rows]


def is_stamped(
    landing: duckdb.DuckDBPyConnection, feed: str, path: Path, stamp: Stamp
) -> bool:
    """Whether this very file, untouched since, has been dealt with."""
    found = landing.execute(
        "select 1 from raw.file_stamps where (feed, uri, size, modified_ns, changed_ns, "
        "inode) = (?, ?, ?, ?, ?, ?)",
        [feed, str(path), *dataclasses.astuple(stamp)],
    ).fetchone()
    return found is not None


def put_stamp(
    landing: duckdb.DuckDBPyConnection, feed: str, path: Path, stamp: Stamp
) -> None:
    """Remember that this very file has been dealt with."""
    landing.execute(
        "delete from raw.file_stamps where feed = ? and uri = ?", [feed, str(path)]
    )
    landing.execute(
        "insert into raw.file_stamps values (?, ?, ?, ?, ?, ?)",
        [feed, str(path), *dataclasses.astuple(stamp)],
    )
