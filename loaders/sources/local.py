"""Files on a disk of ours, and standard input."""

import os
import re
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path
from urllib.parse import quote

import click

from loaders.drops import CHUNK
from loaders.errors import UsageError
from loaders.feeds import Feed
from loaders.sources.offer import Fetched, Offer
from loaders.space import spaced

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
        missing = f"{source}: no file here looks like {_patterns(feed)}"
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
        if not hit.is_file():
            raise UsageError(f"{hit}: is not a regular file")
        if not os.access(hit, os.R_OK):
            raise UsageError(f"{hit}: no permission to read it")
    return [_offer(hit) for hit in hits]


def inbox(folder: Path, feed: Feed) -> Iterator[Offer]:
    """The feed's files in the inbox, by name."""
    yield from map(_offer, inbox_files(folder, feed))


def inbox_files(folder: Path, feed: Feed) -> Iterator[Path]:
    """The paths of the feed's files in the inbox, by name; `X.CSV` is like `x.csv`."""
    for pattern in feed.inbox_globs:
        for path in sorted(filter(is_file, folder.glob(_in_any_case(pattern)))):
            if not is_unfinished(path.relative_to(folder)):
                yield path


def is_file(path: Path) -> bool:
    """Whether a path is a file, or may be one that only the landing can say more of."""
    try:
        return path.is_file()
    except PermissionError:
        return True


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


def _offer(path: Path) -> Offer:
    try:
        stamp = stamp_of(path)
    except OSError:
        # Gone since it was listed: the landing will say so.
        return Offer(uri_of(path), None, lambda *_: Fetched(path, None), is_local=True)
    return Offer(uri_of(path), stamp, lambda *_: Fetched(path, stamp), is_local=True)


def _matches(path: Path, feed: Feed) -> bool:
    names = {Path(pattern).name for pattern in feed.inbox_globs} | {feed.member}
    is_like = any(path.match(_in_any_case(name)) for name in names)
    return is_like and path.is_file() and not is_unfinished(Path(path.name))


def _patterns(feed: Feed) -> str:
    names = {Path(pattern).name for pattern in feed.inbox_globs} | {feed.member}
    return " or ".join(sorted(names))
