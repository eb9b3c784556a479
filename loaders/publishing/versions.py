"""What is published: the versions that are kept, and which of them readers see when.

`published/versions/<n>/` holds a file, its `manifest.json`, its exports and pages. What
readers open is a hard link to the file of one of them; see
`loaders/publishing/publish.py`, which writes all that is read here.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event, Thread

import duckdb

from loaders.config.paths import Paths
from loaders.errors import EventmartError, UsageError

EXPORTS = "exports"
SITE = "site"
# What lies where a published file should be may be anybody's: what its views and macros
# ask for, beyond itself, is refused.
_BY_ITSELF: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "lock_configuration": True,
    "max_temp_directory_size": "10GB",
}
# Seconds that all of a command's questions to one published file may take.
PATIENCE = 300.0


@dataclass(frozen=True)
class Version:
    """One published version: its file's checksum, and what it was made of."""

    number: int
    sha256: str
    n_bytes: int
    content: str
    # Versions published before these were noted have none of them.
    published_at: str | None = None
    delivery_seq: int | None = None
    change_seq: int | None = None
    # Of the landing that it was made of, as in chain.py.
    tip: str | None = None
    # The data tests that it passed.
    n_tests: int | None = None

    @property
    def day(self) -> date | None:
        """When it was published, by the calendar of UTC."""
        at = self.published_at
        return datetime.fromisoformat(at).date() if at else None


@dataclass(frozen=True)
class Kept:
    """A version as it stands on disk: what is wrong with it, if anything."""

    number: int
    file: Path
    version: Version | None
    damage: str | None


@dataclass(frozen=True)
class Serving:
    """From when readers saw a version, and until when, if that is over."""

    number: int
    since: datetime
    until: datetime | None


