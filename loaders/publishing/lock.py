"""One at a time: a lock on a file, which names its owner and dies with its processes."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from loaders.errors import BusyError
from loaders.landing.database import Owner

# Seconds to wait at least if the owner is gone.
_LAST_BREATH = 5


@contextmanager
def locked(
    file: Path, doing: str, *, patience: float = 0, command: str = "eventmart"
) -> Iterator[int]:
    """Hold a lock for as long as the block runs.

    Args:
        file: what is locked; made if it is missing, and left there.
        doing: what only one may do at a time, for others who find it locked.
        patience: seconds to try again while another process holds it.
        command: what holds it, for others.

    Yields:
        The handle that holds the lock, which a process may inherit: as long as that
        lives, it is held.

    Raises:
        BusyError: saying who holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, file, doing, patience)
        _note(handle, json.dumps(asdict(Owner.this(command))))
        yield handle
        _note(handle, "")
    finally:
        os.close(handle)


def _take(handle: int, file: Path, doing: str, patience: float) -> None:
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = _owner(file)
            # What a killed one has started ends with it, but not at the same moment.
            if time.monotonic() - began > (
                patience if _lives(owner) else max(patience, _LAST_BREATH)
            ):
                raise BusyError(
                    f"{file.parent}: {owner or 'another process'} {doing}; try again when "
                    "it has finished, or wait for it with --wait SECONDS"
                ) from error
        else:
            return
        time.sleep(0.05)


def _note(handle: int, text: str) -> None:
    os.ftruncate(handle, 0)
    # On a full disk only who has to wait misses it.
    with suppress(OSError):
        os.pwrite(handle, text.encode(), 0)


def _owner(file: Path) -> Owner | None:
    try:
        return Owner(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _lives(owner: Owner | None) -> bool:
    """Whether an owner's process is there, as far as can be known."""
    if owner is None or owner.host != socket.gethostname():
        return True
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is somebody else's.
    return True
