"""Dirty files by the thousand: a seeded generator of files with one to three faults.

A fault either changes the table before it is written, the records once they are written,
or the file as a whole; so faults combine. Each file comes with how it is truly to be read
and what the loader must make of it.
"""

import gzip
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.dirty.strict import MARKS, NULLS, Reading

NAMES = ["id", "name", "amount", "happened on", "note"]
MAX_RECORD_BYTES = 100_000
WORDS = [
    "Baker",
    "Civic Center",
    "Müller",
    "naïve",
    "日本",
    "😀",
    "O'Neil",
    "a",
    "x;y",
    "#1",
]
LATIN = ["Café", "Köln", "Año", "plain", "É", "señor"]


@dataclass
class Draft:
    """A file in the making."""

    rng: random.Random
    names: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    end: bytes = b"\n"
    quote_all: bool = False
    encoding: str = "utf-8"
    header: bool = True
    preamble: list[bytes] = field(default_factory=list)
    mark: bytes = b""
    # What the finished file is written in anew, where that is not `encoding`.
    recoded: str | None = None
    tail: bytes = b""
    final_end: bool = True
    # Records that stand where the rows leave off: place among the rows -> bytes.
    records: list[bytes] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    status: str = "landed"
    reason: str | None = None
    rejects: set[str] = field(default_factory=set)

    def held(self, reason: str) -> None:
        self.status, self.reason = "held", reason

    def written(self, values: list[str]) -> bytes:
        cells = []
        for value in values:
            odd = any(mark in value for mark in (self.delimiter, '"', "\r", "\n"))
            doubled = value.replace('"', '""')
            cells.append(f'"{doubled}"' if odd or self.quote_all else value)
        return encoded(self.delimiter.join(cells), self.encoding)

    def insert(self, record: bytes, reject: str | None = None) -> None:
        """Put a record of its own among the others, neither first nor last."""
        self.records.insert(self.rng.randrange(1, len(self.records)), record)
        if reject:
            self.rejects.add(reject)


@dataclass(frozen=True)
class Case:
    """A finished file, how it is truly to be read, and what must become of it.

    Attributes:
        kind: the class that it is counted in.
        faults: ids of tests/faults.py.
        members: the CSV files in it by name, None for the file itself.
    """

    kind: str
    faults: tuple[str, ...]
    data: bytes
    members: dict[str | None, bytes]
    reading: Reading
    settings: dict[str, Any]
    status: str
    reason: str | None
    rejects: frozenset[str]
    file_name: str = "things.csv"
    detail: str = ""


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "cp1252-via-cp850":
        return text.encode("cp1252").decode("cp850").encode("latin-1")
    return text.encode(encoding)


def table(rng: random.Random, words: list[str] = WORDS) -> Draft:
    rows = []
    for number in range(rng.randrange(5, 30)):
        note = rng.choice(["", "x", "1,5", 'say "hi"', "two\nlines", " pad ", "'", "NA"])
        day = f"2024-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
        plain = rng.random() < 0.8
        rows.append(
            [
                f"{rng.randrange(10**6)}-{number}",
                rng.choice(words),
                f"{rng.uniform(-999, 999):.2f}",
                day,
                rng.choice(["", "x", "ok"]) if plain else note,
            ]
        )
    draft = Draft(rng, list(NAMES), rows)
    draft.end = rng.choice([b"\n", b"\n", b"\r\n"])
    draft.quote_all = rng.random() < 0.2
    return draft


Change = Callable[[Draft], None]
# kind -> (fault ids, stage, what it does); see `fault`.
TABLE: dict[str, tuple[str, Change]] = {}
RECORDS: dict[str, tuple[str, Change]] = {}
FILE: dict[str, tuple[str, Change]] = {}
# Those after which the file still lands, and the reading of records stays the same.
COMBINES: set[str] = set()


def fault(
    stage: dict[str, tuple[str, Change]], fault_id: str, combines: bool = False
) -> Callable[[Change], Change]:
    """Enter a change under its name with underscores as blanks."""

    def enter(change: Change) -> Change:
        kind = change.__name__.replace("_", " ")
        stage[kind] = (fault_id, change)
        if combines:
            COMBINES.add(kind)
        return change

    return enter


# ---------------------------------------------------------------- the table


@fault(TABLE, "text.order", combines=True)
def columns_in_another_order(draft: Draft) -> None:
    order = list(range(len(draft.names)))
    draft.rng.shuffle(order)
    draft.names = [draft.names[at] for at in order]
    draft.rows = [[row[at] for at in order] for row in draft.rows]


@fault(TABLE, "text.added_column", combines=True)
def column_added(draft: Draft) -> None:
    at = draft.rng.randrange(len(draft.names) + 1)
    odd = ["new", "New One", "ünknown 2", "a,b", 'say "x"', "", "2nd\nline"]
    draft.names.insert(at, draft.rng.choice(odd))
    for number, row in enumerate(draft.rows):
        row.insert(at, draft.rng.choice(["", f"v{number}", "1,5", "é"]))


