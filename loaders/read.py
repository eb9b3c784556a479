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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loaders.drops import CHUNK
from loaders.errors import DeliveryError, DeliveryHeldError
from loaders.feeds import canonical

# Of a record in UTF-8; larger ones are rejected.
MAX_RECORD_BYTES = 16 << 20
# Of a rejected record; of larger ones the beginning is kept beside its offset.
MAX_REJECT_BYTES = 64 << 20
# GeoJSON is read whole, which takes some ten times its size in memory.
MAX_GEOJSON_BYTES = 256 << 20
# How much of a file's beginning is looked at to say what its header might be.
_OPENING = 1 << 16
_ASCII = bytes(range(0x80))
_CONTINUATIONS = bytes(range(0x80, 0xC0))
_FIRSTS_OF_FOUR = bytes(range(0xF0, 0xF5))


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
# A character of several bytes in UTF-8.
_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]"
    rb"|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]"
    rb"|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}"
)
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Text:
    """How the bytes of a delivery are read.

    Attributes:
        encoding: by which they are decoded, see `decode`.
        is_whole: every byte of them can be.
        is_doubtful: it holds characters in UTF-8, although it is not as a whole.
    """

    encoding: str
    is_whole: bool = True
    is_doubtful: bool = False

    @property
    def codec(self) -> str:
        """By which it is read here: UTF-16 is read from a copy in UTF-8."""
        return "utf-8" if self.is_copied else self.encoding

    @property
    def is_copied(self) -> bool:
        """Whether it is UTF-16."""
        return self.encoding.startswith("utf-16")


def decode(raw: bytes, encoding: str) -> str:
    """Decode bytes by one of the encodings that `decide_encoding` finds.

    Raises:
        UnicodeDecodeError: if the bytes are not in that encoding.
    """
    if encoding == "cp1252-via-cp850":
        return codecs.charmap_decode(raw, "strict", _MENDED)[0]
    return raw.decode(encoding)


def decide_encoding(path: Path, candidates: tuple[str, ...]) -> Text:
    """Find the first of the feed's encodings in which the whole file reads.

    UTF-16 is taken on evidence only: a byte order mark, or a beginning in which every
    second byte is a NUL. So is `cp1252-via-cp850`: every byte beyond ASCII stands for a
    mangled punctuation mark, and one of them is an apostrophe within a word.

    In a file of two encodings, UTF-8 and another, the one with more characters beyond
    ASCII wins, and records of the other are rejected one by one; so are records that do
    not read, if no encoding fits.

    Raises:
        DeliveryHeldError: for UTF-16 or UTF-32 that the feed does not expect.
    """
    with path.open("rb") as stream:
        wide = _wide_encoding(stream.read(512))
    expected = ", ".join(candidates)
    if wide:
        if wide.startswith("utf-16") and "utf-16" in candidates:
            return Text(wide)
        raise DeliveryHeldError(
            "unexpected_encoding",
            f"the file is in {wide}, its feed has {expected}; ask for UTF-8, or, for "
            "UTF-16, add utf-16 to the feed's encodings in feeds.yml and accept it",
        )
    narrow = [name for name in candidates if name != "utf-16"]
    if not narrow:
        raise DeliveryHeldError(
            "unexpected_encoding",
            "the file has no sign of UTF-16, the only encoding of its feed; add its own "
            "to the feed's encodings in feeds.yml and accept it",
        )
    survey = _survey(path)
    is_mixed = False
    if not survey.is_utf8 and "utf-8" in narrow:
        n_characters, n_loose = _count_characters(path)
        if n_characters and n_characters >= n_loose:
            return Text("utf-8", is_whole=False)
        is_mixed = n_characters > 0
    for name in narrow:
        fits = {"utf-8": survey.is_utf8, "cp1252-via-cp850": survey.is_mangled}
        if fits.get(name, True) and (name == "utf-8" or _reads(survey.high, name)):
            return Text(name, is_doubtful=is_mixed and name != "utf-8")
    return Text(narrow[0], is_whole=False, is_doubtful=is_mixed and narrow[0] != "utf-8")


