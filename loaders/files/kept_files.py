"""The bytes of every delivery, kept before anything is read from them."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO

from isal import igzip

from loaders.disk import NO_SPACE, make_folder, spaced, sync
from loaders.errors import DeliveryError

CHUNK = 1 << 20
_SAMPLE = 4 << 20
_SMALL = 16 << 20
# So few bytes are hashed, or packed, sooner than a thread starts for that.
_FEW = 1 << 17


@dataclass(frozen=True)
class Drop:
    """Kept bytes: their SHA-256, their number, and a plain copy to read now."""

    sha256: str
    n_bytes: int
    plain: Path


def receive(stream: IO[bytes], spool: Path, path: Path) -> Drop:
    """Copy a stream to the spool, and take its hash.

    Args:
        stream: the member's plain bytes; read to its end, so that archives are checked.
        spool: the scratch folder of this landing.
        path: the file that it comes from.

    Raises:
        DeliveryError: if it is too large for the disk, before that is full.
    """
    digest, n_bytes = hashlib.sha256(), 0
    plain = spool / "plain"
    chunks = iter(lambda: stream.read(CHUNK), b"")
    expected = path.stat().st_size  # In an archive there is rather more.
    with plain.open("wb") as copy, ThreadPoolExecutor(1) as thread:
        for chunk in spaced(chunks, spool, path.name, expected):
            n_bytes += len(chunk)
            if len(chunk) < _FEW:
                digest.update(chunk)
                copy.write(chunk)
                continue
            hashing = thread.submit(digest.update, chunk)  # beside the writing
            copy.write(chunk)
            hashing.result()
    return Drop(digest.hexdigest(), n_bytes, plain)


@contextmanager
def keeping(drop: Drop, drops: Path) -> Iterator[Callable[[], None]]:
    """Keep received bytes, packed, under their SHA-256, while the block runs.

    They are on disk (fsync) before their name exists, and so is the name before
    anything is made of them: call what the block is given before that.

    Args:
        drop: what was received; its plain copy stays where it is during the block.
        drops: the folder of kept bytes, on the same disk.
    """
    make_folder(drops)
    ready = drop.plain.with_name("kept")
    given_up = Event()
    with ThreadPoolExecutor(1) as thread:
        # Beside the parsing, and never a second time.
        is_open = kept(drops, drop.sha256) is None
        packs = is_open and _shrinks(drop)
        task = None
        if packs and drop.n_bytes >= _FEW:
            task = thread.submit(_pack, drop.plain, ready, given_up)

        def settle() -> None:
            nonlocal is_open
            if not is_open:
                return
            if task:
                task.result()
            elif packs:
                _pack(drop.plain, ready, given_up)
            else:
                _copy(drop.plain, ready)
            sync(ready)
            ready.replace(drops / f"{drop.sha256}{'.gz' if packs else ''}")
            sync(drops)
            is_open = False

        try:
            yield settle
        except BaseException as error:
            # What is refused is kept, too, if there is room.
            if isinstance(error, DeliveryError) and error.reason != NO_SPACE:
                settle()
            else:
                given_up.set()
            raise
        settle()


def _shrinks(drop: Drop) -> bool:
    """Whether packing is worth its time: random text gains little, and takes as long."""
    if drop.n_bytes < _SMALL:
        return True
    with drop.plain.open("rb") as stream:
        sample = stream.read(_SAMPLE)
    return len(igzip.compress(sample, 1)) < len(sample) / 2


def _copy(plain: Path, copy: Path) -> None:
    try:
        os.link(plain, copy)
    except OSError:
        shutil.copyfile(plain, copy)  # on disks that know no second names


def _pack(plain: Path, packed: Path, given_up: Event) -> None:
    # No name and no time inside, so that the same bytes are kept as the same.
    with (
        plain.open("rb") as source,
        packed.open("wb") as target,
        igzip.IGzipFile("", "wb", 1, fileobj=target, mtime=0) as packer,
    ):
        while not given_up.is_set() and (chunk := source.read(CHUNK)):
            packer.write(chunk)


def kept(drops: Path, sha256: str) -> Path | None:
    """The file of kept bytes, packed or plain, or None if they have expired."""
    for path in (drops / f"{sha256}.gz", drops / sha256):
        if path.exists():
            return path.resolve()
    return None


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """An empty folder for the length of one landing.

    What a killed landing left there is swept first: only one process lands at a time.
    """
    shutil.rmtree(parent, ignore_errors=True)
    parent.mkdir(parents=True)
    try:
        yield parent.resolve()
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def restore(drop: Path, target: Path) -> Path:
    """Write kept bytes out plain, as they were delivered."""
    opened = igzip.open(drop, "rb") if drop.suffix else drop.open("rb")
    with opened as source, target.open("wb") as plain:
        shutil.copyfileobj(source, plain, CHUNK)
    return target