@fault(TABLE, "text.other_scripts", combines=True)
def columns_of_alike_letters_added(draft: Draft) -> None:
    pair = draft.rng.choice([("Höhe", "Hähe"), ("Año", "Ano"), ("Å", "Ä"), ("ñ-1", "é-1")])
    for name in pair:
        draft.names.append(name)
        for number, row in enumerate(draft.rows):
            row.append(draft.rng.choice(["", f"{name} {number}"]))


def drop_column(draft: Draft, name: str) -> None:
    at = draft.names.index(name)
    del draft.names[at]
    for row in draft.rows:
        del row[at]


@fault(TABLE, "text.removed_column")
def column_missing(draft: Draft) -> None:
    drop_column(draft, draft.rng.choice(["note", "amount", "happened on"]))


@fault(TABLE, "text.removed_column")
def required_column_missing(draft: Draft) -> None:
    drop_column(draft, "id")
    draft.held("required_column_missing")


@fault(TABLE, "text.renamed_column", combines=True)
def column_renamed_to_an_alias(draft: Draft) -> None:
    at = draft.names.index("name")
    draft.names[at] = draft.rng.choice(["Label (old)", "LABEL_OLD", "label old"])


@fault(TABLE, "text.renamed_column", combines=True)
def columns_recased_and_respaced(draft: Draft) -> None:
    spell = draft.rng.choice([str.upper, str.title, "  {} ".format, '{}"'.format])
    draft.names = [spell(name) for name in draft.names]
    draft.names = [name.replace(" ", draft.rng.choice("_- ")) for name in draft.names]


@fault(TABLE, "text.renamed_column")
def required_column_renamed(draft: Draft) -> None:
    draft.names[0] = draft.rng.choice(["identifier", "ids", "key"])
    draft.held("required_column_missing")


@fault(TABLE, "text.duplicate_column")
def column_twice(draft: Draft) -> None:
    at = draft.rng.randrange(len(draft.names))
    name = draft.names[at]
    draft.names.append(draft.rng.choice([name, name.upper(), f" {name}"]))
    for row in draft.rows:
        row.append(draft.rng.choice([row[at], "other"]))
    draft.held("duplicate_column")


@fault(TABLE, "text.exact_text", combines=True)
def text_that_looks_like_numbers(draft: Draft) -> None:
    odd = ["007", "1e3", "1_000", " 5 ", "+1", "0x10", "12345678901234567890", "1.10", "-0"]
    odd += ["NaN", "inf", "TRUE", "t", "12:30", "1/2", "03/04/2024", "1,200", "62%", "$5"]
    for row in draft.rows:
        row[draft.rng.randrange(1, 5)] = draft.rng.choice(odd)


@fault(TABLE, "text.exact_text", combines=True)
def leading_zeros(draft: Draft) -> None:
    for number, row in enumerate(draft.rows):
        row[0] = f"{number:07d}"


@fault(TABLE, "text.null_markers", combines=True)
def words_that_may_mean_nothing(draft: Draft) -> None:
    odd = ["NA", "na", "NULL", "null", "nan", "None", "NONE", "-", "\\N", "(null)", " "]
    for row in draft.rows:
        row[draft.rng.randrange(1, 5)] = draft.rng.choice(odd)
    if draft.rng.random() < 0.5:
        nulls = tuple(draft.rng.sample(odd, 2))
        draft.settings["null_markers"] = nulls
        cases = (str, str.upper, str.lower, str.title)
        spelled = {case(word) for word in nulls for case in cases}
        draft.reading = replace(draft.reading, nulls=(*NULLS, *spelled))


@fault(TABLE, "text.delimiter_inside", combines=True)
def delimiters_inside_values(draft: Draft) -> None:
    for row in draft.rows:
        row[draft.rng.randrange(1, 5)] = draft.rng.choice(["a,b", ",", ",,", 'x,"y",z'])


@fault(TABLE, "text.quoting", combines=True)
def quoted_line_breaks(draft: Draft) -> None:
    for row in draft.rows[::2]:
        at = draft.rng.randrange(1, 5)
        row[at] = draft.rng.choice(["a\nb", "a\r\nb", "\n", "a\rb", "\r\n\r\n", "x\n,y,\n"])


@fault(TABLE, "text.quoting", combines=True)
def doubled_quotes(draft: Draft) -> None:
    for row in draft.rows:
        row[draft.rng.randrange(1, 5)] = draft.rng.choice(['"', '""', 'a"b', '"a"', '","'])


