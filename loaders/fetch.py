"""Find the files that a landing is asked for."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

from loaders.errors import UsageError
from loaders.feeds import Feed


@dataclass(frozen=True)
class Stamp:
    """What tells, without reading it, that a file is the one we read before.

    The change time is in it, which no tool that keeps modification times can set.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Take the stamp of a file."""
        stat = path.stat()
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


def named_files(sources: Iterable[str], feed: Feed) -> list[Path]:
    """Files that the caller named: paths, globs, or folders of the feed's files.

    An existing path is taken as it is, even if its name looks like a glob. What is
    found is absolute, so that the ledger can say where it was.

    Raises:
        UsageError: if one of them names nothing.
    """
    found: list[Path] = []
    for source in sources:
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
            raise UsageError(missing)
        found += hits
    return found


def inbox_files(inbox: Path, feed: Feed) -> Iterator[Path]:
    """The feed's files in the inbox, by name."""
    for pattern in feed.sources:
        yield from sorted(p for p in inbox.glob(pattern) if p.is_file())


def check_readable(path: Path) -> None:
    """Check that a file can be opened.

    Raises:
        UsageError: naming the file and the reason.
    """
    if not path.is_file():
        raise UsageError(f"{path}: is not a regular file")
    if not os.access(path, os.R_OK):
        raise UsageError(f"{path}: no permission to read it")


def _matches(path: Path, feed: Feed) -> bool:
    names = {Path(pattern).name for pattern in feed.sources} | {feed.member}
    return path.is_file() and any(path.match(name) for name in names)


def _patterns(feed: Feed) -> str:
    names = {Path(pattern).name for pattern in feed.sources} | {feed.member}
    return " or ".join(sorted(names))
