"""The ledger `raw.deliveries`: one immutable row per delivery, whatever became of it.

Only `n_new` and `n_known` follow the raw rows, where settings made rows one: reread.py.
"""

import dataclasses
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from loaders import __version__
from loaders.errors import DeliveryError, DeliveryHeldError
from loaders.landing import chain

# What takes a delivery out, and in again: see withdraw.py.
WITHDRAWAL, WITHDRAWAL_UNDONE = "withdrawal", "withdrawal_undone"
# Statuses of deliveries that need nobody's attention.
SETTLED = ("landed", "seen_again", "empty", "replayed", WITHDRAWAL, WITHDRAWAL_UNDONE)
# A condition on the ledger: what landed, and was not withdrawn.
STANDS = "status = 'landed' and delivery_seq not in (from raw.withdrawals)"


def now() -> datetime:
    """The time in UTC, without a zone, as the ledger keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


class Part:
    """A frozen dataclass with some of the fields of an entry; see draft.py."""


@dataclass(frozen=True)
class Entry(Part):
    """A row of `raw.deliveries`.

    Of a landed delivery `n_records = n_new + n_known + n_rejected + n_blank`.

    Attributes:
        covers_from: with `covers_to` the first and the last event date of which its
            absences speak, if it states them: by `covers_source`.
        covers_to: see `covers_from`.
        covers_source: what states them.
        n_withdrawn: of its absent rows, those that it covers and has no other row of.
        n_aged_out: of its absent rows, those before the window that it covers.
        n_untyped: rows in which a required time cannot be read, or not be true.
        n_padded: rows that ended early and were padded with nulls.
        n_damaged: new rows with an id that is none, such as a spreadsheet makes.
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
    covers_from: date | None = None
    covers_to: date | None = None
    covers_source: str | None = None
    n_withdrawn: int = 0
    n_aged_out: int = 0
    n_untyped: int = 0
    n_padded: int = 0
    n_damaged: int = 0
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

    @property
    def place(self) -> dict[str, object]:
        """Its chain, and what orders it among the deliveries there: as-of, then arrival."""
        return {
            "feed": self.feed,
            "series": self.series,
            "covers_from": self.covers_from,
            "covers_to": self.covers_to,
            "as_of": self.as_of,
            "seq": self.delivery_seq,
        }

    def refused(self, error: DeliveryError) -> "Entry":
        """The entry if nothing of it lands, for this reason."""
        status = "held" if isinstance(error, DeliveryHeldError) else "failed"
        return replace(self, status=status, reason=error.reason, detail=error.detail)


# The columns of the ledger that an entry has.
_NAMES = tuple(spec.name for spec in dataclasses.fields(Entry))