def _wide_encoding(opening: bytes) -> str | None:
    """UTF-16 or UTF-32, if a file that begins like this is in it."""
    for mark, encoding in _MARKS.items():
        if opening.startswith(mark):
            return encoding
    # Without a mark: a first line of nothing but ASCII in units of two bytes.
    for encoding, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        line = opening[low::2].partition(b"\n")[0]
        is_wide = not any(opening[high::2][: len(line)])
        if len(line) >= 2 and is_wide and line.isascii() and 0 not in line:
            return encoding
    return None


@dataclass
class _Survey:
    """What a file's bytes beyond ASCII are."""

    high: bytes
    is_utf8: bool
    is_mangled: bool


def _survey(path: Path) -> _Survey:
    high: set[int] = set()
    is_utf8, is_mangled, tail = True, False, b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if not chunk.isascii():
                high.update(chunk.translate(None, _ASCII))
            is_mangled = is_mangled or bool(high and _MANGLED_WORD.search(tail + chunk))
            tail = chunk[-8:]
            is_utf8 = is_utf8 and _continues(decoder, chunk)
    is_utf8 = is_utf8 and _continues(decoder, b"", final=True)
    return _Survey(bytes(sorted(high)), is_utf8, is_mangled)


def _count_characters(path: Path) -> tuple[int, int]:
    """Characters of several bytes in UTF-8, and bytes beyond ASCII that are in none."""
    n_characters, n_loose, rest = 0, 0, b""
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            # A character that the chunk cuts is counted with the next one.
            whole = rest + chunk
            end = len(whole) - 1
            while end > max(len(whole) - 4, 0) and 0x80 <= whole[end] < 0xC0:
                end -= 1
            rest = whole[end:]
            loose, n_found = _CHARACTER.subn(b"", whole[:end])
            n_characters += n_found
            n_loose += len(loose.translate(None, _ASCII))
    loose, n_found = _CHARACTER.subn(b"", rest)
    return n_characters + n_found, n_loose + len(loose.translate(None, _ASCII))


def _continues(
    decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False
) -> bool:
    if chunk.isascii() and not decoder.getstate()[0]:
        return True
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


