"""Open what was delivered: a plain file, a gzip, or the members of a zip, gzip or not.

Members are streamed, never extracted by their names. What a file is, is decided by its
first bytes and not by its name; a name that promises an archive must keep its word. An
archive is good as a whole or not at all, and unpacks to no more than the feed's limits.
"""

import copy
import errno
import io
import lzma
import stat
import struct
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from isal import igzip, isal_zlib

from loaders.config.feeds import Limits
from loaders.disk import opened, regular
from loaders.errors import DeliveryError, listed
from loaders.files.kept_files import CHUNK

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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
_GZIP = b"\x1f\x8b"
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# What is sent instead of CSV, by its first bytes.
_OTHERS = {
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a zstandard archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word document",
    b"PAR1": "a Parquet file",
    b"%PDF-": "a PDF document",
    b"SQLite format 3\0": "an SQLite database",
    b"<!doctype html": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML document",
}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
# The directory of a zip is read whole: this is room for 100,000 names and more.
_MAX_DIRECTORY_BYTES = 32 << 20


@dataclass(frozen=True)
class Member:
    """One file inside a delivered file.

    Attributes:
        path: the delivered file.
        entry: where it stands in a zip; None where it is the file itself.
        limits: what it may unpack to; None for what we packed ourselves.
        beside: the names of what else the archive holds that is not read.
    """

    path: Path
    entry: zipfile.ZipInfo | None = None
    limits: Limits | None = None
    beside: Sequence[str] = ()

    @property
    def name(self) -> str | None:
        """The member's own name; None where it is the file itself."""
        return self.entry.filename if self.entry else None

    @property
    def notice(self) -> str | None:
        """What to say of all that is not read."""
        return f"not read: {listed(self.beside, 5)}" if self.beside else None

    @property
    def label(self) -> str:
        """The name to show: the file's, with the member's behind it."""
        return f"{self.path.name}:{self.name}" if self.name else self.path.name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The member's plain bytes, as a stream whose checksums are verified at its end.

        Raises:
            DeliveryError: if the archive turns out broken or a bomb, at once or on the
                way, or its content is not text.
        """
        with _damage_named(self.label), _plain(self) as stream:
            yield stream


def members(
    path: Path,
    pattern: str,
    limits: Limits,
    header_of: Callable[[bytes], tuple[int, int]] | None = None,
) -> list[Member]:
    """The members of a delivered file that match the feed's pattern.

    Of several, each has been read to its end once: their checksums are right. Those that
    are something else than the others, such as a list of columns, are left beside.

    Args:
        path: the file as delivered.
        pattern: the feed's `member` glob, matched against a zip member's base name.
        limits: what the file may unpack to.
        header_of: tells, by how a member begins, how many columns of the feed its header
            has, and how many columns in all.

    Raises:
        DeliveryError: for an unreadable or encrypted zip, one without such a member or
            beyond the limits, one with an archive inside, a file that is not the archive
            its name promises, and one that is not text.
    """
    with opened(path) as stream:
        magic = stream.read(4)
    promised = path.suffix.lower()
    if promised == ".zip" or magic in _ZIPS:
        found = _zip_members(path, pattern, limits)
    elif promised == ".gz" and magic[:2] != _GZIP:
        raise DeliveryError(
            "archive_broken",
            f"{path.name}: its name ends in .gz, but it is not a gzip file",
        )
    elif magic[:2] != _GZIP and (size := path.stat().st_size) > limits.total_bytes:
        raise DeliveryError(
            "too_large",
            f"{path.name}: has {size:,} bytes, {limits.total_bytes:,} are allowed; if the "
            "file is right, raise the feed's limits in feeds.yml",
        )
    else:
        found = [Member(path, limits=limits)]
    n_bytes, headers = 0, []
    for member in found:
        with member.open() as stream:
            chunk = stream.read(CHUNK) if len(found) > 1 else b""
            headers.append(header_of(chunk) if header_of else (0, 0))
            while chunk:
                n_bytes += len(chunk)
                _check_size(path, n_bytes, limits)
                chunk = stream.read(CHUNK)
    if len(found) == 1 or header_of is None:
        return found
    return _of_feed(path, found, headers)


def _of_feed(
    path: Path, found: list[Member], headers: list[tuple[int, int]]
) -> list[Member]:
    """Those members that may be the feed's, by how many of their columns are.

    One of as many columns as those may have lost its header: it is no other thing.
    """
    widths = {width for n_known, width in headers if n_known and 2 * n_known >= width}
    if not widths and any(width for _, width in headers):
        names = listed([str(member.name) for member in found], 5)
        raise DeliveryError(
            "archive_without_member",
            f"{path.name}: no member has a header of the feed: {names}; to read one of "
            "them, add its headers to the aliases in feeds.yml",
        )
    ours, others = [], []
    for member, (_, width) in zip(found, headers, strict=True):
        if width in {*widths, 0}:
            ours.append(member)
        else:
            others.append(str(member.name))
    beside = (*others, *found[0].beside)
    return [replace(member, beside=beside) for member in ours]


def _zip_members(path: Path, pattern: str, limits: Limits) -> list[Member]:
    with _damage_named(path.name), _Bounded(path) as file, zipfile.ZipFile(file) as archive:
        entries = [e for e in archive.infolist() if not e.is_dir()]
    if len(entries) > limits.entries:
        raise DeliveryError(
            "archive_bomb",
            f"{path.name}: {len(entries)} entries, {limits.entries} allowed",
        )
    _check_overlaps(path, entries)
    names = Counter(e.filename for e in entries)
    if "[Content_Types].xml" in names:
        raise _is_no_text(path.name, "an Office document")
    wanted, others = [], []
    for entry in entries:
        if _is_wanted(entry, pattern):
            wanted.append(entry)
        elif not _is_fork(entry.filename):
            others.append(_named(entry))
    if not wanted:
        files = [e.filename for e in entries if _is_file(e) and not _is_fork(e.filename)]
        endings = sorted({PurePosixPath(name).suffix for name in files} - {"", ".zip"})
        hint = (
            "if one of them holds the rows, name it in feeds.yml, such as by "
            f"member: '*{endings[0]}'"
            if endings
            else "ask for the file itself, or one archive of it"
        )
        inside = f", but {listed(others, 5)}" if others else "; it is empty"
        raise DeliveryError(
            "archive_without_member",
            f"{path.name}: no {pattern} inside{inside}; {hint}",
        )
    for entry in wanted:
        if names[entry.filename] > 1:
            raise DeliveryError(
                "archive_ambiguous",
                f"{path.name}: holds two members of the name {entry.filename}",
            )
        if entry.flag_bits & 0x1:
            raise DeliveryError(
                "archive_encrypted",
                f"{path.name}: is encrypted; ask for it without encryption",
            )
        if entry.compress_type not in _METHODS:
            raise DeliveryError(
                "archive_unsupported",
                f"{path.name}: {entry.filename} is compressed by method "
                f"{entry.compress_type}; ask for deflate, as zip programs do by default",
            )
    wanted.sort(key=lambda entry: entry.filename)
    return [Member(path, entry, limits, others) for entry in wanted]


def _is_wanted(entry: zipfile.ZipInfo, pattern: str) -> bool:
    name = PurePosixPath(entry.filename).name.lower().removesuffix(".gz")
    is_like = fnmatch(name, pattern.lower())
    return is_like and _is_file(entry) and not _is_fork(entry.filename)


def _is_file(entry: zipfile.ZipInfo) -> bool:
    """Whether it is neither a link nor a device, and its name is what it seems."""
    mode = stat.S_IFMT(entry.external_attr >> 16)
    return mode in (0, stat.S_IFREG) and "\0" not in entry.orig_filename


def _is_fork(name: str) -> bool:
    # macOS puts a resource fork beside each member: __MACOSX/._x.csv is not a CSV.
    parts = PurePosixPath(name)
    return "__MACOSX" in parts.parts or parts.name.startswith("._")


def _named(entry: zipfile.ZipInfo) -> str:
    return entry.filename if _is_file(entry) else f"{entry.filename} (not a regular file)"


def _check_overlaps(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes, as those of the tightest bombs do."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise DeliveryError(
                "archive_bomb", f"{path.name}: {entry.filename} overlaps another entry"
            )
        # Its header has 30 bytes and its name.
        name = len(
            entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
        )
        end = entry.header_offset + 30 + name + entry.compress_size


def _check_size(path: Path, n_bytes: int, limits: Limits | None) -> None:
    """Refuse to unpack any more of a file of which this much has been read."""
    if limits is None:
        return
    ratio = n_bytes / path.stat().st_size
    is_tight = n_bytes > limits.ratio_above_bytes and ratio > limits.ratio
    if is_tight or n_bytes > limits.total_bytes:
        raise DeliveryError(
            "archive_bomb",
            f"{path.name}: unpacks to over {n_bytes:,} bytes, {ratio:.0f} times its size; "
            f"{limits.total_bytes:,} bytes and {limits.ratio} times are allowed; if it is "
            "right, raise the feed's limits in feeds.yml",
        )


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
def _plain(member: Member) -> Iterator[IO[bytes]]:
    if member.entry is not None:
        with _Archive(member.path) as archive:
            entry = copy.copy(member.entry)
            # Read what there is, and not what the archive says there is.
            declared, entry.file_size = entry.file_size, sys.maxsize
            with archive.open(entry) as stream:
                unpacked = _Unpacked(stream, member, declared, may_be_gzip=True)
                if unpacked.is_gzip:
                    with igzip.IGzipFile(fileobj=cast(IO[bytes], unpacked)) as inner:
                        yield cast(IO[bytes], _Unpacked(cast(IO[bytes], inner), member))
                else:
                    yield cast(IO[bytes], unpacked)
        return
    with opened(member.path) as raw:
        opening = raw.read(_OPENING)
        raw.seek(0)
        if opening[:2] == _GZIP:
            with igzip.IGzipFile(fileobj=raw) as stream:
                yield cast(IO[bytes], _Unpacked(cast(IO[bytes], stream), member))
        else:
            _check_is_text(opening, member.label)
            yield raw


class _Archive(zipfile.ZipFile):
    """A zip of which one entry is read that is known from its directory.

    The directory is not read again for each, which would take the square of their number.
    """

    def _RealGetContents(self) -> None:  # noqa: N802
        pass


class _Bounded(io.FileIO):
    """A file of which `ZipFile` reads no directory that is too large for memory."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, opener=regular)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as from any file.

        Raises:
            DeliveryError: if that is too much at once.
        """
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise DeliveryError(
                "archive_bomb",
                f"{self.name}: its directory says it has {size:,} bytes, "
                f"{_MAX_DIRECTORY_BYTES:,} allowed",
            )
        return super().read(size) or b""


# The mark of a tar archive stands at byte 257.
_OPENING = 512


def _check_is_text(opening: bytes, label: str) -> None:
    """Refuse by its first bytes what no reader of text should see."""
    start = opening.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, kind in _OTHERS.items():
        if opening.startswith(magic) or (magic[:1] == b"<" and start.startswith(magic)):
            raise _is_no_text(label, kind)
    if opening[257:262] == b"ustar":
        raise _is_no_text(label, "a tar archive")


def _is_no_text(label: str, kind: str) -> DeliveryError:
    return DeliveryError(
        "unsupported_format",
        f"{label}: is {kind}; ask for CSV, as a plain file, in a zip or in a gzip",
    )


class _Unpacked(io.RawIOBase):
    """What comes out of an archive, checked while it is read."""

    def __init__(
        self,
        stream: IO[bytes],
        member: Member,
        declared: int | None = None,
        may_be_gzip: bool = False,
    ) -> None:
        self._stream, self._member, self._declared = stream, member, declared
        self._n_bytes = 0
        self._opening = stream.read(_OPENING)
        self.is_gzip = may_be_gzip and self._opening[:2] == _GZIP
        if self.is_gzip:
            return
        if self._opening[:2] == _GZIP or self._opening[:4] in _ZIPS:
            raise DeliveryError(
                "archive_nested",
                f"{member.label}: is an archive inside an archive; ask for one of them",
            )
        if may_be_gzip and member.label.lower().endswith(".gz"):
            raise DeliveryError(
                "archive_broken",
                f"{member.label}: its name ends in .gz, but it is not a gzip file",
            )
        _check_is_text(self._opening, member.label)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read the next bytes.

        Raises:
            DeliveryError: if they are too many by now, or not as many as declared.
        """
        target = memoryview(buffer)
        if self._opening:
            piece = self._opening[: len(target)]
            self._opening = self._opening[len(piece) :]
        else:
            piece = self._stream.read(len(target))
        if not piece and self._declared not in (None, self._n_bytes):
            raise zipfile.BadZipFile(
                f"{self._n_bytes} bytes, and not {self._declared} as its directory says"
            )
        self._n_bytes += len(piece)
        _check_size(self._member.path, self._n_bytes, self._member.limits)
        target[: len(piece)] = piece
        return len(piece)
