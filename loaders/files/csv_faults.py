"""Judge one record by RFC 4180, its header and its encoding: good, blank, or rejected."""

import csv
from typing import NamedTuple

from loaders.config.feeds import canonical
from loaders.errors import DeliveryHeldError
from loaders.files import csv_limits
from loaders.files.csv_grammar import Grammar
from loaders.files.csv_header import HEADER_PADDING, Head, header_word, header_words
from loaders.files.encodings import CHARACTER, Text, decode, reads


class Fault(NamedTuple):
    """Why a record is rejected: a code, and words for people."""

    reason: str
    detail: str


class Judge:
    """Decides for each record of a text whether it is good.

    Attributes:
        n_padded: good records so far that ended early, and were padded.
        n_nulls: nulls that they were padded with.
    """

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
        self.header_like = grammar.beginning_with(self.words)

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
        if self.header_like.match(b"\n" + body) and (
            fault := self._second_header(body, line)
        ):
            return fault
        if b'"' in bare:
            body = self.grammar.unambiguous(body)
        if self.codec != "utf-8":
            body = decode(body, self.codec).encode()
        if is_padded:
            body += self.grammar.delimiter * (n_expected - n_fields)
            self.n_padded += 1
            self.n_nulls += n_expected - n_fields
        return body if len(body) <= csv_limits.MAX_RECORD_BYTES else too_large(len(body))

    def plain(self, lines: bytes) -> list[bytes]:
        """Whole lines as DuckDB is to read them, if each is a good record of its own.

        Else there are none: some may be good.
        """
        bare = self.grammar.plain(lines)
        if bare is None:
            return []
        n_delimiters = len(self.names) - 1
        counts = {line.count(self.grammar.delimiter) for line in bare.split(b"\n")[:-1]}
        if counts != {n_delimiters} or self.header_like.search(b"\n" + lines):
            return []
        if not lines.isascii():
            if self.text.is_doubtful:
                return []
            try:
                lines = decode(lines, self.codec).encode()
            except UnicodeDecodeError:
                return []
        found = lines.replace(b"\r\n", b"\n").split(b"\n")[:-1]
        is_long = max(map(len, found)) > self.field_bytes
        return [] if is_long else found

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

    def _second_header(self, body: bytes, line: int) -> Fault | None:
        if not self.header_like.match(b"\n" + body) or not any(
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


def too_large(n_bytes: int) -> Fault:
    """Why a record of so many bytes is rejected."""
    allowed, first = csv_limits.MAX_RECORD_BYTES, csv_limits.MAX_REJECT_BYTES
    kept = f", the first {first} are kept" if n_bytes > first else ""
    return Fault("record_too_large", f"{n_bytes} bytes, {allowed} allowed{kept}")


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