def next_numbers(landing: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """The next delivery number and the next change number."""
    row = landing.execute(
        "select coalesce(max(delivery_seq), 0) + 1, coalesce(max(change_seq), 0) + 1 "
        "from raw.deliveries"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (1, 1)


def enter(landing: duckdb.DuckDBPyConnection, entry: Entry) -> Entry:
    """Write an entry into the ledger, in the open transaction; return it with its number.

    Its end is no earlier than that of the entry before it, though the clock goes back.
    """
    row = landing.execute(
        "select coalesce(max(delivery_seq), 0) + 1, greatest(?, ?, max(finished_at)) "
        "from raw.deliveries",
        [now(), entry.started_at],
    ).fetchone()
    next_seq, finished_at = row or (1, None)
    entry = replace(entry, delivery_seq=entry.delivery_seq or next_seq)
    known = {name: getattr(entry, name) for name in _NAMES} | {
        "finished_at": finished_at,
        "loader_version": __version__,
        "duckdb_version": duckdb.__version__,
    }
    # Half of them are null, and each that is named takes time.
    values = {name: value for name, value in known.items() if value is not None}
    landing.execute(
        f"insert into raw.deliveries ({', '.join(values)}) "  # noqa: S608
        f"values ({', '.join('?' for _ in values)})",
        list(values.values()),
    )
    chain.extend(landing)
    return entry


def entry_of(landing: duckdb.DuckDBPyConnection, delivery_seq: int) -> Entry:
    """Read an entry back."""
    row = landing.execute(
        f"select {', '.join(_NAMES)} from raw.deliveries "  # noqa: S608
        "where delivery_seq = ?",
        [delivery_seq],
    ).fetchone()
    return Entry(**dict(zip(_NAMES, row or (), strict=True)))


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


def seen_again(landing: duckdb.DuckDBPyConnection, entry: Entry) -> Entry | None:
    """The entry as `seen_again`, with the counts of the first time, if it is that.

    Bytes that have landed are seen again unless an as-of, or dates that they cover, are
    stated that they have not landed with: then they are a new observation. So are those
    that were withdrawn: their sender does not know why.

    Args:
        landing: the loader's database.
        entry: with feed, SHA-256, and as-of and dates covered if they are stated.
    """
    # Hardly ever are there any: that is asked at a fraction of the rest.
    if not landing.execute(
        "select exists (from raw.deliveries "
        "where feed = ? and sha256 = ? and status = 'landed')",
        [entry.feed, entry.sha256],
    ).fetchall()[0][0]:
        return None
    found = landing.execute(
        """
        select
            series, as_of, as_of_source, window_start, layout, encoding, header,
            n_records, n_new, n_known, n_absent, n_rejected, n_blank, n_header_lines,
            covers_from, covers_to, covers_source,
            n_withdrawn, n_aged_out, n_untyped, n_padded, n_damaged,
            delivery_seq as parent_seq, delivery_seq in (from raw.withdrawals)
        from raw.deliveries
        where feed = ? and sha256 = ? and status = 'landed'
            and as_of = coalesce(cast(? as timestamp), as_of)
            and (
                cast(? as date) is null
                or (covers_from = cast(? as date) and covers_to = cast(? as date))
            )
        order by delivery_seq in (from raw.withdrawals), delivery_seq
        limit 1
        """,
        [
            *(entry.feed, entry.sha256, entry.as_of),
            *(entry.covers_from, entry.covers_from, entry.covers_to),
        ],
    )
    names = [column[0] for column in found.description or []]
    row = found.fetchone()
    if row is None:
        return None
    *values, is_withdrawn = row
    first = dict(zip(names, values, strict=False))
    seen = replace(entry, **first, status="seen_again")
    if not is_withdrawn:
        return seen
    return replace(
        seen,
        detail=f"delivery {seen.parent_seq} is withdrawn, and so is this one; to put it "
        f"back: eventmart withdraw {seen.parent_seq} --undo",
    )


def neighbour_sizes(
    landing: duckdb.DuckDBPyConnection, entry: Entry, n_most: int
) -> list[int]:
    """Records of the nearest landed deliveries of the same layout that cover the same."""
    rows = landing.execute(
        f"""
        select n_records - n_blank
        from raw.deliveries
        where feed = ? and layout = ? and {STANDS}
            and covers_from is not distinct from cast(? as date)
            and covers_to is not distinct from cast(? as date)
        order by abs(epoch(as_of) - epoch(cast(? as timestamp))), delivery_seq
        limit ?
        """,  # noqa: S608
        [
            *(entry.feed, entry.layout, entry.covers_from, entry.covers_to),
            *(entry.as_of, n_most),
        ],
    ).fetchall()
    return [int(size) for (size,) in rows]


def refused(
    landing: duckdb.DuckDBPyConnection, feed: str | None = None, uri: str | None = None
) -> list[Entry]:
    """Deliveries that are held or failed, of all feeds and places or of one.

    Of those that were tried again, or accepted since, only the last word counts; a folder
    that could not be listed is well again when something has come from it.
    """
    rows = landing.execute(
        f"""
        select {", ".join(_NAMES)}
        from raw.deliveries as refused
        where status in ('held', 'failed')
            and feed = coalesce(?, feed) and uri = coalesce(?, uri)
            and not exists (
                select 1 from raw.deliveries as later
                where later.feed = refused.feed
                    and later.delivery_seq > refused.delivery_seq
                    and later.status not in ('{WITHDRAWAL}', '{WITHDRAWAL_UNDONE}')
                    and (
                        (
                            later.uri = refused.uri
                            and later.member is not distinct from refused.member
                        )
                        or (
                            ends_with(refused.uri, '/')
                            and starts_with(later.uri, refused.uri)
                        )
                    )
            )
        order by delivery_seq
        """,  # noqa: S608
        [feed, uri],
    ).fetchall()
    return [Entry(**dict(zip(_NAMES, row, strict=True))) for row in rows]


def withdrawals(landing: duckdb.DuckDBPyConnection) -> list[Entry]:
    """The entries by which deliveries are withdrawn now."""
    rows = landing.execute(
        """
        select max(delivery_seq)
        from raw.deliveries
        where parent_seq in (from raw.withdrawals) and status = ?
        group by parent_seq
        order by parent_seq
        """,
        [WITHDRAWAL],
    ).fetchall()
    return [entry_of(landing, seq) for (seq,) in rows]


def last_settled(landing: duckdb.DuckDBPyConnection, feed: str, uri: str) -> str | None:
    """The SHA-256 of what landed last from a place that holds one delivery."""
    row = landing.execute(
        """
        select sha256
        from raw.deliveries
        where feed = ? and uri = ? and member is null
            and status in ('landed', 'seen_again')
        order by delivery_seq desc
        limit 1
        """,
        [feed, uri],
    ).fetchone()
    return row[0] if row else None


def stamps(
    landing: duckdb.DuckDBPyConnection, feed: str, uri: str
) -> dict[str | None, str]:
    """The stamps of a place: by None when it was settled, else by why it was refused.

    A stamp tells a thing from what it was before, without reading it.
    """
    rows = landing.execute(
        "select refused_by, stamp from raw.file_stamps where feed = ? and uri = ?",
        [feed, uri],
    ).fetchall()
    return dict(rows)


def put_stamp(
    landing: duckdb.DuckDBPyConnection,
    feed: str,
    uri: str,
    stamp: str,
    refused_by: str | None = None,
    *,
    replaces: bool = True,
) -> None:
    """Remember that a place was processed: settled, or refused on these grounds.

    Args:
        landing: the loader's database.
        feed: whose place it is.
        uri: the place.
        stamp: what tells that it is still as it was.
        refused_by: the grounds, if it was refused.
        replaces: whether there may be stamps of it already.
    """
    if replaces:
        landing.execute(
            "delete from raw.file_stamps where feed = ? and uri = ? "
            "and (refused_by is not null or cast(? as varchar) is null)",
            [feed, uri, refused_by],
        )
    landing.execute(
        "insert into raw.file_stamps values (?, ?, ?, ?)", [feed, uri, stamp, refused_by]
    )
