"""Open what was delivered: a plain file, a gzip, or the members of a zip.

Members are streamed, never extracted by their names. What a file is, is decided by its
first bytes and not by its name; a name that promises an archive must keep its word.
"""

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, cast

from isal import igzip, isal_zlib

from loaders.errors import DeliveryError

_BROKEN: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    cast(type[Exception], isal_zlib.error),
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OSError,
)


@dataclass(frozen=True)
class Member:
    """One file inside a delivered file; `name` is None where it is the file itself."""

    path: Path
    name: str | None

    @property
    def label(self) -> str:
        """The name to show: the file's, with the member's behind it."""
        return f"{self.path.name}:{self.name}" if self.name else self.path.name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The member's plain bytes, as a stream whose checksums are verified at its end.

        Raises:
            DeliveryError: if the archive turns out broken, at once or on the way.
        """
        with _damage_named(self.label), _plain(self.path, self.name) as stream:
            yield stream


def members(path: Path, pattern: str) -> list[Member]:
    """The members of a delivered file that match the feed's pattern.

    Args:
        path: the file as delivered.
        pattern: the feed's `member` glob, matched against a zip member's base name.

    Raises:
        DeliveryError: for an unreadable or encrypted zip, one without such a member,
            or a file that is not the archive its name promises.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
    promised = path.suffix.lower()
    if promised == ".zip" or magic == b"PK\x03\x04":
        return _zip_members(path, pattern)
    if promised == ".gz" and magic[:2] != b"\x1f\x8b":
        raise DeliveryError(
            "archive_broken", f"{path.name}: is called .gz but is no gzip file"
        )
    return [Member(path, None)]


def _zip_members(path: Path, pattern: str) -> list[Member]:
    with _damage_named(path.name), zipfile.ZipFile(path) as archive:
        entries = [e for e in archive.infolist() if not e.is_dir()]
    wanted = [e for e in entries if _is_wanted(e.filename, pattern)]
    if not wanted:
        inside = ", ".join(e.filename for e in entries[:5]) or "nothing"
        raise DeliveryError(
            "archive_without_member", f"{path.name}: no {pattern} inside, but {inside}"
        )
    names = [e.filename for e in wanted]
    if len(set(names)) < len(names):
        raise DeliveryError(
            "archive_ambiguous", f"{path.name}: holds two members of the same name"
        )
    if any(e.flag_bits & 0x1 for e in wanted):
        raise DeliveryError(
            "archive_encrypted", f"{path.name}: is encrypted; ask for it without"
        )
    return [Member(path, name) for name in sorted(names)]


def _is_wanted(name: str, pattern: str) -> bool:
    # macOS puts a resource fork beside each member: __MACOSX/._x.csv is no CSV.
    parts = PurePosixPath(name)
    forked = "__MACOSX" in parts.parts or parts.name.startswith("._")
    return not forked and fnmatch(parts.name.lower(), pattern)


@contextmanager
def _damage_named(label: str) -> Iterator[None]:
    """Turn whatever a damaged archive makes its reader raise into one failure."""
    try:
        yield
    except _BROKEN as error:
        # Damage comes without a number or as a bad position; other ones are the disk's.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DeliveryError(
            "archive_broken",
            f"{label}: the archive is damaged ({error}); ask for it again",
        ) from error


@contextmanager
def _plain(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    if member is not None:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            yield stream
        return
    with path.open("rb") as raw:
        magic = raw.read(2)
        raw.seek(0)
        if magic == b"\x1f\x8b":
            with igzip.IGzipFile(fileobj=raw) as stream:
                yield cast(IO[bytes], stream)
        else:
            yield raw
