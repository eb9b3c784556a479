"""Tell the records of a CSV file apart, count them, and judge each by RFC 4180.

Records are counted here, independently of DuckDB's parser.
"""

import codecs
import csv
import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loaders.config.feeds import canonical
from loaders.errors import DeliveryError, DeliveryHeldError
from loaders.files.encodings import (
    CHARACTER,
    Text,
    decode,
    forget,
    length_in_utf16,
    mark_length,
    pieces,
    reads,
    text_of,
)
from loaders.files.kept_files import CHUNK

# Of a record in UTF-8; larger ones are rejected.
MAX_RECORD_BYTES = 16 << 20
# Each costs time and memory, of which a file of so many takes seconds and some 300 MB.
MAX_COLUMNS = 5_000
# Nulls that short records may be padded with, as so many times the bytes of a file.
MAX_PADDING, _SMALL = 20, 16 << 20
# Of a line in a file of plain ones: as little as keeps DuckDB's buffers small.
MAX_PLAIN_BYTES = 8 << 20
# Of a rejected record; of larger ones the beginning is kept beside its offset.
MAX_REJECT_BYTES = 64 << 20
# How much of a file's beginning is looked at to say what its header might be.
_OPENING = 1 << 16


@dataclass(frozen=True)
class Head:
    """A file's header.

    Attributes:
        names: as sent.
        offset: where the body starts.
        n_lines: physical lines before the body, the header's own and those before it.
        preamble: the text before the header, where the feed allows one.
        opening: the first lines of the file, to say what is wrong with its header.
    """

    names: list[str]
    offset: int
    n_lines: int
    preamble: str = ""
    opening: str = ""


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
        n_padded: good records that ended early, and were padded.
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
    n_padded: int = 0


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
        self._field = re.compile(rb'(%s)|([^"%s][^%s]*+)' % (quoted, stops, stops))
        self._first_two = re.compile(rb"(%s)(?:%s(%s))?" % (field, mark, field))
        self._beginning = re.compile(rb"%s(?:%s%s)*+" % (field, mark, field))

    def bare(self, record: bytes) -> bytes:
        """A well-formed record without its quoted fields."""
        return self.quoted.sub(b"", record) if b'"' in record else record

    def fields(self, record: bytes, encoding: str) -> list[str]:
        """The fields of a well-formed record, decoded.

        Raises:
            UnicodeDecodeError: if they are not in that encoding.
            csv.Error: if one is longer than any name.
        """
        text = decode(record, encoding)
        return next(csv.reader([text], delimiter=self.delimiter.decode()), [])

    def first_two(self, record: bytes) -> tuple[bytes, ...]:
        """The first two fields of a well-formed record."""
        found = self._first_two.match(record)
        return tuple(
            field[1:-1].replace(b'""', b'"') if field.startswith(b'"') else field
            for field in (found.groups(b"") if found else ())
        )

    def longest(self, record: bytes) -> int:
        """The bytes of the longest field of a well-formed record, as it stands there."""
        return max((len(field[0]) for field in self._field.finditer(record)), default=0)

    def unambiguous(self, record: bytes) -> bytes:
        """A well-formed record with fields such as `5" pipe` or ` "x"` put in quotes.

        DuckDB would take a quote behind a blank for the start of a quoted field.
        """
        return self._field.sub(
            lambda field: b'"%s"' % field[2].replace(b'"', b'""')
            if field[2] and b'"' in field[2]
            else field[0],
            record,
        )

    def failure(self, data: mmap.mmap, start: int) -> int:
        """Where the reading of a record that is not well-formed stops making sense."""
        found = self._beginning.match(data, start)
        if found is None or data[found.end() : found.end() + 1] == self.delimiter:
            return len(data)  # a quoted field is open to the end
        return found.end()


def grammar_of(data: mmap.mmap, delimiter: str) -> Grammar:
    """CR ends a record only in a file that has no LF at all."""
    return Grammar(delimiter, b"\n" if data.find(b"\n") >= 0 else b"\r")