@contextmanager
def open_published(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published file to read it, and nothing else, for a limited time.

    Raises:
        EventmartError: if it is not as a build writes it, or its views do not end.
        UsageError: if there is none.
    """
    if not file.exists():
        raise UsageError(f"{file}: nothing is published yet; run: make build")
    try:
        with (
            duckdb.connect(str(file), read_only=True, config=_BY_ITSELF) as connection,
            _in_time(connection),
        ):
            yield connection
    except duckdb.Error as error:
        why = str(error)
        if isinstance(error, duckdb.InterruptException):
            why = f"takes more than {PATIENCE:g} seconds to read"
        raise EventmartError(
            f"{file}: {why}; is this a file that eventmart published? Put the last sound "
            "version back with: eventmart published --repair, or run: make build"
        ) from error


@contextmanager
def _in_time(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt whatever a connection still does after a while."""
    is_over = Event()

    def watch() -> None:
        pause = PATIENCE
        # Between two statements an interrupt is not heard.
        while not is_over.wait(pause):
            connection.interrupt()
            pause = 0.1

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def numbers(paths: Paths) -> list[int]:
    """The numbers of the kept versions, oldest first."""
    folder = paths.published / "versions"
    found = (path for path in folder.glob("[0-9]*") if path.name.isdecimal())
    return sorted(int(p.name) for p in found if p == folder_of(paths, int(p.name)))


def versions(paths: Paths) -> list[Version]:
    """The kept versions whose manifest can be read, oldest first."""
    found = (_manifest(paths, number) for number in numbers(paths))
    return [version for version in found if version]


def examine(paths: Paths, number: int) -> Kept:
    """Read all of a kept version, and say what is wrong with it."""
    file = folder_of(paths, number) / paths.build.name
    version = _manifest(paths, number)
    return Kept(number, file, version, _damage(file, version))


def served_number(paths: Paths) -> int | None:
    """The number of the version that readers see, or None before the first."""
    served = paths.published / paths.build.name
    while before := _identity(served):
        for number in reversed(numbers(paths)):
            if _identity(folder_of(paths, number) / paths.build.name) == before:
                return number
        # Unless another was published just then, it is none that is kept.
        if _identity(served) == before:
            break
    return None


def current_version(paths: Paths) -> Version | None:
    """The version that readers see, or None if there is none or none is known of it."""
    number = served_number(paths)
    return None if number is None else _manifest(paths, number)


def served_damage(paths: Paths) -> str | None:
    """What is wrong with what readers see; None if nothing is, or before the first."""
    number = served_number(paths)
    if number is not None:
        kept = examine(paths, number)
        return kept.damage and f"version {number} is damaged: {kept.damage}"
    if (paths.published / paths.build.name).exists():
        return "it is not one of the kept versions"
    return "it is missing" if numbers(paths) else None


def servings(paths: Paths) -> list[Serving]:
    """Which version readers saw from when until when, oldest first."""
    noted = noted_servings(paths)
    number, served = served_number(paths), paths.published / paths.build.name
    if number is not None and (not noted or noted[-1][0] != number):
        # Killed before it was noted: the link says it as well.
        linked_at = datetime.fromtimestamp(served.stat().st_ctime, UTC)
        noted.append((number, max([linked_at, *(at for _, at in noted[-1:])])))
    if not noted:
        return []
    ends = [*(at for _, at in noted[1:]), None]
    return [Serving(n, at, end) for (n, at), end in zip(noted, ends, strict=True)]


def served_at(paths: Paths, moment: datetime) -> Serving:
    """What readers saw at a moment.

    Raises:
        UsageError: if it is before the first that is known of, or yet to come.
    """
    if moment > datetime.now(UTC):
        raise UsageError(f"{moment:%Y-%m-%d %H:%M} UTC is in the future")
    found = servings(paths)
    for serving in reversed(found):
        if serving.since <= moment:
            return serving
    if not found:
        raise UsageError("nothing has been published yet; run: eventmart build")
    first = f"{found[0].since:%Y-%m-%d %H:%M:%S} UTC"
    raise UsageError(
        f"{moment:%Y-%m-%d %H:%M:%S} UTC is before the first known publish: {first}"
    )


def part_of(paths: Paths, number: int, part: str) -> Path | None:
    """A version's exports or pages, from the published folder; None if it has none."""
    written = writings(paths, number, part)
    return written[-1].relative_to(paths.published) if written else None


def writings(paths: Paths, number: int, part: str) -> list[Path]:
    """The folders of a version's exports or pages, the last written last.

    What is written again stands beside what was there, as `site.2`, until readers see it.
    """
    name = re.compile(rf"{part}(?:\.(\d+))?")
    found = {
        int(named[1] or 1): path
        for path in folder_of(paths, number).glob(f"{part}*")
        if path.is_dir() and (named := name.fullmatch(path.name))
    }
    return [path for _, path in sorted(found.items())]


def part_link(paths: Paths, part: str) -> Path | None:
    """The exports or pages that readers see, from the published folder."""
    link = paths.published / part
    return link.readlink() if link.is_symlink() else None


def _manifest(paths: Paths, number: int) -> Version | None:
    """What a version's manifest says; None if it cannot be read or makes no sense."""
    names = {field.name for field in fields(Version)}
    try:
        said = json.loads((folder_of(paths, number) / "manifest.json").read_text())
        version = Version(**{k: v for k, v in said.items() if k in names})
        _ = version.day
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    is_right = version.number == number and isinstance(version.n_bytes, int)
    return version if is_right else None


def _damage(file: Path, version: Version | None) -> str | None:
    if version is None:
        return "its manifest.json cannot be read"
    try:
        n_bytes = file.stat().st_size
        if n_bytes != version.n_bytes:
            return f"its file has {n_bytes:,} bytes, not {version.n_bytes:,}"
        if sha256_of(file) != version.sha256:
            return "its bytes are not those that were published (SHA-256)"
    except OSError as error:
        return f"its file cannot be read: {error.strerror}"
    return None


def servings_file(paths: Paths) -> Path:
    """Where it is noted what was served from when: a line of JSON each time."""
    return paths.published / "served.jsonl"


def noted_servings(paths: Paths) -> list[tuple[int, datetime]]:
    """The numbers served and since when, as noted; lines that make no sense say nothing."""
    found: list[tuple[int, datetime]] = []
    try:
        lines = servings_file(paths).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            said = json.loads(line)
            since = datetime.fromisoformat(said["since"]).astimezone(UTC)
            found.append((int(said["number"]), since))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from others under whatever name; None if it is not there."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def folder_of(paths: Paths, number: int) -> Path:
    """Where a version stands, or is to stand."""
    return paths.published / "versions" / f"{number:06d}"


def sha256_of(file: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
