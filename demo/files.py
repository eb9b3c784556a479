"""Write delivered files: plain, gzip or zip; any encoding; faulty lines on request."""

import gzip
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import duckdb

from demo.margins import Ints
from demo.truth import Delivery, Fault, Reject

CHUNK = 1 << 22
# Stands in DuckDB's output for a line break within a field.
LINE_BREAK = "\x01"
# The first bytes of the resource fork that macOS puts beside each member.
_RESOURCE_FORK = bytes.fromhex("0005160700020000") + b"Mac OS X        "
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Extra:
    """A faulty line to weave in among the good ones.

    Attributes:
        text: the line without its line end.
        kind: what becomes of it.
        reason: why it is rejected, or what is wrong with it.
    """

    text: str
    kind: Literal["rejected", "set_aside", "blank"]
    reason: str


def encode(text: str, encoding: str) -> bytes:
    """Encode text as one of the feeds' encodings.

    `cp1252-via-cp850` is what the city once did: cp1252 bytes read as cp850 and
    written as latin-1.
    """
    if encoding == "cp1252-via-cp850":
        return text.encode("cp1252").decode("cp850").encode("latin-1")
    return text.encode(encoding)


def load(warehouse: duckdb.DuckDBPyConnection, table: str, arrays: dict[str, Ints]) -> None:
    """Make a table of arrays; its rows stay in their order in all that reads it."""
    warehouse.register("arrays", arrays)
    warehouse.execute(f"create table {table} as select * from arrays")  # noqa: S608
    warehouse.unregister("arrays")


def copy_out(
    warehouse: duckdb.DuckDBPyConnection,
    query: str,
    part: Path,
    parameters: Mapping[str, object] | None = None,
    options: str = "",
) -> int:
    """Write a query's rows to a file as CSV without header; returns their number."""
    path = str(part).replace("'", "''")
    row = warehouse.execute(
        f"copy ({query}) to '{path}' (format csv, header false{options})", parameters
    ).fetchone()
    return int(row[0]) if row else 0


class DeliveryFile:
    """One delivery while it is written; counts its records and remembers its faults."""

    def __init__(
        self,
        path: Path,
        header: Sequence[str],
        *,
        encoding: str = "utf-8",
        newline: str = "\n",
        quoted: bool = False,
        bom: bool = False,
        member: str = "",
    ) -> None:
        self.path = path
        self.member = member if path.suffix == ".zip" else None
        self.encoding = encoding
        self.newline = newline
        self.records = 0
        self.blank = 0
        self.rejected: list[Reject] = []
        self.set_aside: list[int] = []
        self.extras: list[tuple[Extra, int]] = []
        self._line = 1
        self._stack = ExitStack()
        self._stream = self._open()
        names = [f'"{name}"' for name in header] if quoted else header
        head = ("\ufeff" if bom else "") + ",".join(names) + newline
        self._write(encode(head, encoding))

    def _open(self) -> IO[bytes]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        raw = self._stack.enter_context(self.path.open("wb"))
        if self.path.suffix == ".gz":
            squeezed: IO[bytes] = gzip.GzipFile("", "wb", 1, fileobj=raw, mtime=0)  # type: ignore[assignment]
            return self._stack.enter_context(squeezed)
        if self.member is None:
            return raw
        archive = self._stack.enter_context(
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        )
        fork = zipfile.ZipInfo(f"__MACOSX/._{self.member}", _ZIP_TIME)
        archive.writestr(fork, _RESOURCE_FORK)
        info = zipfile.ZipInfo(self.member, _ZIP_TIME)
        info.compress_type = zipfile.ZIP_DEFLATED
        return self._stack.enter_context(archive.open(info, "w", force_zip64=True))

    def _write(self, text: bytes) -> None:
        self._stream.write(text)
        self._line += text.count(b"\n")

    def add(self, part: Path, n_records: int, extras: Iterable[Extra] = ()) -> None:
        """Append a part that DuckDB wrote (UTF-8, no header), extras spread over it."""
        self.records += n_records
        waiting = list(extras)
        step = part.stat().st_size // (len(waiting) + 1)
        with part.open("rb") as stream:
            for extra in waiting:
                self._copy(stream, step)
                self._add_extra(extra)
            self._copy(stream, None)

    def _copy(self, stream: IO[bytes], n_bytes: int | None) -> None:
        left = n_bytes
        while left is None or left > 0:
            chunk = stream.read(CHUNK if left is None else min(CHUNK, left))
            if not chunk:
                return
            left = None if left is None else left - len(chunk)
            chunk += stream.readline()  # whole records, and whole characters
            chunk = chunk.replace(LINE_BREAK.encode(), b"\n")
            if self.encoding != "utf-8":
                chunk = encode(chunk.decode(), self.encoding)
            self._write(chunk)

    def _add_extra(self, extra: Extra) -> None:
        self.records += 1
        self.extras.append((extra, self._line))
        if extra.kind == "rejected":
            self.rejected.append(Reject(self._line, extra.reason))
        elif extra.kind == "set_aside":
            self.set_aside.append(self._line)
        else:
            self.blank += 1
        self._write(encode(extra.text + self.newline, self.encoding))

    def close(self, root: Path, feed: str, layout: str, as_of: str) -> Delivery:
        """Finish the file; returns its entry in the truth."""
        self._stack.close()
        return Delivery(
            feed,
            self.path.relative_to(root).as_posix(),
            self.member,
            as_of,
            self.records,
            self.rejected,
            self.blank,
            self.set_aside,
            self.encoding,
            layout,
        )

    def faults(self, root: Path) -> Iterator[Fault]:
        """The faulty lines, one entry a reason."""
        name = self.path.relative_to(root).as_posix()
        for reason in dict.fromkeys(extra.reason for extra, _ in self.extras):
            hits = [(e, line) for e, line in self.extras if e.reason == reason]
            lines = [line for _, line in hits]
            yield Fault(reason, name, len(lines), f"{hits[0][0].kind} line", lines)


def landing_order(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Deliveries in the order of landing: by feed, then plain, gzip, zip, by name."""
    feeds = (
        *("purchases", "products", "service_requests", "accidents", "neighborhoods"),
        "kiosk_info",
    )
    suffixes = ("", ".gz", ".zip")
    return sorted(
        deliveries,
        key=lambda d: (
            feeds.index(d.feed),
            max(i for i, suffix in enumerate(suffixes) if d.file.endswith(suffix)),
            d.file,
        ),
    )