@fault(TABLE, "text.huge")
def huge_field(draft: Draft) -> None:
    draft.rows[draft.rng.randrange(len(draft.rows))][1] = "y" * (MAX_RECORD_BYTES // 2)


@fault(TABLE, "text.huge")
def many_columns(draft: Draft) -> None:
    n_columns = draft.rng.choice([200, 300])
    draft.rows = draft.rows[:5]
    draft.names += [f"extra {number}" for number in range(n_columns)]
    for row in draft.rows:
        row += [draft.rng.choice(["", "1"]) for _ in range(n_columns)]


@fault(TABLE, "text.late_type_change")
def type_that_changes_late(draft: Draft) -> None:
    rows = [[f"{n}", "x", "1", "2024-01-01", ""] for n in range(25_000)]
    rows[-1][2] = draft.rng.choice(["1.6", "n/a", "1e3", "007"])
    rows[-2][3] = draft.rng.choice(["soon", "2024-13-45", "01/02/2024"])
    draft.rows = rows


def in_encoding(draft: Draft, encoding: str) -> None:
    for row in draft.rows:
        row[1] = draft.rng.choice(LATIN)
    draft.rows[0][1] = "Café"
    draft.encoding = encoding
    draft.settings["encodings"] = (
        "utf-8",
        "utf-16",
        "cp1252-via-cp850",
        "cp1252",
        "latin-1",
    )
    draft.reading = replace(draft.reading, encoding=encoding)


@fault(TABLE, "text.single_byte")
def cp1252(draft: Draft) -> None:
    in_encoding(draft, "cp1252")
    draft.rows[1][1] = "“x” – y’s €"


@fault(TABLE, "text.single_byte")
def latin_1(draft: Draft) -> None:
    in_encoding(draft, "latin-1")
    draft.rows[1][1] = "x\x81y"


@fault(TABLE, "text.single_byte")
def cp1252_mangled_through_cp850(draft: Draft) -> None:
    in_encoding(draft, "cp1252-via-cp850")
    for row in draft.rows:
        row[1] = draft.rng.choice(["President’s", "don’t", "“x”", "a – b", "…", "plain"])
    draft.rows[0][1] = "President’s"


@fault(TABLE, "delivery.duplicates", combines=True)
def rows_twice(draft: Draft) -> None:
    draft.rows += [list(row) for row in draft.rng.choices(draft.rows, k=3)]
    draft.rng.shuffle(draft.rows)


@fault(TABLE, "hostile.sql", combines=True)
def sql_in_values(draft: Draft) -> None:
    odd = ["'); drop table raw.things;--", "' or 1=1", "$1", "?", "{{ 7 }}", "%s", "\\"]
    for row in draft.rows:
        row[draft.rng.randrange(5)] = draft.rng.choice(odd)


@fault(TABLE, "hostile.sql", combines=True)
def sql_in_a_header(draft: Draft) -> None:
    odd = ['x"); drop table raw.things;--', "';--", "c0 as c1", "${x}", "*"]
    draft.names.append(draft.rng.choice(odd))
    for row in draft.rows:
        row.append("v")


# ---------------------------------------------------------------- the records


@fault(RECORDS, "text.ragged", combines=True)
def record_too_short(draft: Draft) -> None:
    n_fields = draft.rng.randrange(1, len(draft.names))
    record = draft.delimiter.join(f"s{number}" for number in range(n_fields))
    draft.insert(record.encode(), "too_few_fields")


@fault(RECORDS, "text.ragged", combines=True)
def record_too_long(draft: Draft) -> None:
    extra = draft.rng.choice(["", "x", "x"])
    draft.insert(encoded(",".join(["7"] * len(draft.names) + [extra]), draft.encoding))
    draft.rejects.add("too_many_fields")


@fault(RECORDS, "text.quoting", combines=True)
def stray_quote(draft: Draft) -> None:
    odd = ['1,"bad "quote" here",,,', '1,"x" ,,,', '1,"x"y,,,', '"1"2,,,,']
    draft.insert(draft.rng.choice(odd).encode(), "stray_quote")


@fault(RECORDS, "text.quoting", combines=True)
def unclosed_quote(draft: Draft) -> None:
    draft.records.append(b'1,"open to the end,,,')
    draft.records += [b"2,x,,,"] * draft.rng.randrange(3)
    draft.rejects.add("unterminated_quote")


@fault(RECORDS, "text.quoting", combines=True)
def quote_in_a_bare_field(draft: Draft) -> None:
    odd = ['1,5" pipe,,,', '1, "x",,,', "1,x',,,", '1,a"b"c,,,', '1,x",,,']
    blanks = b"," * (len(draft.names) - 5)
    draft.insert(draft.rng.choice(odd).encode() + blanks)


@fault(RECORDS, "text.nul", combines=True)
def nul_byte(draft: Draft) -> None:
    draft.insert(draft.rng.choice([b"1,a\0b,,,", b"\0,,,,", b'1,"\0",,,']), "nul_byte")


@fault(RECORDS, "text.mixed_encoding", combines=True)
def invalid_bytes(draft: Draft) -> None:
    odd = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80", b"\xe9"]
    record = b"1," + draft.rng.choice(odd) + b"," * (len(draft.names) - 2)
    draft.insert(record, "invalid_encoding")


@fault(RECORDS, "text.mixed_encoding", combines=True)
def replacement_characters_as_sent(draft: Draft) -> None:
    draft.insert("1,x\ufffdy".encode() + b"," * (len(draft.names) - 2))


@fault(RECORDS, "text.mixed_encoding")
def some_latin_1_in_utf_8(draft: Draft) -> None:
    draft.settings["encodings"] = ("utf-8", "cp1252", "latin-1")
    draft.records += [b"1,\xc3\xa9\xc3\xa9,,,", b"1,caf\xe9,,,"]
    draft.insert(b"2,\xe9t\xe9,,,", "invalid_encoding")
    draft.insert("3,é日本ü,,,".encode())


@fault(RECORDS, "text.mixed_encoding")
def some_utf_8_in_cp1252(draft: Draft) -> None:
    draft.settings["encodings"] = ("utf-8", "cp1252", "latin-1")
    draft.records = [record for record in draft.records if record.isascii()]
    draft.records += [b"1,caf\xe9,,,", b"2,\xe9t\xe9,,,"]
    draft.insert("3,é,,,".encode(), "mixed_encoding")
    draft.reading = replace(draft.reading, encoding="cp1252", is_doubtful=True)


@fault(RECORDS, "text.dialect_change", combines=True)
def delimiter_that_changes(draft: Draft) -> None:
    draft.records += [b"1;x;2.50;2024-01-01;y" for _ in range(draft.rng.randrange(2, 9))]
    draft.rejects.add("too_few_fields")


@fault(RECORDS, "text.two_headers", combines=True)
def header_again(draft: Draft) -> None:
    names = list(draft.names)
    if draft.rng.random() < 0.5:
        names = [f" {name.upper()} " for name in names]
    draft.insert(draft.written(names), "repeated_header")


@fault(RECORDS, "text.two_headers")
def another_header_further_down(draft: Draft) -> None:
    names = draft.rng.choice(
        [[*NAMES[1:], "id"], ["id", "label", *NAMES[2:]], ["id", *reversed(NAMES[1:])]]
    )
    draft.insert(draft.written(names))
    draft.held("second_header")


@fault(RECORDS, "text.line_ends", combines=True)
def blank_lines(draft: Draft) -> None:
    for _ in range(draft.rng.randrange(1, 4)):
        draft.insert(b"")


@fault(RECORDS, "text.line_ends", combines=True)
def carriage_return_in_a_record(draft: Draft) -> None:
    draft.insert(draft.rng.choice([b"1,x\ry,,,", b"1,x,,,\r\r", b"\r1,,,,"]))
    draft.rejects.add("bare_carriage_return")


@fault(RECORDS, "text.huge")
def record_too_large(draft: Draft) -> None:
    size = MAX_RECORD_BYTES + draft.rng.choice([1, 10, 50_000])
    many = "€" * (size // 3) if draft.rng.random() < 0.3 else "z" * size
    draft.insert(f"1,{many},,,".encode(), "record_too_large")
    # With a blank line each record is judged; plain ones of this size never are plain.
    draft.insert(b"")


@fault(RECORDS, "hostile.slow_patterns")
def quotes_that_never_close(draft: Draft) -> None:
    draft.records += [b'5","'] * draft.rng.randrange(300, 600)
    draft.records.append(b"last")
    draft.end = b"\n"


@fault(RECORDS, "hostile.slow_patterns")
def long_runs_of_quotes_and_blanks(draft: Draft) -> None:
    run = draft.rng.choice(
        [b'""' * 20_000, b'" ' * 9_000, b" " * 50_000 + b'"', b"," * 9999]
    )
    draft.insert(b"1," + run + b",,,")


# ---------------------------------------------------------------- the file


@fault(FILE, "text.bom", combines=True)
def byte_order_mark(draft: Draft) -> None:
    draft.mark = MARKS["utf-8"]


@fault(FILE, "text.line_ends", combines=True)
def no_line_end_at_the_end(draft: Draft) -> None:
    if (
        draft.records[-1].count(b",") >= len(draft.names) - 1
        and b'"' not in draft.records[-1]
    ):
        draft.final_end = False


@fault(FILE, "text.line_ends")
def carriage_returns_only(draft: Draft) -> None:
    draft.records = [record for record in draft.records if b"\n" not in record]
    draft.records += [b"1,x,,,", b"2,y,,,"]
    draft.end = b"\r"


@fault(FILE, "text.line_ends")
def line_ends_mixed(draft: Draft) -> None:
    ends = [b"\n", b"\r\n"]
    draft.records = [
        record + draft.rng.choice(ends) + draft.written(row)
        for record, row in zip(draft.records, draft.rows, strict=False)
    ]


@fault(FILE, "text.preamble", combines=True)
def preamble_allowed(draft: Draft) -> None:
    draft.preamble = some_preamble(draft.rng)
    draft.settings["max_preamble_lines"] = 5
    draft.reading = replace(draft.reading, skip_lines=len(draft.preamble))


@fault(FILE, "text.preamble")
def preamble_not_expected(draft: Draft) -> None:
    draft.preamble = some_preamble(draft.rng)
    draft.reading = replace(draft.reading, skip_lines=len(draft.preamble))
    draft.held("preamble")


def some_preamble(rng: random.Random) -> list[bytes]:
    lines = [
        b"Report of sales",
        b"",
        b"sep=,",
        b"2024-01-01;x",
        b"Rows: 5,,",
        b"caf\xc3\xa9",
    ]
    return rng.choices(lines, k=rng.randrange(1, 5))


@fault(FILE, "text.no_header")
def no_header(draft: Draft) -> None:
    draft.header = False
    draft.reading = replace(draft.reading, has_header=False)
    draft.held("no_header")


@fault(FILE, "text.utf16")
def utf_16(draft: Draft) -> None:
    encoding = draft.rng.choice(["utf-16-le", "utf-16-be"])
    draft.settings["encodings"] = ("utf-8", "utf-16")
    draft.mark = MARKS["utf-8"] if draft.rng.random() < 0.6 else b""
    draft.recoded = encoding
    draft.reading = replace(draft.reading, encoding=encoding)


@fault(FILE, "text.utf16")
def utf_16_with_half_a_pair(draft: Draft) -> None:
    utf_16(draft)
    half = draft.rng.choice([b"\x00\xd8", b"\x00\xdc"])
    text = b"".join(bytes([byte, 0]) for byte in b"9,x") + half + b",\0,\0,\0\n\0"
    if draft.recoded == "utf-16-be":
        text = b"".join(text[at : at + 2][::-1] for at in range(0, len(text), 2))
    draft.tail = text
    draft.rejects.add("invalid_encoding")


@fault(FILE, "text.utf16")
def utf_16_with_an_odd_byte(draft: Draft) -> None:
    utf_16(draft)
    draft.tail = b"1"
    draft.held("cut_mid_record")


@fault(FILE, "text.utf16")
def utf_32(draft: Draft) -> None:
    draft.recoded, draft.mark = "utf-32-le", MARKS["utf-8"]
    draft.settings["encodings"] = ("utf-8", "utf-16", "latin-1")
    draft.reading = replace(draft.reading, encoding="utf-32-le")
    draft.held("unexpected_encoding")


@fault(FILE, "text.utf16")
def utf_16_not_expected(draft: Draft) -> None:
    utf_16(draft)
    draft.settings["encodings"] = ("utf-8", "cp1252")
    draft.held("unexpected_encoding")


@fault(FILE, "text.dialect_change")
def another_delimiter(draft: Draft) -> None:
    mark = draft.rng.choice(";\t|")
    draft.delimiter = mark
    draft.records = [draft.written(row) for row in draft.rows]
    draft.reading = replace(draft.reading, delimiter=mark)
    draft.held("other_delimiter")


@fault(FILE, "text.dialect_change")
def a_delimiter_by_settings(draft: Draft) -> None:
    another_delimiter(draft)
    draft.settings["delimiter"] = draft.delimiter
    draft.status, draft.reason = "landed", None


@fault(FILE, "delivery.cut_mid_row")
def cut_in_the_middle_of_a_record(draft: Draft) -> None:
    draft.records += [
        b"1,x,1.00,2024-01-01,y",
        b"2,last,2.00,"[: draft.rng.randrange(1, 12)],
    ]
    draft.final_end = False
    draft.held("cut_mid_record")


@fault(FILE, "delivery.empty")
def no_rows(draft: Draft) -> None:
    draft.records = [b""] * draft.rng.randrange(3)
    draft.final_end = draft.rng.random() < 0.7 or bool(draft.records)
    draft.status, draft.reason = "empty", "no_rows"


@fault(FILE, "delivery.empty")
def no_bytes(draft: Draft) -> None:
    draft.header, draft.records = False, []
    draft.reading = replace(draft.reading, has_header=False)
    draft.status, draft.reason = "empty", "no_bytes"


# ---------------------------------------------------------------- finished files


def finished(draft: Draft) -> bytes:
    lines = list(draft.preamble)
    if draft.header:
        lines.append(draft.written(draft.names))
    lines += draft.records
    data = draft.end.join(lines)
    if lines and draft.final_end:
        data += draft.end
    data = draft.mark + data
    if draft.recoded:
        data = data.decode().encode(draft.recoded, "surrogatepass")
    return data + draft.tail


def text_case(kinds: tuple[str, ...], rng: random.Random) -> Case:
    """A file with these faults, worked in by stage."""
    stages = [
        {k: v for k, v in stage.items() if k in kinds} for stage in (TABLE, RECORDS, FILE)
    ]
    draft = table(rng)
    for _, change in stages[0].values():
        change(draft)
    draft.records = [draft.written(row) for row in draft.rows]
    for _, change in stages[1].values():
        change(draft)
    for _, change in stages[2].values():
        change(draft)
    data = finished(draft)
    ids = tuple(fault_id for stage in stages for fault_id, _ in stage.values())
    return Case(
        " + ".join(kinds) if len(kinds) == 1 else f"{len(kinds)} faults in one file",
        ids,
        data,
        {None: data},
        replace(draft.reading, max_bytes=MAX_RECORD_BYTES),
        draft.settings,
        draft.status,
        draft.reason,
        frozenset(draft.rejects),
        detail=" + ".join(kinds),
    )


# ---------------------------------------------------------------- archives

Packed = tuple[bytes, str, dict[str | None, bytes], str, str | None, str]
ARCHIVES: dict[str, tuple[str, Callable[[random.Random, bytes], Packed]]] = {}


def archive(fault_id: str) -> Callable[[Any], Any]:
    """Enter a way to pack CSV under its name with underscores as blanks."""

    def enter(pack: Callable[[random.Random, bytes], Packed]) -> Any:
        ARCHIVES[pack.__name__.replace("_", " ")] = (fault_id, pack)
        return pack

    return enter


def refused(data: bytes, name: str, inside: bytes, reason: str) -> Packed:
    return data, name, {None: inside}, "failed", reason, ""


def zipped(
    members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **attributes: Any
) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as packed:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            for key, value in attributes.items():
                setattr(entry, key, value)
            packed.writestr(entry, data)
    return target.getvalue()


def patched(data: bytes, mark: bytes, at: int, value: bytes) -> bytes:
    """Every header that begins with `mark`, with these bytes in its place."""
    found, position = bytearray(data), data.find(mark)
    while position >= 0:
        found[position + at : position + at + len(value)] = value
        position = data.find(mark, position + 1)
    return bytes(found)


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


@archive("archive.truncated")
def zip_cut_short(rng: random.Random, inside: bytes) -> Packed:
    data = zipped({"x.csv": inside})
    return refused(
        data[: rng.randrange(30, len(data) - 1)], "x.zip", inside, "archive_broken"
    )


@archive("archive.truncated")
def zip_with_a_wrong_checksum(rng: random.Random, inside: bytes) -> Packed:
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    data = zipped({"x.csv": inside}, method)
    data = patched(patched(data, LOCAL, 14, b"abcd"), CENTRAL, 16, b"abcd")
    return refused(data, "x.zip", inside, "archive_broken")


@archive("archive.truncated")
def last_of_several_members_broken(rng: random.Random, inside: bytes) -> Packed:
    data = zipped({"1.csv": inside, "2.csv": inside + b"1,,,,\n"}, zipfile.ZIP_STORED)
    at = data.rindex(b"1,,,,\n")
    return refused(data[:at] + b"7" + data[at + 1 :], "x.zip", inside, "archive_broken")


@archive("archive.truncated")
def gzip_cut_short(rng: random.Random, inside: bytes) -> Packed:
    data = gzip.compress(inside)
    name = rng.choice(["x.csv.gz", "x.csv"])
    return refused(data[: rng.randrange(3, len(data))], name, inside, "archive_broken")


@archive("archive.truncated")
def gzip_with_garbage_behind(rng: random.Random, inside: bytes) -> Packed:
    garbage = rng.randbytes(rng.randrange(1, 40)).replace(b"\0", b"\1")
    return refused(gzip.compress(inside) + garbage, "x.csv.gz", inside, "archive_broken")


@archive("archive.truncated")
def gzip_of_several_parts(rng: random.Random, inside: bytes) -> Packed:
    cut = rng.randrange(len(inside))
    data = gzip.compress(inside[:cut]) + gzip.compress(inside[cut:])
    return data + b"\0" * rng.randrange(9), "x.csv.gz", {None: inside}, "landed", None, ""


@archive("archive.encrypted")
def encrypted_zip(rng: random.Random, inside: bytes) -> Packed:
    data = zipped({"x.csv": inside})
    data = patched(patched(data, LOCAL, 6, b"\1\0"), CENTRAL, 8, b"\1\0")
    return refused(data, "x.zip", inside, "archive_encrypted")


@archive("archive.unsupported")
def unknown_method(rng: random.Random, inside: bytes) -> Packed:
    method = rng.choice([1, 6, 9, 93, 95, 98, 99]).to_bytes(2, "little")
    data = zipped({"x.csv": inside})
    data = patched(patched(data, LOCAL, 8, method), CENTRAL, 10, method)
    return refused(data, "x.zip", inside, "archive_unsupported")


@archive("archive.unsupported")
def another_kind_of_file(rng: random.Random, inside: bytes) -> Packed:
    starts = [
        *(b"BZh91AY", b"\xfd7zXZ\0\0", b"\x28\xb5\x2f\xfd\x24", b"7z\xbc\xaf\x27\x1c"),
        *(
            b"PAR1\x15",
            b"%PDF-1.7\n",
            b"\n<!DOCTYPE HTML><html>",
            b"<html>",
            b"Rar!\x1a\x07",
        ),
        *(b"\xd0\xcf\x11\xe0", b"SQLite format 3\0", b"<?xml version='1.0'?>"),
        b"x.csv".ljust(257, b"\0") + b"ustar\x0000",
    ]
    data = rng.choice(starts) + inside
    name = "x.csv"
    match rng.randrange(3):
        case 0:
            data, name = gzip.compress(data), "x.csv.gz"
        case 1:
            data, name = zipped({"x.csv": data}), "x.zip"
    return refused(data, name, inside, "unsupported_format")


@archive("archive.unsupported")
def office_document(rng: random.Random, inside: bytes) -> Packed:
    data = zipped({"[Content_Types].xml": b"<x/>", "xl/x.csv": inside})
    return refused(data, rng.choice(["x.xlsx", "x.csv"]), inside, "unsupported_format")


@archive("archive.bomb")
def bomb(rng: random.Random, inside: bytes) -> Packed:
    big = inside + b"1,,,,\n" * 400_000
    data, name = rng.choice(
        [(zipped({"x.csv": big}), "x.zip"), (gzip.compress(big), "x.csv")]
    )
    return refused(data, name, big, "archive_bomb")


@archive("archive.bomb")
def bomb_in_parts(rng: random.Random, inside: bytes) -> Packed:
    parts = {f"{n}.csv": inside + b"%d,,,,\n" % n * 100_000 for n in range(4)}
    return refused(zipped(parts), "x.zip", inside, "archive_bomb")


@archive("archive.bomb")
def too_many_entries(rng: random.Random, inside: bytes) -> Packed:
    entries = {f"{n}.txt": b"" for n in range(101)} | {"x.csv": inside}
    return refused(zipped(entries), "x.zip", inside, "archive_bomb")


@archive("archive.nested")
def archive_in_an_archive(rng: random.Random, inside: bytes) -> Packed:
    packed = gzip.compress(inside)
    inner = rng.choice([packed, zipped({"x.csv": inside}), zipped({})])
    data, name = rng.choice(
        [
            (zipped({"x.csv": gzip.compress(packed)}), "x.zip"),
            (zipped({"x.csv": zipped({"x.csv": inside})}), "x.zip"),
            (gzip.compress(inner), "x.csv.gz"),
        ]
    )
    return refused(data, name, inside, "archive_nested")


@archive("archive.nested")
def archive_beside_nothing(rng: random.Random, inside: bytes) -> Packed:
    inner = rng.choice(
        [{"x.txt.gz": gzip.compress(inside)}, {"x.zip": zipped({"x": inside})}]
    )
    return refused(zipped(inner), "x.zip", inside, "archive_without_member")


@archive("archive.overlap")
def overlapping_entries(rng: random.Random, inside: bytes) -> Packed:
    """Two entries of the directory that lead to the same bytes."""
    data = zipped({"1.csv": inside, "2.csv": inside})
    at = data.rindex(CENTRAL) + 42
    return refused(data[:at] + b"\0" * 4 + data[at + 4 :], "x.zip", inside, "archive_bomb")


@archive("archive.overlap")
def size_that_lies(rng: random.Random, inside: bytes) -> Packed:
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    lie = rng.choice([len(inside) - 5, len(inside) + 5, 0, 2**31])
    data = zipped({"x.csv": inside}, method)
    size = struct.pack("<I", lie)
    data = patched(patched(data, LOCAL, 22, size), CENTRAL, 24, size)
    return refused(data, "x.zip", inside, "archive_broken")


@archive("archive.overlap")
def size_and_checksum_that_lie(rng: random.Random, inside: bytes) -> Packed:
    """The beginning only, with the right checksum of the beginning."""
    part = inside[: inside.index(b"\n") + 1]
    crc = struct.pack("<I", zipfile.crc32(part))
    size = struct.pack("<I", len(part))
    data = zipped({"x.csv": inside})
    for mark, at in ((LOCAL, 14), (CENTRAL, 16)):
        data = patched(patched(data, mark, at, crc), mark, at + 8, size)
    return refused(data, "x.zip", inside, "archive_broken")


@archive("archive.names")
def odd_name(rng: random.Random, inside: bytes) -> Packed:
    name = rng.choice(
        [
            *("../../x.csv", "/etc/x.csv", "C:\\x.csv", "..\\x.csv", "a/" * 50 + "x.csv"),
            *(
                "n" * 296 + ".csv",
                "\u202evsc.x.csv",
                "日本.csv",
                "x'); drop table t;--.csv",
            ),
            *("new\nline.csv", "\x1b[31mred.csv", "x[1].csv", " .csv", "CON.csv", "x.CSV"),
        ]
    )
    return zipped({name: inside}), "x.zip", {name: inside}, "landed", None, ""


@archive("archive.names")
def names_that_differ_by_case(rng: random.Random, inside: bytes) -> Packed:
    other = inside + b"other,,,,\n"
    data = zipped({"x.csv": inside, "X.CSV": other})
    return data, "x.zip", {"X.CSV": other, "x.csv": inside}, "landed", None, ""


@archive("archive.names")
def name_twice(rng: random.Random, inside: bytes) -> Packed:
    with warnings.catch_warnings(action="ignore"):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as packed:
            packed.writestr("x.csv", inside)
            packed.writestr("x.csv", inside + b"1,,,,\n")
    return refused(target.getvalue(), "x.zip", inside, "archive_ambiguous")


@archive("archive.names")
def name_with_a_nul(rng: random.Random, inside: bytes) -> Packed:
    data = zipped({"x.csv_.exe": inside}).replace(b"x.csv_.exe", b"x.csv\0.exe")
    return refused(data, "x.zip", inside, "archive_without_member")


@archive("archive.special")
def link_or_device(rng: random.Random, inside: bytes) -> Packed:
    mode = rng.choice([0o120777, 0o020666, 0o060666, 0o010666, 0o140666]) << 16
    links = zipped({"link.csv": b"/etc/passwd"}, external_attr=mode)
    if rng.random() < 0.5:
        return refused(links, "x.zip", inside, "archive_without_member")
    target = io.BytesIO(links)
    with zipfile.ZipFile(target, "a") as packed:
        packed.writestr("x.csv", inside)
    return target.getvalue(), "x.zip", {"x.csv": inside}, "landed", None, "link.csv"


@archive("archive.members")
def other_members_beside(rng: random.Random, inside: bytes) -> Packed:
    members = {"README.txt": b"x", "__MACOSX/._x.csv": b"x", "a/": b"", "a/x.csv": inside}
    method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    data = zipped(members, method)
    return data, "x.zip", {"a/x.csv": inside}, "landed", None, "not read: README.txt"


@archive("archive.members")
def several_members(rng: random.Random, inside: bytes) -> Packed:
    found = {f"{n}.csv": inside + b"%d,,,,\n" % n for n in range(rng.randrange(2, 5))}
    return zipped(found), "x.zip", {**found}, "landed", None, ""


@archive("archive.members")
def zip_of_64_bits(rng: random.Random, inside: bytes) -> Packed:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(target, "w") as packed,
        packed.open("x.csv", "w", force_zip64=True) as member,
    ):
        member.write(inside)
    return target.getvalue(), "x.zip", {"x.csv": inside}, "landed", None, ""


@archive("archive.members")
def no_member(rng: random.Random, inside: bytes) -> Packed:
    data = rng.choice([zipped({}), zipped({"read me.txt": b"x"}), zipped({"x.csv/": b""})])
    return refused(data, rng.choice(["x.zip", "x.csv"]), inside, "archive_without_member")


# What the tests' feed allows: small, so that small files are bombs.
LIMITS = {
    "total_bytes": 1_500_000,
    "ratio": 100,
    "ratio_above_bytes": 200_000,
    "entries": 100,
}


def archive_case(kind: str, rng: random.Random) -> Case:
    """A clean file, packed with this fault."""
    draft = table(rng)
    draft.records = [draft.written(row) for row in draft.rows]
    fault_id, pack = ARCHIVES[kind]
    data, name, members, status, reason, detail = pack(rng, finished(draft))
    reading = replace(draft.reading, max_bytes=MAX_RECORD_BYTES)
    return Case(
        kind,
        (fault_id,),
        data,
        members,
        reading,
        {"limits": LIMITS},
        status,
        reason,
        frozenset(),
        name,
        detail,
    )


KINDS = [*TABLE, *RECORDS, *FILE, *ARCHIVES]
SLOW = {"type that changes late", "bomb", "bomb in parts", "quotes that never close"}


def corpus(n_each: int, n_combined: int, seed: int) -> Iterator[Case]:
    """So many files of each single fault, and so many of two or three."""
    for kind in KINDS:
        for number in range((n_each + 4) // 5 if kind in SLOW else n_each):
            rng = random.Random(f"{seed} {kind} {number}")
            yield archive_case(kind, rng) if kind in ARCHIVES else text_case((kind,), rng)
    rng = random.Random(f"{seed} combined")
    combining = sorted(COMBINES)
    for _ in range(n_combined):
        yield text_case(tuple(rng.sample(combining, rng.choice([2, 3]))), rng)