def read_head(
    data: mmap.mmap,
    grammar: Grammar,
    encoding: str,
    fits: Callable[[list[str]], bool] | None = None,
    max_preamble_lines: int = 0,
) -> Head:
    """Read the header record: the first that fits, or the first of all if none does.

    Args:
        data: the text.
        grammar: by which to read it.
        encoding: by which to decode it.
        fits: whether names may be a header of the feed.
        max_preamble_lines: how many lines may stand before it.

    Raises:
        HeaderError: if it is no well-formed record.
    """
    start = position = 3 if data[:3] == codecs.BOM_UTF8 else 0
    opening = text_of(data[start : start + _OPENING], encoding)
    for n_before in range(max_preamble_lines + 1):
        head = _head_at(data, position, grammar, encoding)
        if isinstance(head, Head) and (not fits or fits(head.names)):
            preamble = text_of(data[start:position], encoding)
            return replace(
                head, n_lines=head.n_lines + n_before, preamble=preamble, opening=opening
            )
        position = data.find(grammar.newline, position) + 1
        if not position:
            break
    first = _head_at(data, start, grammar, encoding)
    if isinstance(first, str):
        raise HeaderError(first, opening)
    return replace(first, opening=opening)


class HeaderError(DeliveryError):
    """A file does not begin with a record; its opening may show what it begins with."""

    def __init__(self, fault: str, opening: str) -> None:
        super().__init__("header_unreadable", f"line 1 {fault}")
        self.opening = opening


def _head_at(data: mmap.mmap, position: int, grammar: Grammar, encoding: str) -> Head | str:
    """The header that a record is, or why it can be none."""
    found = grammar.record.match(data, position)
    if not found:
        return "is not a CSV header: it has a single quote mark without a pair"
    if found.end() - position > MAX_RECORD_BYTES:
        return f"is longer than {MAX_RECORD_BYTES:,} bytes, the limit of a record"
    if b"\0" in found.group(1):
        return "contains a NUL byte: is the file text?"
    if found.group(1).count(grammar.delimiter) >= MAX_COLUMNS:
        return f"has more than {MAX_COLUMNS:,} columns; ask for a file of fewer"
    try:
        names = grammar.fields(found.group(1), encoding)
    except UnicodeDecodeError:
        return f"is not in {encoding}, the encoding of the rest of the file"
    except csv.Error:
        return "is not a CSV header: a name in it has more than 131,072 characters"
    return Head(names, found.end(), found.group().count(grammar.newline) or 1)


