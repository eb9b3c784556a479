"""Disks: their room, regular files, whole files, and what outlasts a power cut."""

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, BinaryIO

from loaders.errors import DeliveryError, EventmartError

# What comes is asked for in steps of so many bytes.
STEP = 64 << 20
# A disk with so much room is not full: it is the delivery that is too large for it.
AMPLE = 1 << 30
NO_SPACE = "no_space"


def check_space(folder: Path, n_bytes: int, what: str) -> None:
    """Check that a disk has room for about so many bytes more.

    Raises:
        DeliveryError: if one delivery is too large for a disk that has room for others.
        EventmartError: if the disk is full, saying how much there is.
    """
    free = shutil.disk_usage(folder).free
    if free >= n_bytes:
        return
    if free >= AMPLE:
        raise DeliveryError(
            NO_SPACE,
            f"{what}: needs about {n_bytes:,} bytes of disk, and {folder} has less; "
            "nothing of it was landed; free some space and run it again, or ask for it in "
            "parts",
        )
    raise EventmartError(
        f"{folder}: needs about {n_bytes:,} bytes, {free:,} are free; nothing was "
        "landed; free some space and run it again"
    )


def spaced(
    chunks: Iterable[bytes], folder: Path, what: str, expected: int = 0
) -> Iterator[bytes]:
    """Chunks that are written into a folder, as long as there is room for them.

    What has come will take as much again when it lands: that is asked for, too.

    Args:
        chunks: the bytes, of which nobody may know how many they are.
        folder: where they are written to.
        what: what they are, to be shown.
        expected: how many they will be at least, if that is known.

    Raises:
        DeliveryError: before there is no more room, or as `check_space` does.
    """
    n_bytes = 0
    asked = STEP
    if expected > STEP:
        check_space(folder, expected, what)
    for chunk in chunks:
        n_bytes += len(chunk)
        if n_bytes >= asked:
            asked += STEP
            check_space(folder, n_bytes, what)
        yield chunk


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


# A user who may pass through a folder may still be unable to list it.
_THROUGH = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


_NO_FILE = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)


def regular(name: str, flags: int) -> int:
    """Open a regular file by its real path: an opener, as `open` takes one.

    No link is followed, even one put into the path meanwhile, and nothing is waited for.

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
    raise DeliveryError("not_a_file", f"{name}: is not a regular file; replace it with one")


def partial_name(token: str) -> str:
    """What a file is called until it is whole."""
    return f".eventmart-{token}.partial"


@contextmanager
def whole_file(file: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Write a file that is there as a whole, or not at all; what was there is replaced."""
    # Whatever the length of its own name.
    partial = file.with_name(partial_name(token_hex(8)))
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(handle, "wb") as stream:  # noqa: PTH123
            yield stream
        sync(partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
