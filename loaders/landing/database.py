"""The loader's database: its tables, and how it is opened, by one writer at a time."""

import errno
import getpass
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from loaders.config import secret
from loaders.config.feeds import Feed, load_feeds
from loaders.config.paths import Paths
from loaders.config.permissions import make_private, private
from loaders.disk import make_folder, sync
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing import chain, times
from loaders.landing.checks.ids import DEFINITION
from loaders.landing.reread import reread

# Nothing is installed or loaded from outside, whatever a file or a query says.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

# Of what no compression makes smaller, and trying takes time.
_STORED_AS_IS = " using compression uncompressed"
# Of what is written; by it a later version knows what it finds.
FORMAT = 2
# Columns of the ledger that earlier versions did not write: null, or 0, in their rows.
_LEDGER_COLUMNS_SINCE = """
alter table raw.deliveries add column if not exists covers_from date;
alter table raw.deliveries add column if not exists covers_to date;
alter table raw.deliveries add column if not exists covers_source varchar;
alter table raw.deliveries add column if not exists n_withdrawn bigint default 0;
alter table raw.deliveries add column if not exists n_aged_out bigint default 0;
alter table raw.deliveries add column if not exists n_untyped bigint default 0;
alter table raw.deliveries add column if not exists n_padded bigint default 0;
alter table raw.deliveries add column if not exists n_damaged bigint default 0;
"""
_LEDGER = """
create schema if not exists raw;

create table if not exists raw.format (version integer not null);

create table if not exists raw.deliveries (
    delivery_seq bigint not null,
    change_seq bigint,
    feed varchar not null,
    series varchar not null,
    mode varchar not null,
    uri varchar not null,
    member varchar,
    sha256 varchar,
    n_bytes bigint,
    as_of timestamp,
    as_of_source varchar,
    window_start date,
    layout varchar,
    encoding varchar,
    header varchar,
    n_records bigint not null,
    n_new bigint not null,
    n_known bigint not null,
    n_absent bigint not null,
    n_rejected bigint not null,
    n_blank bigint not null,
    n_header_lines bigint not null,
    status varchar not null,
    reason varchar,
    detail varchar,
    parent_seq bigint,
    accepted_by varchar,
    accepted_why varchar,
    started_at timestamp not null,
    finished_at timestamp not null,
    loader_version varchar not null,
    duckdb_version varchar not null
);

-- By what a landing is known, and a change of its ledger: see chain.py.
create table if not exists raw.ledger_chain (
    delivery_seq bigint not null,
    hash varchar not null
);

create table if not exists raw.presence (
    feed varchar not null,
    _row_hash uuid not null using compression uncompressed,
    _copy integer not null,
    _delivery_seq bigint not null,
    change varchar not null,
    _change_seq bigint not null
);

create table if not exists raw.rejects (
    delivery_seq bigint not null,
    feed varchar not null,
    line bigint not null,
    byte_offset bigint not null,
    raw_bytes blob not null,
    reason varchar not null,
    detail varchar not null
);

-- The deliveries that are withdrawn now: see withdraw.py.
create view if not exists raw.withdrawals as
select parent_seq as delivery_seq
from raw.deliveries
where status in ('withdrawal', 'withdrawal_undone')
group by parent_seq
having max_by(status, delivery_seq) = 'withdrawal';

-- What was rejected and did not pass in a replay since; `landed_seq` is the delivery
-- that it belongs to, `delivery_seq` the entry that rejected it last. Not of what is
-- withdrawn.
create or replace view raw.open_rejects as
with placed as (
    select
        case
            when deliveries.status = 'replayed' then deliveries.parent_seq
            else deliveries.delivery_seq
        end as landed_seq,
        rejects.*
    from raw.rejects
    inner join raw.deliveries on rejects.delivery_seq = deliveries.delivery_seq
)

select placed.*
from placed
where landed_seq not in (from raw.withdrawals) and not exists (
    select 1
    from raw.deliveries as later
    where later.status = 'replayed' and later.parent_seq = placed.landed_seq
        and later.delivery_seq > placed.delivery_seq
);

-- What row a line is, as it was read before: see line_cache.py. A cache, too.
create table if not exists raw.known_lines (
    reading uuid not null,
    _line_hash uhugeint not null using compression uncompressed,
    _row_hash uuid not null using compression uncompressed
);

-- Of each feed the zone of its clocks, and a hash of how staging reads its text: of the
-- macros raw.<feed>_time and others, see times.py; of raw.is_damaged_id, see ids.py; and,
-- where it has personal columns, of the secret by which these become keys, see secret.py.
create table if not exists raw.feed_times (
    feed varchar not null,
    zone varchar not null,
    fingerprint varchar not null
);

-- What was dealt with, by what tells it unread from what comes later: settled, or refused
-- on grounds that are still the same. A cache: without it, more is read, and known.
create table if not exists raw.file_stamps (
    feed varchar not null,
    uri varchar not null,
    stamp varchar not null,
    refused_by varchar
);

-- By what settings the rows of a feed are read, and how often they were read again by
-- others: see reread.py.
create table if not exists raw.feed_settings (
    feed varchar not null,
    settings varchar not null,
    n_rereads bigint not null
);
"""


