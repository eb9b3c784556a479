"""How the loader's database is opened, by one writer at a time, and what may go wrong."""

import errno
import getpass
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakKeyDictionary

import duckdb

from loaders.config.paths import Paths
from loaders.config.permissions import make_private, private
from loaders.disk import make_folder, sync
from loaders.errors import BusyError, EventmartError, UsageError

_FULL = (errno.ENOSPC, errno.EDQUOT)
# Nothing is installed or loaded from outside, whatever a file or a query says.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


# Of each open connection; it is asked for after each transaction, and stays the same.
_folders = WeakKeyDictionary[duckdb.DuckDBPyConnection, Path]()


def folder_of(connection: duckdb.DuckDBPyConnection) -> Path:
    """Where a landing database stands."""
    if connection not in _folders:
        found = connection.execute(
            "select path from duckdb_databases() where database_name = current_database()"
        ).fetchone()
        _folders[connection] = Path(found[0] if found else ".").parent
    return _folders[connection]


@contextmanager
def transaction(landing: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that the block writes, or nothing of it."""
    landing.execute("begin")
    try:
        yield
        landing.execute("commit")
        # Its log may be a new one, of which the disk has not the name yet.
        sync(folder_of(landing))
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
        OSError: if the disk can only be read, or a permission is missing.
        UsageError: if $EVENTMART_MEMORY_LIMIT is not a size.
    """
    safe = "unfinished landings were rolled back"
    if read_only:
        safe = "what has landed and what is published are whole"
    with full_disk_named(path.parent, safe), _private_folder(path.parent):
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
            # The file may be as sound as ever: to move it away would be wrong advice.
            for number in (errno.EROFS, errno.EACCES, errno.EPERM):
                if str(error).endswith(os.strerror(number)):
                    raise OSError(number, os.strerror(number), str(path)) from error
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
    return error.errno in _FULL if isinstance(error, OSError) else says_full(str(error))


def says_full(text: str) -> bool:
    """Whether a program's words of what went wrong say that a disk is full."""
    return any(os.strerror(number) in text for number in _FULL)


@dataclass(frozen=True)
class Warehouse:
    """The loader's database, open for writing, and where its files stand."""

    landing: duckdb.DuckDBPyConnection
    paths: Paths