def count_plain_lines(
    data: mmap.mmap, head: Head, grammar: Grammar, field_bytes: int
) -> int | None:
    """Count the records of a body in which every record is one plain line.

    Returns None if some record may not be: a line break or a doubtful quote within a
    field, a blank line, a NUL, a 1A, mixed or bare line ends, a field too many (DuckDB lets
    an empty one pass), one that is too long. This is the count that DuckDB's must agree
    with; it shares nothing with DuckDB's parser.
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
        bare = grammar.quoted.sub(b"", chunk) if b'"' in chunk else chunk
        newlines = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
        returns = chunk.count(b"\r") if b"\r" in chunk else 0
        if (
            b'"' in bare
            or (bare is not chunk and bare.count(b"\n") != len(newlines))
            or (returns and chunk.count(b"\r\n") != returns)
            or chunk[:1] in b"\r\n"
            or np.any(np.diff(newlines) == 1)
            or (returns and b"\n\r\n" in chunk)
            or b"\0" in chunk
            or b"\x1a" in chunk
        ):
            return None
        n_records += len(newlines)
        n_cr += returns
        marks = np.frombuffer(bare, np.uint8) == ord(grammar.delimiter)
        n_delimiters += int(np.count_nonzero(marks))
        if np.diff(newlines, prepend=-1, append=len(chunk)).max() > field_bytes:
            # In long lines fields may be: where some are quoted, that is not told here.
            stops = (
                newlines
                if bare is not chunk
                else np.union1d(newlines, np.flatnonzero(marks))
            )
            if np.diff(stops, prepend=-1, append=len(chunk)).max() > field_bytes + 1:
                return None
        end = min(end, size)
        forget(data, position, end)
        position = end
    if head.offset < size and data[size - 1 : size] != b"\n":
        n_records += 1
    n_lf = n_records if data[size - 1 : size] == b"\n" else n_records - 1
    is_even = n_delimiters <= n_records * (len(head.names) - 1)
    return n_records if is_even and n_cr in (0, n_lf) else None


class Fault(NamedTuple):
    """Why a record is rejected: a code, and words for people."""

    reason: str
    detail: str


def split_strictly(
    sent: mmap.mmap,
    data: mmap.mmap,
    head: Head,
    grammar: Grammar,
    text: Text,
    spool: Path,
    field_bytes: int,
    pads: bool = False,
) -> Body:
    """Judge every record: good ones to a clean file, the others to the rejects.

    Args:
        sent: the bytes as delivered, from which rejects are cut.
        data: the same, or their UTF-8 copy if they are UTF-16.
        head: its header.
        grammar: by which to read it.
        text: how it is decoded.
        spool: scratch folder.
        field_bytes: how long one field may be.
        pads: whether records that end early are padded, and not rejected.

    Raises:
        DeliveryError: if records would be padded with many times what they are.
        DeliveryHeldError: for a second header other than the first.
    """
    clean, rejects = spool / "clean.csv", spool / "rejects.csv"
    judge = _Judge(head, grammar, text, field_bytes, pads)
    n_records = n_blank = n_rejected = longest = 0
    is_cut = False
    offset = head.offset
    if data is not sent:
        offset = mark_length(sent[:2]) + length_in_utf16(data, 0, head.offset)
    with clean.open("wb") as good, rejects.open("w") as bad:
        for line, start, end, raw, well_formed in _records(data, head, grammar):
            n_records += 1
            n_sent = end - start if data is sent else length_in_utf16(data, start, end)
            judged = judge(line, raw, well_formed) if raw else _too_large(end - start)
            if judged == b"":
                n_blank += 1
            elif isinstance(judged, bytes):
                _check_padding(judge.n_nulls, len(data))
                good.write(b"%d%s%s\n" % (line, grammar.delimiter, judged))
            else:
                n_rejected += 1
                n_kept = min(n_sent, MAX_REJECT_BYTES)
                longest = max(longest, n_kept)
                bad.write(f"{line},{offset},")
                for piece in pieces(sent, offset, offset + n_kept):
                    bad.write(piece.hex())
                bad.write(f',{judged.reason},"{judged.detail}"\n')
                is_cut = end == len(data) and _breaks_off(data, grammar, text, judged)
            offset += n_sent
    return Body(
        clean,
        n_records,
        numbered=True,
        n_blank=n_blank,
        n_rejected=n_rejected,
        rejects=rejects,
        longest_reject=longest,
        is_cut=is_cut,
        n_padded=judge.n_padded,
    )


def _check_padding(n_nulls: int, n_bytes: int) -> None:
    if n_nulls > max(_SMALL, MAX_PADDING * n_bytes):
        raise DeliveryError(
            "padded_too_much",
            f"its short records would be padded with {n_nulls:,} nulls and more, and it "
            f"has {n_bytes:,} bytes; ask for a file whose header has its columns alone",
        )


# The first bytes of a character without the others; see `copy_of_utf16`.
_CUT_UTF8 = re.compile(
    rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_CUT_UTF16 = re.compile(rb"(?:\xff|\xed[\xa0-\xaf][\x80-\xbf])\Z")


def _breaks_off(data: mmap.mmap, grammar: Grammar, text: Text, last: Fault) -> bool:
    """Whether a text ends within its last record, which is rejected for that."""
    end = data[len(data) - 4 :]
    match last.reason:
        case "too_few_fields" | "unterminated_quote":
            return not end.endswith(grammar.newline)
        case "bare_carriage_return":
            return end.endswith(b"\r")  # half of a line end
        case "invalid_encoding":
            return bool((_CUT_UTF16 if text.is_copied else _CUT_UTF8).search(end))
    return False


def _records(
    data: mmap.mmap, head: Head, grammar: Grammar
) -> Iterator[tuple[int, int, int, bytes, bool]]:
    """Each record's line, start, end, bytes with the line end, and if well-formed.

    Of a record that is too large there are no bytes.

    Where a record is not well-formed, one physical line of it is, so that the next can
    be. Lines that the failed try went through inside quotes are tried on their own only:
    from their end on a second try would go the same way and fail in the same place. So
    no byte is read more than a few times, whatever the quotes.
    """
    position, line, size = head.offset, head.n_lines + 1, len(data)
    doomed = held = position
    while position < size:
        if position - held > CHUNK:
            forget(data, held, position)
            held = position
        if position < doomed:
            newline = data.find(grammar.newline, position)
            end = size if newline < 0 else newline + 1
            found = grammar.record.match(data, position, end)
            # What ends with the line's last byte, and not before, has a line end.
            well_formed = found is not None and found.end(1) < found.end() == end
        else:
            found = grammar.record.match(data, position)
            well_formed = found is not None
            if found:
                end = found.end()
            else:
                newline = data.find(grammar.newline, position)
                end = size if newline < 0 else newline + 1
                failure = grammar.failure(data, position)
                doomed = data.rfind(grammar.newline, position, failure) + 1
        if end - position <= MAX_RECORD_BYTES + 2:
            raw = data[position:end]
            yield line, position, end, raw, well_formed
            line += raw.count(grammar.newline)
        else:
            yield line, position, end, b"", well_formed
            for piece in pieces(data, position, end):
                line += piece.count(grammar.newline)
        position = end


class _Judge:
    """Says of each record of a text whether it is good."""

    def __init__(
        self, head: Head, grammar: Grammar, text: Text, field_bytes: int, pads: bool
    ) -> None:
        self.field_bytes = field_bytes
        self.pads, self.n_padded, self.n_nulls = pads, 0, 0
        self.names, self.header_line = head.names, head.n_lines
        self.grammar, self.text, self.codec = grammar, text, text.codec
        self.words = header_words(head.names)
        lengths = [len(word.encode()) for word in self.words]
        self.longest = max(lengths, default=0) + HEADER_PADDING
        # The same as they may stand in a record: up to a delimiter, without quotes.
        self.starts = {
            word.encode().split(grammar.delimiter)[0].strip(_AROUND_WORDS).lower()
            for word in self.words
        }

    def __call__(self, line: int, raw: bytes, well_formed: bool) -> bytes | Fault:
        """A record as DuckDB is to read it, empty if it is blank, or why it is not good.

        Raises:
            DeliveryHeldError: for a second header other than the first.
        """
        body = raw.rstrip(b"\r\n") if well_formed else raw
        if not body.rstrip(b"\r\n"):
            return b""
        if fault := _malformed(body, well_formed):
            return fault
        bare = self.grammar.bare(body)
        n_fields, n_expected = bare.count(self.grammar.delimiter) + 1, len(self.names)
        # Without a line end it may be cut, and is none to pad.
        is_padded = self.pads and n_fields < n_expected and raw[-1:] in b"\r\n"
        if n_fields != n_expected and not is_padded:
            return Fault(
                "too_few_fields" if n_fields < n_expected else "too_many_fields",
                f"{n_fields} fields, the header has {n_expected}",
            )
        if (fault := self._too_long(body)) or (fault := _misread(body, self.text)):
            return fault
        if self._may_be_header(body) and (fault := self._second_header(body, line)):
            return fault
        if b'"' in bare:
            body = self.grammar.unambiguous(body)
        if self.codec != "utf-8":
            body = decode(body, self.codec).encode()
        if is_padded:
            body += self.grammar.delimiter * (n_expected - n_fields)
            self.n_padded += 1
            self.n_nulls += n_expected - n_fields
        return body if len(body) <= MAX_RECORD_BYTES else _too_large(len(body))

    def _too_long(self, body: bytes) -> Fault | None:
        if len(body) <= self.field_bytes:
            return None
        if (longest := self.grammar.longest(body)) <= self.field_bytes:
            return None
        return Fault(
            "field_too_long",
            f"a field of {longest} bytes, {self.field_bytes} allowed by field_bytes of the "
            "limits in feeds.yml",
        )

    def _may_be_header(self, body: bytes) -> bool:
        """A quick look at the beginning of two fields, where nearly all records end."""
        if not body.isascii():
            return True
        first, *rest = body.split(self.grammar.delimiter, 2)
        if first.startswith(b'"') and not first.endswith(b'"'):
            return True  # there is a delimiter in the first field
        second = rest[0] if rest else b""
        return (
            first.strip(_AROUND_WORDS).lower() in self.starts
            or second.strip(_AROUND_WORDS).lower() in self.starts
        )

    def _second_header(self, body: bytes, line: int) -> Fault | None:
        if not any(
            header_word(decode(field, self.codec)) in self.words
            for field in self.grammar.first_two(body)
            if len(field) <= self.longest
        ):
            return None
        try:
            fields = self.grammar.fields(body, self.codec)
        except csv.Error:
            return None  # a field longer than any name
        if sum(header_word(field) in self.words for field in fields) <= len(fields) / 2:
            return None
        if [*map(canonical, fields)] == [*map(canonical, self.names)]:
            return Fault("repeated_header", f"the header of line {self.header_line} again")
        raise DeliveryHeldError(
            "second_header",
            f"line {line} is a second header, with other columns or another order than "
            "the first: are these two files in one? Ask for separate files",
        )


# A name may stand with so many bytes more around it in a second header.
HEADER_PADDING = 16
# Blanks, quotes and byte order marks.
_AROUND_WORDS = b' "' + codecs.BOM_UTF8


def header_word(field: str) -> str:
    """A field as it is compared with `header_words`."""
    return field.strip(" \ufeff").lower()


def header_words(names: list[str]) -> set[str]:
    """By which a record is told for a header and no data.

    It is one if one of its first two fields, and more than half of all, are among these.
    """
    plain = {canonical(name) for name in names}
    spaced = {name.replace("_", " ") for name in plain}
    return ({header_word(name) for name in names} | plain | spaced) - {""}


def _too_large(n_bytes: int) -> Fault:
    kept = f", the first {MAX_REJECT_BYTES} are kept" if n_bytes > MAX_REJECT_BYTES else ""
    return Fault("record_too_large", f"{n_bytes} bytes, {MAX_RECORD_BYTES} allowed{kept}")


def _malformed(body: bytes, well_formed: bool) -> Fault | None:
    if not well_formed:
        body = body.rstrip(b"\n").removesuffix(b"\r")
        if body.count(b'"') % 2:
            return Fault("unterminated_quote", "a quoted field does not end on this line")
        if b'"' not in body:
            return Fault("bare_carriage_return", "a carriage return does not end this line")
        return Fault("stray_quote", "a quote inside a quoted field is not doubled")
    if b"\0" in body:
        return Fault("nul_byte", f"a NUL at byte {body.index(0)} of the record")
    if body.startswith(b"\x1a"):
        return Fault(
            "end_mark", "begins with 1A, which ends a DOS file: were two files joined?"
        )
    return None


def _misread(body: bytes, text: Text) -> Fault | None:
    if body.isascii():
        return None
    if not reads(body, text.codec):
        return Fault("invalid_encoding", f"not {text.encoding}")
    if text.is_doubtful and (found := CHARACTER.search(body)):
        char = found.group().decode()
        return Fault("mixed_encoding", f"U+{ord(char):04X} in utf-8, not {text.encoding}")
    return None
