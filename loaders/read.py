"""Turn delivered bytes into something DuckDB can read without guessing.

Records are counted here, independently of DuckDB's parser. A file in which every record
is one plain line goes to DuckDB as it is; in any other, and in any that DuckDB's strict
parser refuses, each record is judged here by RFC 4180: the good ones go on, word for
word, with their line in front; the others are rejected with their raw bytes.
"""

import codecs
import csv
import json
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.drops import CHUNK
from loaders.errors import DeliveryError

MAX_RECORD_BYTES = 16 << 20
_ASCII = bytes(range(128))


@dataclass(frozen=True)
class Head:
    """A file's header: names as sent, where the body starts, and on which line."""

    names: list[str]
    offset: int
    n_lines: int


@dataclass(frozen=True)
class Body:
    """Records ready for DuckDB.

    Attributes:
        path: UTF-8 CSV without header, after `skip` lines.
        numbered: whether the first field is the record's line; else record i stands
            on line `n_header_lines + i`, i from 1.
        n_records: records in the file by our own count, rejected and blank included.
        rejects: CSV of line, byte offset, raw bytes in hex, reason, detail.
        longest_reject: bytes of the longest record in it.
        is_cut: the file ends in the middle of a record.
    """

    path: Path
    n_records: int
    skip: int = 0
    numbered: bool = False
    n_blank: int = 0
    n_rejected: int = 0
    rejects: Path | None = None
    longest_reject: int = 0
    is_cut: bool = False


# ---------------------------------------------------------------- encodings


def _mended_table() -> dict[int, int]:
    """Byte -> character of text whose cp1252 punctuation went through cp850."""
    table = {byte: byte for byte in range(128)}
    for mark in "\u2018\u2019\u201c\u201d\u2013\u2014\u2022\u2026":
        sent = mark.encode("cp1252").decode("cp850").encode("latin-1")
        table[sent[0]] = ord(mark)
    return table


_MENDED = _mended_table()
# An apostrophe within an English word, mangled: what tells this text from plain latin-1.
_MANGLED_WORD = re.compile(rb"[A-Za-z]\xc6(?:s|t|re|ll|ve|d|m)(?=\W)")


def decode(raw: bytes, encoding: str) -> str:
    """Decode bytes by one of the feeds' encodings.

    Raises:
        UnicodeDecodeError: if the bytes are not in that encoding.
    """
    if encoding == "cp1252-via-cp850":
        return codecs.charmap_decode(raw, "strict", _MENDED)[0]
    return raw.decode(encoding)


def decide_encoding(path: Path, candidates: tuple[str, ...]) -> str:
    """The first of the feed's encodings in which the whole file reads.

    If there is none it is the first, and records that do not read are rejected one by
    one. `cp1252-via-cp850` is chosen on evidence only: every byte beyond ASCII stands
    for a mangled punctuation mark, and one of them is an apostrophe within a word.
    """
    high: set[int] = set()
    is_utf8, mangled, tail = True, False, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if not chunk.isascii():
                high.update(chunk.translate(None, _ASCII))
            mangled = mangled or bool(high and _MANGLED_WORD.search(tail + chunk))
            tail = chunk[-8:]
            is_utf8 = is_utf8 and _continues(decoder, chunk)
    is_utf8 = is_utf8 and _continues(decoder, b"", final=True)
    fits = {"utf-8": is_utf8, "cp1252-via-cp850": mangled}
    sent = bytes(sorted(high))
    for encoding in candidates:
        if fits.get(encoding, True) and (encoding == "utf-8" or _reads(sent, encoding)):
            return encoding
    return candidates[0]


def _continues(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False
) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _reads(raw: bytes, encoding: str) -> bool:
    try:
        decode(raw, encoding)
    except UnicodeDecodeError:
        return False
    return True


# ---------------------------------------------------------------- records


class Grammar:
    """RFC 4180 for one delimiter and one line end."""

    def __init__(self, delimiter: str, newline: bytes) -> None:
        mark = re.escape(delimiter.encode())
        stops = mark + rb"\r\n"
        quoted = rb'"[^"]*+(?:""[^"]*+)*+"'
        field = rb'(?:%s|(?!")[^%s]*+)' % (quoted, stops)
        end = rb"\r?\n" if newline == b"\n" else rb"\r"
        self.delimiter = delimiter.encode()
        self.newline = newline
        self.record = re.compile(rb"(%s(?:%s%s)*+)(?:%s|\Z)" % (field, mark, field, end))
        # For counting: a quoted field stands between delimiters or line ends.
        self.quoted = re.compile(rb"(?:^|(?<=[%s]))%s(?=[%s]|\Z)" % (stops, quoted, stops))
        self._quoted_or_loose = re.compile(
            rb'(%s)|([^"%s]+"[^%s]*)' % (quoted, stops, stops)
        )

    def n_fields(self, record: bytes) -> int:
        """Fields of a well-formed record."""
        if b'"' not in record:
            return record.count(self.delimiter) + 1
        bare = self.quoted.sub(b"", record)
        return bare.count(self.delimiter) + 1

    def unambiguous(self, record: bytes) -> bytes:
        """A well-formed record with fields such as `5" pipe` or ` "x"` put in quotes.

        DuckDB would take a quote behind a blank for the start of a quoted field.
        """
        if b'"' not in record:
            return record
        return self._quoted_or_loose.sub(
            lambda field: field[1] or b'"%s"' % field[2].replace(b'"', b'""'), record
        )


