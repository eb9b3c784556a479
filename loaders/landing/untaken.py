"""What lies in the inbox and no feed takes: said, so that nothing is left unseen."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path, PurePosixPath

from loaders.config.feeds import Feed
from loaders.config.paths import Paths
from loaders.sources import local

# How many names are shown of each kind of finding.
N_SHOWN = 3
# What the demo notes beside its deliveries.
_NOT_DELIVERED = {"truth.json"}
_CLOSED = "cannot be opened; give eventmart the permission to list and open it"
# Endings of names of files with tables that are not text.
_NO_CSV = (
    *(
        ".xlsx",
        ".xls",
        ".xlsm",
        ".xlsb",
        ".ods",
        ".numbers",
        ".parquet",
        ".feather",
        ".orc",
    ),
    *(".avro", ".json", ".jsonl", ".ndjson", ".xml", ".html", ".htm", ".pdf", ".doc"),
    *(".docx", ".mdb", ".accdb", ".dbf", ".db", ".sqlite", ".duckdb", ".sav", ".dta"),
)
_Folder = tuple[str, ...]


@dataclass(frozen=True)
class Untaken:
    """A file, or folder, that is not taken.

    Attributes:
        name: its path below the inbox.
        why: what is wrong, and what to do: the same for all of its kind.
    """

    name: str
    why: str


def untaken(
    paths: Paths, feeds: Collection[Feed], chosen: Collection[Feed]
) -> list[Untaken]:
    """Find what no feed takes of the inbox, or of the folders of the chosen feeds.

    Hidden files, and those that look like unfinished uploads, are nobody's concern.
    """
    taken = {path for feed in feeds for path in local.inbox_files(paths.inbox, feed)}
    owners = {folder: feed for feed in feeds for folder in _folders(feed)}
    found = []
    for path, fault in _walk(paths):
        name = path.relative_to(paths.inbox)
        if path in taken or local.is_unfinished(name) or str(name) in _NOT_DELIVERED:
            continue
        folder = _folder_of(name, owners)
        owner = owners.get(folder) if folder is not None else None
        is_asked = owner in chosen or len(chosen) == len(feeds)
        fault = fault or local.fault_of(path, paths.inbox)
        if is_asked and fault != local.GONE:
            why = fault or _why(name, owner, len(folder or ()), owners)
            found.append(Untaken(str(name), why))
    return sorted(found, key=lambda one: (one.why, one.name))


def untaken_lines(found: Iterable[Untaken]) -> Iterator[str]:
    """A line for each kind of finding: how many, the first names, and what to do."""
    names: dict[str, list[str]] = {}
    for one in found:
        names.setdefault(one.why, []).append(one.name)
    for why, of_kind in names.items():
        shown = ", ".join(of_kind[:N_SHOWN])
        n_more = len(of_kind) - N_SHOWN
        more = f" and {n_more:,} more" if n_more > 0 else ""
        files = "1 file" if len(of_kind) == 1 else f"{len(of_kind):,} files"
        yield f"not taken   {files}: {shown}{more}: {why}"


def _walk(paths: Paths) -> Iterator[tuple[Path, str | None]]:
    """Each file and link below the inbox; each folder that cannot be listed, and why."""
    closed: list[str] = []
    for folder, folders, names in os.walk(
        paths.inbox, onerror=lambda error: closed.append(error.filename)
    ):
        # The warehouse itself may lie in there.
        folders[:] = [name for name in folders if Path(folder, name) != paths.data]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from ((Path(folder, name), None) for name in names + links)
    yield from ((path, _CLOSED) for path in map(Path, closed) if path != paths.inbox)


def _folders(feed: Feed) -> set[_Folder]:
    """The folders below the inbox that a feed's patterns look into, in lower case."""
    found = set()
    for pattern in feed.inbox_globs:
        parts = PurePosixPath(pattern.lower()).parent.parts
        fixed = next((n for n, part in enumerate(parts) if has_magic(part)), len(parts))
        found.add(parts[:fixed])
    return found


def _folder_of(name: Path, folders: Iterable[_Folder]) -> _Folder | None:
    """The innermost of these folders that a file lies in."""
    parts = tuple(part.lower() for part in name.parent.parts)
    around = [folder for folder in folders if parts[: len(folder)] == folder]
    return max(around, key=len, default=None)


def _why(name: Path, owner: Feed | None, depth: int, folders: Iterable[_Folder]) -> str:
    if name.suffix.lower() in _NO_CSV and (owner is None or owner.format == "csv"):
        return (
            "its name is not that of a CSV file; save it as CSV in UTF-8, in the folder "
            "of its feed"
        )
    if owner is None:
        listed = ", ".join(sorted("/".join(folder) + "/" for folder in folders))
        return (
            f"not in the folder of a feed; move it into one of {listed}, or name it: "
            "eventmart land FEED FILE"
        )
    patterns = ", ".join(owner.inbox_globs)
    if len(name.parent.parts) > depth:
        return (
            f"in a folder that feed {owner.name} does not read ({patterns}); move it up, "
            "or add a pattern to the feed's sources in feeds.yml"
        )
    return (
        f"its name is not one that feed {owner.name} expects ({patterns}); rename it, "
        f"name it: eventmart land {owner.name} FILE, or add a pattern to the feed's "
        "sources in feeds.yml"
    )