def create_tables(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Create the ledger and a raw table per feed where they are missing.

    What has landed follows the settings: see reread.py.

    Raises:
        UsageError: if what is there was written by a version that hashed otherwise.
    """
    is_new = not _columns(connection, "deliveries")
    if not is_new and "version" not in _columns(connection, "format"):
        raise UsageError(
            "the landing database is of an earlier version with other row hashes; move "
            "the data folder away and land the deliveries again: their bytes are kept in "
            "its drops/"
        )
    connection.execute(_LEDGER)
    if "n_damaged" not in _columns(connection, "deliveries"):
        connection.execute(_LEDGER_COLUMNS_SINCE)
    chain.extend(connection)
    connection.execute(DEFINITION)
    if is_new:
        connection.execute("insert into raw.format values (?)", [FORMAT])
    for feed in feeds.values():
        columns = "".join(
            f'"{name}" varchar{_STORED_AS_IS if column.incompressible else ""}, '
            for name, column in feed.columns.items()
        )
        connection.execute(
            f"create table if not exists raw.{feed.name} ("
            f"_row_hash uuid not null{_STORED_AS_IS}, _copy integer not null, "
            f"{columns}_extra varchar, "
            "_delivery_seq bigint not null, _change_seq bigint not null, "
            "_line bigint not null)"
        )
        known = _columns(connection, feed.name)
        for name in feed.columns:
            if name not in known:
                connection.execute(
                    f'alter table raw.{feed.name} add column "{name}" varchar'
                )
        with transaction(connection):
            reread(connection, feed)
    _define_readings(connection, feeds)
    _count_rows(connection)


def _define_readings(
    connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]
) -> None:
    """Define the macros by which text becomes time or a key, where they changed."""
    own = secret.read_secret(_folder(connection))
    connection.execute(secret.definition(own))
    rows = connection.execute("select feed, fingerprint from raw.feed_times").fetchall()
    held = dict(rows)
    for feed in feeds.values():
        definitions = [DEFINITION]
        if any(column.personal for column in feed.columns.values()):
            definitions.append(secret.fingerprint(own))
        fingerprint = times.fingerprint(feed, *definitions)
        if held.get(feed.name) == fingerprint:
            continue
        with transaction(connection):
            for name, value in times.macros(feed).items():
                connection.execute(f"create or replace macro raw.{name} as {value}")
            connection.execute("delete from raw.feed_times where feed = ?", [feed.name])
            connection.execute(
                "insert into raw.feed_times values (?, ?, ?)",
                [feed.name, feed.zone, fingerprint],
            )


def _folder(connection: duckdb.DuckDBPyConnection) -> Path:
    """Where a landing database stands."""
    found = connection.execute(
        "select path from duckdb_databases() where database_name = current_database()"
    ).fetchone()
    return Path(found[0] if found else ".").parent


def has_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is a ledger: not yet, if its making was cut short."""
    return bool(_columns(connection, "deliveries"))


def migrate(path: Path, *, patience: float = 0, command: str = "eventmart") -> None:
    """Bring a landing that an earlier version wrote up to date, for who only reads.

    Its chain says so: each version that lacks what readers need lacks that.

    Raises:
        BusyError: if another process writes.
    """
    with open_landing(path, read_only=True, patience=patience) as landing:
        is_due = has_tables(landing) and not chain.is_whole(landing)
    if is_due:
        with open_landing(path, patience=patience, command=command) as landing:
            create_tables(landing, load_feeds())


def _count_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """See to the view of how many rows each delivery brought first, of all feeds.

    Of a feed that has left feeds.yml the rows are still there, so the tables say which
    feeds there are, not the settings.
    """
    feeds = connection.execute(
        # `duckdb_columns()` would take ten times as long, over views of the system's.
        "select table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name = 'raw' "
        "and contains(sql, ', _extra VARCHAR, ') order by table_name"
    ).fetchall()
    counts = [
        f"select '{feed}' as feed, _delivery_seq as delivery_seq, count(*) as n_rows "  # noqa: S608
        f"from raw.{feed} group by _delivery_seq"
        for (feed,) in feeds
    ]
    # Where there is no feed, there are no rows.
    counts += ["select null, null, null where false"]
    connection.execute(
        f"create or replace view raw.rows_by_delivery as {' union all '.join(counts)}"
    )


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    try:
        described = connection.execute(f"describe raw.{table}").fetchall()
    except duckdb.CatalogException:
        return set()
    return {str(name) for name, *_ in described}


@contextmanager
def transaction(landing: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that the block writes, or nothing of it."""
    landing.execute("begin")
    try:
        yield
        landing.execute("commit")
        # Its log may be a new one, of which the disk has not the name yet.
        sync(_folder(landing))
    except BaseException:
        # After a failed commit there is no transaction left to roll back.
        with suppress(duckdb.Error):
            landing.execute("rollback")
        raise


@contextmanager
def open_landing(
    path: Path, *, read_only: bool = False, patience: float = 0, command: str = "eventmart"
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the loader's database for as long as the block runs.

    DuckDB's own lock, which dies with its process, lets one write or several read.

    Args:
        path: the database file.
        read_only: several may read at once, if nobody writes.
        patience: seconds to try again while another process holds it.
        command: what writes, for others who find it held.

    Raises:
        BusyError: saying who holds it.
        EventmartError: if it cannot be opened at all, or the disk is full.
        UsageError: if $EVENTMART_MEMORY_LIMIT is no size.
    """
    kept = "unfinished landings were rolled back"
    with full_disk_named(path.parent, kept), _private_folder(path.parent):
        if not read_only and not path.exists():
            _create(path)
        connection = _connect(path, read_only, time.monotonic() + patience)
        note = _note(path)
        try:
            if not read_only:
                note.write_text(json.dumps(asdict(Owner.this(command))))
                _sweep(path)
            yield connection
            if not read_only:
                # Closing does it too, but keeps its failures to itself.
                connection.execute("checkpoint")
        finally:
            # While the lock is held: the next owner's note is not ours to take away.
            if not read_only:
                note.unlink(missing_ok=True)
            connection.close()


@dataclass(frozen=True)
class Owner:
    """Who writes: noted beside the database, believed only while its process locks it."""

    command: str
    pid: int
    host: str
    user: str
    since: str

    @classmethod
    def this(cls, command: str) -> "Owner":
        """The process that runs."""
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = f"user {os.getuid()}"  # Containers may run as one without a name.
        return cls(command, os.getpid(), socket.gethostname(), user, since)

    def __str__(self) -> str:
        """The owner in words."""
        return (
            f"`{self.command}` (pid {self.pid}, {self.user} on {self.host}) "
            f"since {self.since}"
        )


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def holder(path: Path, refusal: str) -> str:
    """Who holds a database, as well as can be known, from DuckDB's refusal to open it."""
    found = re.search(r"held in (?:(.*) )?\(PID (\d+)\)", refusal)
    if not found:
        return "another process"
    program, pid = found.groups()
    # Who lands notes it beside the database, who builds in the lock: see lock.py.
    for note in (_note(path), path.with_name("build.lock")):
        try:
            owner = Owner(**json.loads(note.read_text()))
            if owner.pid == int(pid):
                return str(owner)
        except (OSError, ValueError, TypeError):
            pass  # Gone, or half written: a process without a note is named by its own.
    try:
        # The name of what runs, not its arguments: those may hold secrets.
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        program = Path(program or "a process").name
    return f"`{program}` (pid {pid})"


def _spill(path: Path) -> Path:
    """Where this process may spill to: its own, for several may read at once."""
    return path.with_name(f"{path.name}.tmp.{os.getpid()}")


def _sweep(path: Path) -> None:
    """Remove what killed processes have left; nobody else has the database open."""
    own = Paths(path.parent, path.parent)
    for folder in (own.spool, own.fetched):
        shutil.rmtree(folder, ignore_errors=True)
    for left in path.parent.glob(f"{path.name}.*"):
        if left.suffixes[-2:-1] == [".new"]:
            left.unlink(missing_ok=True)
        # Our own is in use, from the moment that DuckDB replays its log.
        elif ".tmp" in left.suffixes and left != _spill(path):
            shutil.rmtree(left, ignore_errors=True)


def _create(path: Path) -> None:
    """Make an empty database that is there as a whole, or not at all.

    Cut short by a kill or a full disk, DuckDB leaves one that it cannot open again.
    """
    new = path.with_name(f"{path.name}.new.{os.getpid()}")
    new.unlink(missing_ok=True)
    try:
        duckdb.connect(str(new), config=_SETTINGS).close()
        # Unlike a renaming, this leaves alone what another has made meanwhile. Where
        # the disk knows no links, DuckDB makes the file in its place.
        with suppress(OSError):
            path.hardlink_to(new)
            sync(path.parent)
    finally:
        new.unlink(missing_ok=True)


def _connect(path: Path, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    limit = os.environ.get("EVENTMART_MEMORY_LIMIT")
    settings = _SETTINGS | {"temp_directory": str(_spill(path))}
    if limit:
        settings["memory_limit"] = limit
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=settings)
            connection.execute("set TimeZone = 'UTC'")
            return connection
        except duckdb.IOException as error:
            if is_full(error):
                raise
            if "could not set lock" not in str(error).lower():
                raise EventmartError(
                    f"{path}: cannot be opened: {error}; if it is none of eventmart's, set "
                    "EVENTMART_DATA to another folder; if it is damaged, put it back from "
                    "a backup, or move it away, and run: eventmart recover"
                ) from error
            if time.monotonic() > deadline:
                raise BusyError(
                    f"{path} is in use by {holder(path, str(error))}; try again when it "
                    "has finished, or wait for it with --wait SECONDS"
                ) from error
        except duckdb.ParserException as error:
            raise UsageError(f"EVENTMART_MEMORY_LIMIT: {limit!r} is not a size") from error
        time.sleep(0.1)


@contextmanager
def _private_folder(folder: Path) -> Iterator[None]:
    """Make a data folder, of which nobody else reads what is there or will be written."""
    make_folder(folder)
    for path in Paths(folder, folder).private:
        make_private(path)
    with private():
        yield


@contextmanager
def full_disk_named(folder: Path, safe: str) -> Iterator[None]:
    """Name the folder whose disk is full, and what is safe all the same.

    Raises:
        EventmartError: if the block finds a disk full.
    """
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if not is_full(error):
            raise
        raise EventmartError(
            f"{folder}: the disk is full ({error}); {safe}; free some space and run it "
            "again"
        ) from error


def is_full(error: Exception) -> bool:
    """Whether an error says that a disk is full."""
    full = {errno.ENOSPC, errno.EDQUOT}
    if isinstance(error, OSError):
        return error.errno in full
    return any(os.strerror(number) in str(error) for number in full)


@dataclass(frozen=True)
class Warehouse:
    """The loader's database, open for writing, and where its files stand."""

    landing: duckdb.DuckDBPyConnection
    paths: Paths