def _copy_of_utf16(path: Path, encoding: str, spool: Path) -> Path:
    """Write a UTF-16 file in UTF-8, in such a way that each byte can be traced back.

    What is no character there is none in the copy: half of a pair stays half of one, and
    a last odd byte becomes FF, which is nothing in UTF-8.
    """
    copy = spool / "utf8_of_utf16.csv"
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    with path.open("rb") as source, copy.open("wb") as target:
        source.seek(_mark_length(source.read(2)))
        while chunk := source.read(CHUNK):
            target.write(decoder.decode(chunk).encode("utf-8", "surrogatepass"))
        rest = bytes(decoder.getstate()[0])
        units = rest[: len(rest) // 2 * 2].decode(encoding, "surrogatepass")
        target.write(units.encode("utf-8", "surrogatepass"))
        target.write(b"\xff" * (len(rest) % 2))
    return copy


def _mark_length(opening: bytes) -> int:
    """Bytes of the byte order mark that a file begins with."""
    if opening[:3] == codecs.BOM_UTF8:
        return 3
    return 2 if opening[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else 0


def _length_in_utf16(copy: mmap.mmap, start: int, end: int) -> int:
    """Bytes that a piece of `_copy_of_utf16` had in the file as delivered."""
    n_bytes = 0
    for piece in _pieces(copy, start, end):
        firsts = piece.translate(None, _CONTINUATIONS)
        n_pairs = len(firsts) - len(firsts.translate(None, _FIRSTS_OF_FOUR))
        n_bytes += 2 * (len(firsts) + n_pairs) - firsts.endswith(b"\xff")
    return n_bytes


def _pieces(data: mmap.mmap, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, CHUNK):
        yield data[position : min(position + CHUNK, end)]


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
    opening = _text(data[start : start + _OPENING], encoding)
    for n_before in range(max_preamble_lines + 1):
        head = _head_at(data, position, grammar, encoding)
        if isinstance(head, Head) and (not fits or fits(head.names)):
            preamble = _text(data[start:position], encoding)
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
        line = data[position : position + 80].splitlines()[:1]
        return f"is no CSV header: {line[0] if line else b''!r}"
    if b"\0" in found.group(1):
        return "holds a NUL: is it text?"
    try:
        names = grammar.fields(found.group(1), encoding)
    except (UnicodeDecodeError, csv.Error) as error:
        return f"is no CSV header: {error}"
    return Head(names, found.end(), found.group().count(grammar.newline) or 1)


def _text(raw: bytes, encoding: str) -> str:
    """A text to show: what does not decode is shown as bytes."""
    if encoding == "cp1252-via-cp850":
        return codecs.charmap_decode(raw, "backslashreplace", _MENDED)[0]
    return raw.decode(encoding, "backslashreplace")


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
        ):
            return None
        n_records += len(newlines)
        n_cr += returns
        marks = np.frombuffer(bare, np.uint8) == ord(grammar.delimiter)
        n_delimiters += int(np.count_nonzero(marks))
        position = min(end, size)
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
    sent: mmap.mmap, data: mmap.mmap, head: Head, grammar: Grammar, text: Text, spool: Path
) -> Body:
    """Judge every record: good ones to a clean file, the others to the rejects.

    Args:
        sent: the bytes as delivered, from which rejects are cut.
        data: the same, or their UTF-8 copy if they are UTF-16.
        head: its header.
        grammar: by which to read it.
        text: how it is decoded.
        spool: scratch folder.

    Raises:
        DeliveryHeldError: for a second header other than the first.
    """
    clean, rejects = spool / "clean.csv", spool / "rejects.csv"
    judge = _Judge(head, grammar, text)
    n_records = n_blank = n_rejected = longest = 0
    is_cut = False
    offset = head.offset
    if data is not sent:
        offset = _mark_length(sent[:2]) + _length_in_utf16(data, 0, head.offset)
    with clean.open("wb") as good, rejects.open("w") as bad:
        for line, start, end, raw, well_formed in _records(data, head, grammar):
            n_records += 1
            n_sent = end - start if data is sent else _length_in_utf16(data, start, end)
            judged = judge(line, raw, well_formed) if raw else _too_large(end - start)
            if judged == b"":
                n_blank += 1
            elif isinstance(judged, bytes):
                good.write(b"%d%s%s\n" % (line, grammar.delimiter, judged))
            else:
                n_rejected += 1
                n_kept = min(n_sent, MAX_REJECT_BYTES)
                longest = max(longest, n_kept)
                bad.write(f"{line},{offset},")
                for piece in _pieces(sent, offset, offset + n_kept):
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
    )


# The first bytes of a character without the others; see `_copy_of_utf16`.
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
    doomed = position
    while position < size:
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
            for piece in _pieces(data, position, end):
                line += piece.count(grammar.newline)
        position = end


class _Judge:
    """Says of each record of a text whether it is good."""

    def __init__(self, head: Head, grammar: Grammar, text: Text) -> None:
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
        if n_fields != n_expected:
            return Fault(
                "too_few_fields" if n_fields < n_expected else "too_many_fields",
                f"{n_fields} fields, the header has {n_expected}",
            )
        if fault := _misread(body, self.text):
            return fault
        if self._may_be_header(body) and (fault := self._second_header(body, line)):
            return fault
        if b'"' in bare:
            body = self.grammar.unambiguous(body)
        if self.codec != "utf-8":
            body = decode(body, self.codec).encode()
        return body if len(body) <= MAX_RECORD_BYTES else _too_large(len(body))

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
            f"line {line} is a header of other columns, or in another order, than the "
            "first: are these two files in one? Ask for them one by one",
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
    return None


def _misread(body: bytes, text: Text) -> Fault | None:
    if body.isascii():
        return None
    if not _reads(body, text.codec):
        return Fault("invalid_encoding", f"not {text.encoding}")
    if text.is_doubtful and (found := _CHARACTER.search(body)):
        char = found.group().decode()
        return Fault("mixed_encoding", f"U+{ord(char):04X} in utf-8, not {text.encoding}")
    return None


