"""An independent reader of CSV: slow, small, and strict. It shares no code with the loader.

It walks over the file unit by unit (a byte, or two bytes in UTF-16) with the states of
RFC 4180, and says of every byte what it belongs to: a byte order mark, the lines before
the header, the header, or one record. A record is good, blank or bad; one that is not
well-formed ends with its physical line.
"""

import array
import string
import sys
from dataclasses import dataclass, field

LF, CR, QUOTE, END = 10, 13, 34, 26
ALPHANUMERIC = set(string.ascii_lowercase + string.digits)
MARKS = {
    "utf-8": b"\xef\xbb\xbf",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
}


# What always means nothing, beside an empty field.
NULLS = (
    *("\\N", "NULL", "Null", "null", "<NULL>", "<Null>", "<null>"),
    *("(NULL)", "(Null)", "(null)"),
    *("NaN", "NAN", "nan", "N/A", "n/a", "#N/A"),
)


@dataclass(frozen=True)
class Reading:
    """How a file is truly to be read."""

    encoding: str = "utf-8"
    delimiter: str = ","
    skip_lines: int = 0
    has_header: bool = True
    # Records that read in UTF-8 are no part of a file in another encoding.
    is_doubtful: bool = False
    nulls: tuple[str, ...] = NULLS
    max_bytes: int = 16 << 20
    allows_nul: bool = False


@dataclass
class Record:
    """One record: its line, its span in the file, and its values or what is wrong."""

    line: int
    start: int
    end: int
    kind: str
    values: tuple[str | None, ...] = ()


@dataclass
class File:
    """Everything that a file holds."""

    names: list[str]
    body_start: int
    n_head_lines: int
    records: list[Record] = field(default_factory=list)

    def of(self, kind: str) -> list[Record]:
        return [record for record in self.records if record.kind == kind]


