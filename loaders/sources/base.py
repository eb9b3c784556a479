"""What a source offers: one thing to land, known by its stamp before it is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from loaders.errors import DeliveryError


@dataclass(frozen=True)
class Fetched:
    """A file to land, and the stamp by which its source will be known again.

    Without a stamp it is taken for new each time.
    """

    path: Path
    stamp: str | None


@dataclass(frozen=True)
class Offer:
    """One thing that a source has.

    Attributes:
        uri: what the ledger calls it; without credentials.
        stamp: text that differs whenever the thing does, if that can be told before it
            is fetched.
        fetch: puts it into a scratch folder. It is given the stamp of the version last
            processed, and returns None if there is nothing new. Raises DeliveryError.
        is_local: whether it lies on a disk of ours.
    """

    uri: str
    stamp: str | None
    fetch: Callable[[Path, str | None], Fetched | None]
    is_local: bool = False


def failing(uri: str, error: DeliveryError) -> Offer:
    """What a source that cannot be listed offers: its failure, for the ledger."""

    def fetch(_folder: Path, _last: str | None) -> NoReturn:
        raise error

    return Offer(uri, None, fetch)


def scratch_file(folder: Path, name: str) -> Path:
    """A file in a scratch folder, called like a thing from outside as far as is safe."""
    base = re.sub(r"[^\w.-]", "_", PurePosixPath(name).name)
    # Names are limited in bytes, and a letter may have four.
    base = base.encode()[-100:].decode(errors="ignore")
    return folder / (base.lstrip(".") or "delivery")