def grammar_of(data: mmap.mmap, delimiter: str) -> Grammar:
    """CR ends a record only in a file that has no LF at all."""
    return Grammar(delimiter, b"\n" if data.find(b"\n") >= 0 else b"\r")


def read_head(data: mmap.mmap, grammar: Grammar, encoding: str) -> Head:
    """Read the header record.

    Raises:
        DeliveryError: if it is no well-formed record.
    """
    start = 3 if data[:3] == codecs.BOM_UTF8 else 0
    found = grammar.record.match(data, start)
    if not found:
        line = data[start : start + 80].splitlines()[0]
        raise DeliveryError("header_unreadable", f"line 1 is no CSV header: {line!r}")
    try:
        text = decode(found.group(1), encoding)
        names = next(csv.reader([text], delimiter=grammar.delimiter.decode()), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DeliveryError("header_unreadable", f"line 1: {error}") from error
    return Head(names, found.end(), found.group().count(grammar.newline) or 1)


def count_plain_lines(data: mmap.mmap, head: Head, grammar: Grammar) -> int | None:
    """Count the records of a body in which every record is one plain line.

    Returns None if some record may not be: a line break or a doubtful quote within a
    field, a blank line, a NUL, mixed or bare line ends, a field too many (DuckDB lets
    an empty one pass). This is the count that DuckDB's must agree with; it shares
    nothing with DuckDB's parser.
    """
    n_records, position, size = 0, head.offset, len(data)
    n_cr = n_delimiters = 0
    while position < size:
        end = position + CHUNK
        if end < size:
            cut = data.rfind(b"\n", position, end)
            if cut < 0:
                return None
            end = cut + 1
        chunk = data[position:end]
        newlines = chunk.count(b"\n")
        bare = grammar.quoted.sub(b"", chunk) if b'"' in chunk else chunk
        returns = chunk.count(b"\r")
        if (
            b'"' in bare
            or bare.count(b"\n") != newlines
            or chunk.count(b"\r\n") != returns
            or chunk[:1] in b"\r\n"
            or b"\n\n" in chunk
            or b"\n\r\n" in chunk
            or b"\0" in chunk
        ):
            return None
        n_records += newlines
        n_cr += returns
        n_delimiters += bare.count(grammar.delimiter)
        position = min(end, size)
    if head.offset < size and data[size - 1 : size] != b"\n":
        n_records += 1
    n_lf = n_records if data[size - 1 : size] == b"\n" else n_records - 1
    is_even = n_delimiters <= n_records * (len(head.names) - 1)
    return n_records if is_even and n_cr in (0, n_lf) else None


def split_strictly(
    data: mmap.mmap, head: Head, grammar: Grammar, encoding: str, spool: Path
) -> Body:
    """Judge every record: good ones to a clean file, the others to the rejects."""
    clean, rejects = spool / "clean.csv", spool / "rejects.csv"
    n_records = n_blank = n_rejected = longest = 0
    is_cut = False
    with clean.open("wb") as good, rejects.open("w") as bad:
        for line, offset, raw, well_formed in _records(data, head, grammar):
            n_records += 1
            text = raw.rstrip(b"\r\n") if well_formed else raw
            if not text.rstrip(b"\r\n"):
                n_blank += 1
                continue
            fault = _fault(text, well_formed, len(head.names), grammar, encoding)
            if fault is None:
                body = grammar.unambiguous(text)
                if encoding != "utf-8":
                    body = decode(body, encoding).encode()
                good.write(b"%d%s%s\n" % (line, grammar.delimiter, body))
                continue
            n_rejected += 1
            longest = max(longest, len(raw))
            reason, detail = fault
            bad.write(f'{line},{offset},{raw.hex()},{reason},"{detail}"\n')
            unended = raw[-1:] not in b"\r\n"
            is_cut = unended and reason in ("too_few_fields", "unterminated_quote")
    return Body(
        clean,
        n_records,
        numbered=True,
        n_blank=n_blank,
        n_rejected=n_rejected,
        rejects=rejects,
        longest_reject=longest,
        is_cut=is_cut,
    )


def _records(
    data: mmap.mmap, head: Head, grammar: Grammar
) -> Iterator[tuple[int, int, bytes, bool]]:
    """Each record's line, byte offset, bytes with its line end, and if well-formed."""
    position, line, size = head.offset, head.n_lines + 1, len(data)
    while position < size:
        found = grammar.record.match(data, position)
        if found:
            end = found.end()
        else:
            # Not well-formed: one physical line of it, so that the next can be.
            newline = data.find(grammar.newline, position)
            end = size if newline < 0 else newline + 1
        raw = data[position:end]
        yield line, position, raw, found is not None
        line += raw.count(grammar.newline)
        position = end


def _fault(
    text: bytes, well_formed: bool, n_expected: int, grammar: Grammar, encoding: str
) -> tuple[str, str] | None:
    """Why a record is rejected: reason and detail; None if it is good."""
    if not well_formed:
        body = text.rstrip(b"\n").removesuffix(b"\r")
        if body.count(b'"') % 2:
            return "unterminated_quote", "a quoted field does not end on this line"
        if b'"' not in body:
            return "bare_carriage_return", "a carriage return does not end this line"
        return "stray_quote", "a quote inside a quoted field is not doubled"
    if b"\0" in text:
        return "nul_byte", f"a NUL at byte {text.index(0)} of the record"
    if len(text) > MAX_RECORD_BYTES:
        return "record_too_large", f"{len(text)} bytes, {MAX_RECORD_BYTES} allowed"
    n_fields = grammar.n_fields(text)
    if n_fields != n_expected:
        reason = "too_few_fields" if n_fields < n_expected else "too_many_fields"
        return reason, f"{n_fields} fields, the header has {n_expected}"
    if not text.isascii() and not _reads(text, encoding):
        return "invalid_encoding", f"not {encoding}"
    return None


# ---------------------------------------------------------------- files


def read_csv(
    path: Path, candidates: tuple[str, ...], delimiter: str, spool: Path, strict: bool
) -> tuple[Head, str, Body]:
    """Prepare a CSV file: its header, the encoding chosen, and its body for DuckDB.

    Args:
        path: the plain bytes as delivered.
        candidates: the feed's encodings.
        delimiter: the feed's delimiter.
        spool: scratch folder.
        strict: judge every record here, plain or not.

    Raises:
        DeliveryError: if the header cannot be read.
    """
    encoding = decide_encoding(path, candidates)
    with path.open("rb") as stream, _mapped(stream.fileno()) as data:
        grammar = grammar_of(data, delimiter)
        head = read_head(data, grammar, encoding)
        plain = None if strict else count_plain_lines(data, head, grammar)
        if plain is None:
            body = split_strictly(data, head, grammar, encoding, spool)
        elif encoding == "utf-8":
            body = Body(path, plain, skip=head.n_lines)
        else:
            body = Body(_transcode(data, head.offset, encoding, spool), plain)
    return head, encoding, body


def read_geojson(path: Path, spool: Path) -> tuple[Head, str, Body]:
    """Prepare a GeoJSON FeatureCollection: a row per feature, its geometry as text.

    Raises:
        DeliveryError: if it is no such collection.
    """
    clean = spool / "clean.csv"
    try:
        features = json.loads(path.read_bytes())["features"]
        rows = [{**f["properties"], "geometry": f["geometry"]} for f in features]
        names = list(dict.fromkeys(name for row in rows for name in row))
        with clean.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
            for number, row in enumerate(rows, start=1):
                writer.writerow([number, *(_json_text(row.get(name)) for name in names)])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DeliveryError(
            "geojson_unreadable", f"is no GeoJSON FeatureCollection: {error}"
        ) from error
    return Head(names, 0, 0), "utf-8", Body(clean, len(rows), numbered=True)


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def record_at(path: Path, line: int, delimiter: str) -> bytes:
    """The record that starts on a physical line of a plain CSV file."""
    with path.open("rb") as stream, _mapped(stream.fileno()) as data:
        grammar = grammar_of(data, delimiter)
        position = 0
        for _ in range(line - 1):
            position = data.find(grammar.newline, position) + 1
        found = grammar.record.match(data, position)
        return found.group(1) if found else data[position : position + 1000]


def _transcode(data: mmap.mmap, offset: int, encoding: str, spool: Path) -> Path:
    target = spool / "utf8.csv"
    with target.open("wb") as stream:
        for start in range(offset, len(data), CHUNK):
            chunk = data[start : min(start + CHUNK, len(data))]
            stream.write(decode(chunk, encoding).encode())
    return target


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