class StrictReader:
    """See the module."""

    def __init__(self, data: bytes, reading: Reading) -> None:
        self.data, self.reading = data, reading
        self.width = 2 if reading.encoding.startswith("utf-16") else 1
        mark = MARKS.get(reading.encoding, b"-")
        self.base = len(mark) if data.startswith(mark) else 0
        content = data[self.base :]
        if self.width == 1:
            self.units: bytes | array.array[int] = content
        else:
            units = array.array("H", content[: len(content) // 2 * 2])
            if reading.encoding.endswith("be") == (sys.byteorder == "little"):
                units.byteswap()
            self.units = units
        self.n_units = self.length_before_end()
        self.newline = LF if LF in self.units else CR
        # A last odd byte is no character. It belongs to the last record if that is open.
        self.n_odd = len(content) % self.width
        self.is_closed = self.n_units > 0 and self.units[-1] == self.newline
        self.delimiter = ord(reading.delimiter)

    def length_before_end(self) -> int:
        """Units before Control-Z, by which DOS ended a text, or lines of nothing else."""
        units, size = self.units, len(self.units)
        at = size
        while at and units[at - 1] in (LF, CR, END):
            at -= 1
        for place in range(at, size):
            is_first = place == 0 or units[place - 1] in (LF, CR)
            is_last = all(unit == END for unit in units[place:])
            if units[place] == END and (is_first or is_last):
                return place
        return size

    def offset(self, unit: int) -> int:
        """The byte at which a unit stands."""
        odd = self.n_odd if unit == self.n_units and not self.is_closed else 0
        return self.base + unit * self.width + odd

    def line_end(self, start: int) -> int:
        at = start
        while at < self.n_units and self.units[at] != self.newline:
            at += 1
        return min(at + 1, self.n_units)

    def record(self, start: int) -> tuple[list[tuple[int, int, bool]], int] | None:
        """Spans of the fields of the record at `start`, and its end; None if malformed."""
        units, n_units = self.units, self.n_units
        fields, at = [], start
        while True:
            is_quoted = at < n_units and units[at] == QUOTE
            first = at
            if is_quoted:
                at += 1
                while True:
                    while at < n_units and units[at] != QUOTE:
                        at += 1
                    if at == n_units:
                        return None
                    at += 1
                    if at < n_units and units[at] == QUOTE:
                        at += 1
                    else:
                        break
            else:
                while at < n_units and units[at] not in (self.delimiter, LF, CR):
                    at += 1
            fields.append((first, at, is_quoted))
            if at == n_units:
                return fields, at
            if units[at] == self.delimiter:
                at += 1
                continue
            if units[at] == self.newline:
                return fields, at + 1
            is_pair = units[at] == CR and at + 1 < n_units and units[at + 1] == LF
            return (fields, at + 2) if is_pair and self.newline == LF else None

    def text(self, start: int, end: int) -> str | None:
        """Units as text; None if they are none in the file's encoding."""
        raw = self.data[self.base + start * self.width : self.base + end * self.width]
        try:
            if self.reading.encoding == "cp1252-via-cp850":
                return raw.decode("latin-1").encode("cp850").decode("cp1252")
            return raw.decode(self.reading.encoding)
        except UnicodeError:
            return None

    def values(self, fields: list[tuple[int, int, bool]]) -> list[str] | None:
        found = []
        for start, end, is_quoted in fields:
            text = self.text(start + is_quoted, end - is_quoted)
            if text is None:
                return None
            found.append(text.replace('""', '"') if is_quoted else text)
        return found

    def read(self) -> File:
        at, line = 0, 1
        for _ in range(self.reading.skip_lines):
            at, line = self.line_end(at), line + 1
        names: list[str] = []
        if self.reading.has_header:
            found = self.record(at)
            assert found, "the header of a test is well-formed"
            start, at = at, found[1]
            names = self.values(found[0]) or []
            line += max(self.n_newlines(start, at), 1)
        file = File(names, self.offset(at), line - 1)
        while at < self.n_units:
            found = self.record(at)
            end = found[1] if found else self.line_end(at)
            kind, values = self.judge(at, end, found and found[0], file)
            file.records.append(
                Record(line, self.offset(at), self.offset(end), kind, values)
            )
            line += self.n_newlines(at, end)
            at = end
        if self.n_odd and self.is_closed:
            file.records.append(Record(line, len(self.data) - 1, len(self.data), "bad"))
        return file

    def n_newlines(self, start: int, end: int) -> int:
        return sum(unit == self.newline for unit in self.units[start:end])

    def judge(
        self,
        start: int,
        end: int,
        fields: list[tuple[int, int, bool]] | None,
        file: File,
    ) -> tuple[str, tuple[str | None, ...]]:
        stop = end
        while stop > start and self.units[stop - 1] in (LF, CR):
            stop -= 1
        is_last_odd = bool(self.n_odd) and end == self.n_units and not self.is_closed
        if stop == start and not is_last_odd:
            return "blank", ()
        has_nul = 0 in self.units[start:end] and not self.reading.allows_nul
        if fields is None or is_last_odd or has_nul:
            return "bad", ()
        n_columns = len(file.names) or len(fields)
        values = self.values(fields)
        if len(fields) != n_columns or values is None:
            return "bad", ()
        raw = self.data[self.offset(start) : self.offset(stop)]
        if self.reading.is_doubtful and holds_utf8(raw):
            return "bad", ()
        text = self.text(start, stop)
        if text is None or len(text.encode()) > self.reading.max_bytes:
            return "bad", ()
        if is_header_again(values, file.names):
            return "bad", ()
        nulls = ("", *self.reading.nulls)
        return "good", tuple(None if value in nulls else value for value in values)


def holds_utf8(raw: bytes) -> bool:
    """Whether a character of several bytes in UTF-8 stands anywhere."""
    for at in range(len(raw)):
        for length in (2, 3, 4):
            try:
                if raw[at] >= 0xC2 and len(raw[at : at + length].decode()) == 1:
                    return True
            except UnicodeDecodeError:
                continue
    return False


def is_header_again(values: list[str], names: list[str]) -> bool:
    """Whether a record is the header: the same names, but for case, blanks and marks."""

    def letters(text: str) -> str:
        return "".join(char for char in text.lower() if char in ALPHANUMERIC)

    def spellings(text: str) -> set[str]:
        words = "".join(c if c in ALPHANUMERIC else " " for c in text.lower()).split()
        return {text.strip(" \ufeff").lower(), "_".join(words), " ".join(words)}

    known = set().union(*map(spellings, names)) - {""}
    longest = max((len(name.encode()) for name in known), default=0) + 16
    hits = [value.strip(" \ufeff").lower() in known for value in values]
    is_short = [len(value.encode()) <= longest for value in values]
    is_header = any(h and s for h, s in zip(hits[:2], is_short, strict=False)) and 2 * sum(
        hits
    ) > len(names)
    return is_header and [*map(letters, values)] == [*map(letters, names)]


def read_strictly(data: bytes, reading: Reading) -> File:
    """Read a file by the rules of this module."""
    return StrictReader(data, reading).read()
