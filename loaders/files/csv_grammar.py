"""How RFC 4180 separates records and fields, for one delimiter and one line end."""

import codecs
import csv
import mmap
import re

from loaders.files.encodings import decode


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
        # For counting: a quoted field stands between delimiters or line ends. What is
        # before its first quote is looked at from behind it: a pattern that begins with one
        # character is found many times as fast.
        before = rb'"(?<![^%s]")' % stops
        self.quoted = re.compile(rb"%s%s(?=[%s]|\Z)" % (before, quoted[1:], stops))
        self._field = re.compile(rb'(%s)|([^"%s][^%s]*+)' % (quoted, stops, stops))
        self._first_two = re.compile(rb"(%s)(?:%s(%s))?" % (field, mark, field))
        self._beginning = re.compile(rb"%s(?:%s%s)*+" % (field, mark, field))
        self._first, self._stops = field + mark, stops

    def bare(self, record: bytes) -> bytes:
        """Well-formed records without their quoted fields."""
        return self.quoted.sub(b"", record) if b'"' in record else record

    def plain(self, lines: bytes) -> bytes | None:
        """Whole lines without their quoted fields, if each is a record of its own.

        Returns None if some may not be: a line break or a doubtful quote within a field, a
        blank line, a NUL, a 1A, mixed or bare line ends.
        """
        bare = self.bare(lines)
        n_returns = lines.count(b"\r")
        is_odd = (
            b'"' in bare
            or (bare is not lines and bare.count(b"\n") != lines.count(b"\n"))
            or (n_returns and lines.count(b"\r\n") != n_returns)
            or lines[:1] in b"\r\n"
            or b"\n\n" in lines
            or (n_returns and b"\n\r\n" in lines)
            or b"\0" in lines
            or b"\x1a" in lines
        )
        return None if is_odd else bare

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

    def beginning_with(self, words: set[str]) -> re.Pattern[bytes]:
        """Matches a line end before a record that may begin with one of these words.

        One of its first two fields may be. It matches some others, too: a letter beyond
        ASCII stands for any.
        """
        starts = {word.encode().split(self.delimiter)[0].strip(b' "') for word in words}
        choices = b"|".join(map(re.escape, sorted(filter(bytes.isascii, starts))))
        if not all(map(bytes.isascii, starts)):
            choices += rb"|[^%s]*[\x80-\xff][^%s]*" % (self._stops, self._stops)
        around = rb'(?:[ "]|%s)*+' % codecs.BOM_UTF8
        return re.compile(
            rb"\n(?:%s)?%s(?:%s)%s(?=[%s]|\Z)"
            % (self._first, around, choices, around, self._stops),
            re.IGNORECASE,
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
