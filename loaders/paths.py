"""Where everything stands on disk, decided by two environment variables."""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from loaders.errors import DeliveryError, UsageError

# The checkout that this runs in; installed without one, there is no project here.
PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Paths:
    """The data folder (`$EVENTMART_DATA`) and the inbox (`$EVENTMART_INBOX`)."""

    data: Path
    inbox: Path

    @classmethod
    def from_environment(cls) -> "Paths":
        """Read both variables; the inbox defaults to the demo's folder in the data."""
        data = Path(os.environ.get("EVENTMART_DATA") or "data").absolute()
        inbox = os.environ.get("EVENTMART_INBOX")
        return cls(data, Path(inbox).absolute() if inbox else data / "demo")

    @property
    def landing(self) -> Path:
        """The loader's own database: raw tables, ledger, rejects."""
        return self.data / "landing.duckdb"

    @property
    def drops(self) -> Path:
        """Kept bytes of every delivery, compressed, named by their SHA-256."""
        return self.data / "drops"

    @property
    def spool(self) -> Path:
        """Scratch files of a running landing; safe to empty when none runs."""
        return self.data / "spool"

    @property
    def fetched(self) -> Path:
        """Scratch files of what is fetched from elsewhere, to be landed at once."""
        return self.data / "fetched"

    @property
    def build(self) -> Path:
        """The database that dbt builds."""
        return self.data / "build" / "eventmart.duckdb"

    @property
    def intermediate(self) -> Path:
        """The database of dbt's intermediate tables."""
        return self.data / "build" / "intermediate.duckdb"

    @property
    def target(self) -> Path:
        """Where dbt keeps what it parsed, compiled and recorded of builds of this data."""
        return self.data / "build" / "target"

    @property
    def logs(self) -> Path:
        """Where dbt logs builds of this data."""
        return self.data / "build" / "logs"

    @property
    def build_lock(self) -> Path:
        """Locked by who builds or publishes, with a note of who that is."""
        return self.data / "build.lock"

    @property
    def private(self) -> Iterator[Path]:
        """All that holds, or may hold, what was delivered: what is there of it now."""
        yield from (self.build.parent, self.drops, self.spool, self.fetched)
        yield from (self.data / "as_of", self.build_lock, self.data / "customer.secret")
        # With the log, spill folders and notes of each, which stand beside it.
        yield from self.data.glob(f"{self.landing.name}*")
        yield from self.build.parent.glob("*.duckdb*")

    @property
    def published(self) -> Path:
        """The folder that readers see."""
        return self.data / "published"


def require_checkout(what: str) -> None:
    """Check that the project's models, seeds and queries are there, for what needs them.

    Raises:
        UsageError: saying how to get them.
    """
    if not (PROJECT / "dbt_project.yml").is_file():
        raise UsageError(
            f"{what} needs the project's models, seeds and queries, which the installed "
            "package does not hold; run it in a checkout: git clone the project, `make "
            "setup` there, and .venv/bin/eventmart with the same EVENTMART_DATA"
        )


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would outlast a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a folder whose name, and those of the folders around it, outlast a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def opened(path: Path) -> BinaryIO:
    """A delivered file, open for reading: see `regular`."""
    return open(path, "rb", opener=regular)


# Whoever may pass through a folder need not be able to list it.
_THROUGH = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
_NO_FILE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)


def regular(name: str, flags: int) -> int:
    """Open a regular file by its real path: an opener, as `open` takes one.

    No link is followed, whoever puts one into the path meanwhile, and nothing waited for.

    Raises:
        DeliveryError: if it is another thing by now, such as a link, a pipe or a device.
    """
    *folders, last = Path(name).absolute().parts[1:]
    folder = os.open("/", _THROUGH)
    try:
        for part in folders:
            folder, outer = os.open(part, _THROUGH, dir_fd=folder), folder
            os.close(outer)
        handle = os.open(last, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise OSError(error.errno, error.strerror, name) from error
        handle = None
    finally:
        os.close(folder)
    if handle is not None:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
    raise DeliveryError("not_a_file", f"{name}: is no regular file; put one in its place")