# ---------------------------------------------------------------- files


def read_csv(
    path: Path,
    candidates: tuple[str, ...],
    delimiter: str,
    spool: Path,
    strict: bool,
    fits: Callable[[list[str]], bool] | None = None,
    max_preamble_lines: int = 0,
) -> tuple[Head, str, Body]:
    """Prepare a CSV file: its header, the encoding chosen, and its body for DuckDB.

    Args:
        path: the plain bytes as delivered.
        candidates: the feed's encodings.
        delimiter: the feed's delimiter.
        spool: scratch folder.
        strict: judge every record here, plain or not.
        fits: whether names may be a header of the feed.
        max_preamble_lines: how many lines may stand before the header.

    Raises:
        HeaderError: if the header cannot be read.
        DeliveryHeldError: for an encoding that the feed does not expect, or a second
            header other than the first.
    """
    text = decide_encoding(path, candidates)
    with _text_file(path, text, spool) as (sent, data, in_utf8):
        grammar = grammar_of(data, delimiter)
        head = read_head(data, grammar, text.codec, fits, max_preamble_lines)
        is_plain = text.is_whole and not text.is_doubtful and not strict
        plain = count_plain_lines(data, head, grammar) if is_plain else None
        if plain is None:
            body = split_strictly(sent, data, head, grammar, text, spool)
        elif text.codec == "utf-8":
            body = Body(in_utf8, plain, skip=head.n_lines)
        else:
            body = Body(_transcode(data, head.offset, text.encoding, spool), plain)
    return head, text.encoding, body


@contextmanager
def _text_file(
    path: Path, text: Text, spool: Path
) -> Iterator[tuple[mmap.mmap, mmap.mmap, Path]]:
    """A file as delivered, its text in an encoding that keeps ASCII, and where that is."""
    with path.open("rb") as stream, _mapped(stream.fileno()) as sent:
        if text.is_copied:
            copy = _copy_of_utf16(path, text.encoding, spool)
            if copy.stat().st_size == 0:
                raise HeaderError("is empty, as is the file", "")
            with copy.open("rb") as copied, _mapped(copied.fileno()) as data:
                yield sent, data, copy
        else:
            yield sent, sent, path


def read_geojson(path: Path, spool: Path) -> tuple[Head, str, Body]:
    """Prepare a GeoJSON FeatureCollection: a row per feature, its geometry as text.

    Raises:
        DeliveryError: if it is no such collection.
    """
    clean = spool / "clean.csv"
    if path.stat().st_size > MAX_GEOJSON_BYTES:
        raise DeliveryError(
            "geojson_too_large",
            f"{path.stat().st_size} bytes, and GeoJSON is read whole: "
            f"{MAX_GEOJSON_BYTES} are allowed; ask for it in parts, or as CSV",
        )
    try:
        collection = json.loads(
            path.read_bytes(), object_pairs_hook=_unique, parse_constant=_no_number
        )
        features = collection["features"]
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
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, if none of its names would replace another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"a name comes twice in one object: {[*found][:10]}")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number in JSON")


def record_at(path: Path, line: int, delimiter: str, encoding: str, spool: Path) -> str:
    """The record that starts on a physical line of a plain CSV file, decoded."""
    text = Text(encoding)
    with _text_file(path, text, spool) as (_, data, _):
        grammar = grammar_of(data, delimiter)
        position = 0
        for _ in range(line - 1):
            position = data.find(grammar.newline, position) + 1
        found = grammar.record.match(data, position)
        record = found.group(1) if found else data[position : position + 1000]
        return _text(record, text.codec)


def _transcode(data: mmap.mmap, offset: int, encoding: str, spool: Path) -> Path:
    target = spool / "utf8.csv"
    with target.open("wb") as stream:
        for start in range(offset, len(data), CHUNK):
            chunk = data[start : min(start + CHUNK, len(data))]
            stream.write(decode(chunk, encoding).encode())
    return target


def _mapped(handle: int) -> mmap.mmap:
    return mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
