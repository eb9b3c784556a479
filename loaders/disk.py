"""Room on a disk, asked for before it is taken."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

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
