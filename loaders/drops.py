"""The bytes of every delivery, kept before anything is read from them."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from isal import igzip

from loaders.paths import sync

CHUNK = 1 << 20


@dataclass(frozen=True)
class Drop:
    """Kept bytes: their SHA-256, their number, and a plain copy to read now."""

    sha256: str
    n_bytes: int
    plain: Path


def keep(stream: IO[bytes], drops: Path, spool: Path) -> Drop:
    """Copy a stream to the spool and, compressed, to the drops under its SHA-256.

    The compressed copy is on disk (fsync) before its name exists, and so is its name
    before anything is made of it.

    Args:
        stream: the member's plain bytes; read to its end, so that archives are checked.
        drops: the folder of kept bytes.
        spool: the scratch folder of this landing, on the disk of the drops.
    """
    drops.mkdir(parents=True, exist_ok=True)
    digest, n_bytes = hashlib.sha256(), 0
    plain = spool / "plain"
    with (spool / "kept.gz").open("wb") as target:
        # No name and no time inside, so that the same bytes are kept as the same.
        squeezed = igzip.IGzipFile("", "wb", 1, fileobj=target, mtime=0)
        with plain.open("wb") as copy, squeezed:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                n_bytes += len(chunk)
                copy.write(chunk)
                squeezed.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    (spool / "kept.gz").replace(drops / f"{digest.hexdigest()}.gz")
    sync(drops)
    return Drop(digest.hexdigest(), n_bytes, plain)


def kept(drops: Path, sha256: str) -> Path | None:
    """The file of kept bytes, or None if they have expired."""
    path = drops / f"{sha256}.gz"
    return path if path.exists() else None


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """An empty folder for the length of one landing.

    What a killed landing left there is swept first: only one process lands at a time.
    """
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(parents=True)
    try:
        yield parent
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def restore(drop: Path, target: Path) -> Path:
    """Write kept bytes out plain, as they were delivered."""
    with igzip.open(drop, "rb") as squeezed, target.open("wb") as plain:
        shutil.copyfileobj(squeezed, plain, CHUNK)
    return target
