"""Files on a disk of ours, and standard input."""

import os
import re
import stat
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import quote

import click

from loaders.config.feeds import Feed
from loaders.disk import spaced
from loaders.errors import UsageError
from loaders.files.kept_files import CHUNK
from loaders.sources.base import Fetched, Offer

# How names end while a browser, an upload or an editor writes the file.
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".crdownload", ".download", "~")


class NothingThereError(UsageError):
    """What was named is not there."""


def stamp_of(path: Path) -> str:
    """What tells, without reading it, that a file is the one we read before.

    The change time is in it, which no tool that keeps modification times can set.
    """
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def uri_of(path: Path) -> str:
    """What the ledger calls a file: its path, if that is text.

    Other names become a `file://` URI, which no path is, with their bytes as `%E9`.
    """
    name = str(path)
    if not any("\ud800" <= char <= "\udfff" for char in name):
        return name
    return "file://" + quote(os.fsencode(path.absolute()), safe="/ ")


def is_as_stamped(path: Path, stamp: str) -> bool:
    """Whether a file is there, and as it was when its stamp was taken."""
    try:
        return stamp_of(path) == stamp
    except FileNotFoundError:
        return False


def named(source: str, feed: Feed) -> list[Offer]:
    """A file, the files of a glob, or those in a folder that look like the feed's.

    An existing path is taken as it is, even if its name looks like a glob. What is
    found is absolute, so that the ledger can say where it was.

    Raises:
        NothingThereError: if it names nothing.
        UsageError: if a file cannot be read.
    """
    path = Path(source).absolute()
    if path.is_dir():
        hits = sorted(p for p in path.iterdir() if _matches(p, feed))
        missing = f"{source}: no file here matches {_patterns(feed)}"
    elif path.exists():
        hits, missing = [path], ""
    elif has_magic(source):
        # Path.glob cannot start from an absolute pattern.
        names = glob(str(path), recursive=True)  # noqa: PTH207
        hits = sorted(path for path in map(Path, names) if path.is_file())
        missing = f"{source}: matches no file"
    else:
        hits, missing = [], f"{source}: no such file"
    if not hits:
        raise NothingThereError(missing)
    for hit in hits:
        if hit != path and (fault := fault_of(hit, hit.parent)):
            raise UsageError(f"{hit}: {fault}")
        if not hit.is_file():
            raise UsageError(f"{hit}: is not a regular file")
        if not os.access(hit, os.R_OK):
            raise UsageError(f"{hit}: no permission to read it")
    return [_offer(hit, hit.resolve()) for hit in hits]


def inbox(folder: Path, feed: Feed) -> Iterator[Offer]:
    """The feed's files in the inbox, by name."""
    real = folder.resolve()
    for path in inbox_files(folder, feed):
        yield _offer(path, real / path.relative_to(folder))


def inbox_files(folder: Path, feed: Feed) -> Iterator[Path]:
    """The paths of the feed's files in the inbox, by name; `X.CSV` is like `x.csv`."""
    for pattern in feed.inbox_globs:
        for path in sorted(folder.glob(_in_any_case(pattern))):
            name = path.relative_to(folder)
            if not (is_unfinished(name) or fault_of(path, folder)):
                yield path


GONE = "no longer there"
_AS_A_FILE = "put the file itself into the inbox, or name it: eventmart land FEED FILE"


def fault_of(path: Path, folder: Path) -> str | None:
    """Why a path below a folder that others write into is not taken, if it is not.

    Links would be read with our rights, not with those of who has put them there; so
    would a file with a second name, which needs no right to read it.
    """
    try:
        parts = path.relative_to(folder).parents
        inner = [path, *(folder / part for part in parts if part.parts)]
        if any(stat.S_ISLNK(one.lstat().st_mode) for one in inner):
            return f"a link, or in a linked folder; links are not followed; {_AS_A_FILE}"
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return f"not a regular file; {_AS_A_FILE}"
        if found.st_nlink > 1 and not _is_writers_own(found, path.parent.stat()):
            return (
                "a file with a second name (a hard link), perhaps made by a user who "
                f"cannot read it; {_AS_A_FILE}"
            )
    except PermissionError:
        pass  # Only the landing can say more.
    except FileNotFoundError:
        return GONE
    return None


def _is_writers_own(file: os.stat_result, folder: os.stat_result) -> bool:
    """Whether who alone writes into a folder owns the file, or is us, or the system."""
    is_shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return not is_shared and folder.st_uid in (file.st_uid, os.geteuid(), 0)


def is_unfinished(name: Path) -> bool:
    """Whether a name is hidden, or of a kind that programs give while they write."""
    is_hidden = any(part.startswith(".") for part in name.parts)
    return is_hidden or name.name.lower().endswith(_UNFINISHED)


def _in_any_case(pattern: str) -> str:
    """A glob that matches names whatever the case of their letters."""

    def both_cases(found: re.Match[str]) -> str:
        letters = found[2] or found[3]
        return f"[{found[1] or ''}{letters.lower()}{letters.upper()}]"

    return re.sub(r"\[(!?)([^]]+)\]|([^\W\d_])", both_cases, pattern)


def standard_input() -> Offer:
    """What is piped in, to its end."""

    def fetch(folder: Path, _last: str | None) -> Fetched:
        path = folder / "stdin"
        stream = click.get_binary_stream("stdin")
        with path.open("wb") as target:
            for chunk in spaced(iter(lambda: stream.read(CHUNK), b""), folder, "stdin"):
                target.write(chunk)
        return Fetched(path, None)

    return Offer("stdin", None, fetch)


def _offer(path: Path, real: Path) -> Offer:
    """Offer a file by the path that it goes by; it is read by its real one."""
    try:
        stamp = stamp_of(real)
    except OSError:
        # Gone since it was listed: the landing will say so.
        return Offer(uri_of(path), None, lambda *_: Fetched(real, None), is_local=True)
    return Offer(uri_of(path), stamp, lambda *_: Fetched(real, stamp), is_local=True)


def _matches(path: Path, feed: Feed) -> bool:
    names = {Path(pattern).name for pattern in feed.inbox_globs} | {feed.member}
    is_like = any(path.match(_in_any_case(name)) for name in names)
    return is_like and path.is_file() and not is_unfinished(Path(path.name))


def _patterns(feed: Feed) -> str:
    names = {Path(pattern).name for pattern in feed.inbox_globs} | {feed.member}
    return " or ".join(sorted(names))
