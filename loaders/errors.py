"""What can go wrong, by whose doing, and the exit code that says so."""

import errno
import os
from collections.abc import Sequence

# Of a message: names and texts from outside may be as long as their sender likes.
_MAX_DETAIL = 4_000


class EventmartError(Exception):
    """A failure with a message for people: what, where, why, and what to do next."""

    exit_code = 1


class UsageError(EventmartError):
    """The call or the configuration is wrong; nothing was attempted."""

    exit_code = 2


class BusyError(EventmartError):
    """Another process holds the warehouse; the same call works later."""

    exit_code = 5


class DeliveryError(EventmartError):
    """A delivery cannot be read at all; its status in the ledger is `failed`.

    Names of files may hold bytes that are no text: the detail has them escaped.
    """

    def __init__(self, reason: str, detail: str) -> None:
        if len(detail) > _MAX_DETAIL:
            detail = f"{detail[:_MAX_DETAIL]}..."
        super().__init__(detail)
        self.reason = reason
        self.detail = detail.encode("utf-8", "backslashreplace").decode()


class DeliveryHeldError(DeliveryError):
    """A delivery looks wrong as a whole; nothing of it lands, its status is `held`."""


def told(error: OSError) -> str:
    """What a file or a folder does not let itself be done, and what to do about it."""
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if not path or not error.strerror:
        return str(error)
    steps = {
        errno.EACCES: "give the user who runs eventmart the permission",
        errno.EPERM: "give the user who runs eventmart the permission",
        errno.EROFS: "its disk can only be read: choose another place",
        errno.EEXIST: "move it away, or choose another place",
        errno.ENOTDIR: "a file stands where a folder should: choose another place",
    }
    step = steps.get(error.errno or 0)
    return f"{path}: {error.strerror}" + (f"; {step}" if step else "")


def listed(names: Sequence[str], most: int) -> str:
    """The first of some names from outside, cut where they are long, and how many more."""
    shown = [name if len(name) <= 100 else f"{name[:100]}..." for name in names[:most]]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown) + more
