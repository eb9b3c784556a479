"""Who may read what lies in a data folder: its owner, and readers what is published.

Whatever the umask, files that hold what was delivered are 0600 and their folders 0700.
"""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OTHERS = 0o077
# What a setting takes away; without one, what the umask takes that this was started with.
READERS = {"owner": _OTHERS, "group": 0o027, "everyone": 0o022}
UMASK = os.umask(_OTHERS)
os.umask(UMASK)


@contextmanager
def private() -> Iterator[None]:
    """Let what the block writes, or a process that it starts, be its owner's alone."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def make_private(path: Path) -> None:
    """Take a file, or a folder with all in it, from everybody but its owner.

    A folder that is its owner's alone is not looked into: nobody else could. What is not
    ours to change stays as it is.
    """
    with suppress(FileNotFoundError, PermissionError):
        if path.stat().st_mode & _OTHERS:
            _change(path, lambda mode: mode & ~_OTHERS)


def show(path: Path, mask: int) -> None:
    """Let readers have a file, or a folder with all in it, but for what a mask takes."""
    _change(path, lambda mode: (0o777 if stat.S_ISDIR(mode) else 0o666) & ~mask)


def _change(path: Path, change: Callable[[int], int]) -> None:
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            inner = Path(folder, name)
            if not inner.is_symlink():
                inner.chmod(change(inner.stat().st_mode) & 0o7777)
    # Last, so that what a kill cuts short is done again.
    path.chmod(change(path.stat().st_mode) & 0o7777)
