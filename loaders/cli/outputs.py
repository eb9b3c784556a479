"""Write where the caller says: never over what is eventmart's own, nor over a file unasked.

A file appears as a whole, or not at all: what was there stays until then.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from loaders.config.paths import Paths
from loaders.disk import whole_file
from loaders.errors import UsageError


def check_place(paths: Paths, place: Path, *, force: bool = False) -> None:
    """Check that something may be written to a place that the caller named.

    Args:
        paths: the data folder, of which only the inbox may lie in it and be written to.
        place: a file or folder to write, or to replace.
        force: whether a file that is there may be replaced.

    Raises:
        UsageError: if it is in a data folder, of these paths or others, or holds one, or
            is there and may not be replaced.
    """
    real, data, inbox = (path.resolve() for path in (place, paths.data, paths.inbox))
    is_inbox = inbox != data and inbox.is_relative_to(data) and real.is_relative_to(inbox)
    around = (real, *real.parents)
    is_own = data in around or any((at / paths.landing.name).exists() for at in around)
    if data.is_relative_to(real) or (is_own and not is_inbox):
        raise UsageError(
            f"{place}: is in a data folder of eventmart, or contains one; no other files "
            "are written there; nothing was changed; name another place"
        )
    if place.is_dir():
        return  # Who writes folders knows what may lie in them.
    if os.path.lexists(place) and not _is_stream(place):
        if not place.is_file():
            raise UsageError(f"{place}: is not a regular file; name another one")
        if not force:
            raise UsageError(
                f"{place}: already exists and was not changed; name another file, or "
                "replace it with --force"
            )


@contextmanager
def new_file(
    paths: Paths, file: Path, *, force: bool = False, mode: int = 0o666
) -> Iterator[IO[bytes]]:
    """Write a file that the caller named; a pipe or terminal is written to as it is.

    Raises:
        UsageError: as `check_place` does, also if something came there meanwhile.
    """
    check_place(paths, file, force=force)
    if file.is_dir() or not file.parent.is_dir():
        is_folder = "is a folder" if file.is_dir() else "its folder does not exist"
        raise UsageError(f"{file}: {is_folder}; name another file")
    if _is_stream(file):
        with file.open("wb") as stream:
            yield stream
        return
    with whole_file(file, mode) as stream:
        yield stream
        check_place(paths, file, force=force)


def _is_stream(place: Path) -> bool:
    """Whether it is a pipe, a socket or a terminal, that holds nothing to be lost."""
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
