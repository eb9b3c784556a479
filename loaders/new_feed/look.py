"""Look at files of an unknown feed: how they are written, and what stands in them."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import yaml

from loaders.config.feeds import AsOf, Column, Encoding, Feed, Layout, canonical
from loaders.errors import DeliveryError, UsageError
from loaders.files.archives import members
from loaders.files.encodings import (
    Text,
    copy_of_utf16,
    count_characters,
    decide_encoding,
    text_of,
)
from loaders.files.kept_files import receive, scratch
from loaders.landing.database import Warehouse
from loaders.landing.land import land_file
from loaders.landing.ledger import Entry
from loaders.landing.schema import create_tables

# No latin-1: what it reads and cp1252 does not are control characters, which no file has;
# such bytes are of another encoding, of Shift-JIS for one.
_ALL_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "cp1252-via-cp850", "cp1252")
_DELIMITERS = ",;\t|"
_OPENING = 1 << 16
_MAX_NAME = 60
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# What no header says: a number, or something that begins like a date or a time.
_VALUE = re.compile(
    r"[-+]?[0-9]+([.,][0-9]+)?|[0-9]{1,4}[-/.:][0-9]{1,2}[-/.:][0-9]{1,4}.*"
)


@dataclass(frozen=True)
class Sketch:
    """How files are written, by their first lines; of several files, what fits them all.

    Attributes:
        headers: column names, ours to those sent, in the order of the first file.
        always: those that every file has.
    """

    encodings: tuple[Encoding, ...]
    delimiter: str
    n_preamble: int
    headers: dict[str, str]
    always: frozenset[str]


@dataclass(frozen=True)
class Look:
    """Files that have been read into a database of their own, as an increment.

    Attributes:
        landing: the database; the rows stand in `raw.<name of the feed>`.
        feed: the settings they were read by.
        sketch: how they are written.
        entries: what became of each file.
    """

    landing: duckdb.DuckDBPyConnection
    feed: Feed
    sketch: Sketch
    entries: list[Entry] = field(default_factory=list)


def look_at(name: str, files: Sequence[Path], warehouse: Warehouse) -> Look:
    """Read files of an unknown feed with the loader's own readers.

    Args:
        name: what the feed is to be called.
        files: plain, gzip or zip.
        warehouse: a scratch database and folder.

    Raises:
        UsageError: if one of them cannot be read, saying why.
    """
    sketch = _united([_sketch(path, warehouse) for path in files])
    feed = Feed(
        name=name,
        description="Not described yet.",
        mode="increment",
        delimiter=sketch.delimiter,
        encodings=sketch.encodings,
        max_preamble_lines=sketch.n_preamble,
        as_of=AsOf(arrival=True),
        layouts=(Layout(name="first", has=tuple(sorted(sketch.always))),),
        columns={
            column: Column(aliases=aliases_of(column, header))
            for column, header in sketch.headers.items()
        },
    )
    create_tables(warehouse.landing, {name: feed})
    look = Look(warehouse.landing, feed, sketch)
    for path in files:
        for entry in land_file(warehouse, feed, path):
            if entry.status not in ("landed", "seen_again", "empty"):
                raise UsageError(f"{entry.label}: {entry.reason}: {entry.detail}")
            look.entries.append(entry)
    if not sum(entry.n_new for entry in look.entries):
        raise UsageError(f"{', '.join(map(str, files))}: there are no rows to read")
    return look


def _check_encoding(path: Path, plain: Path, text: Text) -> None:
    """Refuse a file in none of the encodings; a few bytes of another are rejected later."""
    if text.is_whole:
        return
    n_characters, n_loose = count_characters(plain)
    if n_loose > n_characters:
        raise UsageError(
            f"{path}: its encoding is not one of those known here "
            f"({', '.join(_ALL_ENCODINGS)}); convert it to UTF-8, such as by: iconv -f "
            "SHIFT_JIS -t UTF-8"
        )


def is_name(text: str) -> bool:
    """Whether it can name a feed, a column or a source.

    What YAML takes for true, false or nothing cannot: `no`, `on`, `null`.
    """
    is_text = bool(_NAME.fullmatch(text)) and len(text) <= _MAX_NAME
    return is_text and yaml.safe_load(text) == text


def aliases_of(column: str, header: str) -> tuple[str, ...]:
    """The header as an alias, where the column's own name does not match it."""
    return () if canonical(header) in ("", column) else (header,)


def _sketch(path: Path, warehouse: Warehouse) -> Sketch:
    """How one file is written."""
    try:
        found = members(path, "*.csv", Feed.model_fields["limits"].default)
        with scratch(warehouse.paths.spool) as spool:
            with found[0].open() as stream:
                plain = receive(stream, spool, path).plain
            text = decide_encoding(plain, _ALL_ENCODINGS)
            _check_encoding(path, plain, text)
            if text.is_copied:
                plain = copy_of_utf16(plain, text.encoding, spool)
            with plain.open("rb") as opened:
                opening = text_of(opened.read(_OPENING), text.codec).removeprefix("\ufeff")
    except (DeliveryError, OSError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    # With their ends: a quoted header may have one in it.
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", opening)[:50]
    delimiter = max(_DELIMITERS, key=lambda mark: _fit(lines, mark))
    n_preamble, names = _header(lines, delimiter)
    _check_header(path, n_preamble, names)
    columns = dict(zip(_column_names(path, names), names, strict=True))
    encodings: tuple[Encoding, ...] = ("utf-8",)
    if text.is_copied:
        encodings = ("utf-8", "utf-16")
    elif text.encoding != "utf-8":
        encodings = ("utf-8", *(one for one in _ALL_ENCODINGS if one == text.encoding))
    return Sketch(encodings, delimiter, n_preamble, columns, frozenset(columns))


def _rows(lines: list[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Records that have fields, each with the number of lines before it."""
    reader = csv.reader(lines, delimiter=delimiter)
    ends = [(reader.line_num, row) for row in reader]
    starts = [0, *(end for end, _ in ends)]
    return [(start, row) for start, (_, row) in zip(starts, ends, strict=False) if any(row)]


def _fit(lines: list[str], delimiter: str) -> tuple[int, int]:
    """How well a delimiter divides lines: how many alike, into how many fields."""
    widths = Counter(len(row) for _, row in _rows(lines, delimiter) if len(row) > 1)
    ((width, n_rows),) = widths.most_common(1) or [(0, 0)]
    return n_rows, width


def _header(lines: list[str], delimiter: str) -> tuple[int, list[str]]:
    """How many lines stand before the header, and its names."""
    _, width = _fit(lines, delimiter)
    rows = _rows(lines, delimiter)
    for n_before, row in rows:
        if len(row) == width:
            return n_before, row
    return 0, rows[0][1] if rows else []


def _check_header(path: Path, n_preamble: int, names: list[str]) -> None:
    values = [name for name in names if _VALUE.fullmatch(name.strip())]
    if values or not names:
        found = f"has values such as {values[0]!r}" if values else "is empty"
        raise UsageError(
            f"{path}: line {n_preamble + 1} {found}, so it is not a header; columns are "
            "recognised by their names: ask for a file with its header, or add one"
        )


def _column_names(path: Path, headers: list[str]) -> list[str]:
    """Our names of columns, by their headers and places."""
    names: list[str] = []
    for place, header in enumerate(headers, start=1):
        name = _without_accents(canonical(header)) or f"unnamed_{place}"
        if not is_name(name) or name == "rowid":
            with_word = f"column_{name}"
            name = with_word if is_name(with_word) else f"column_{place}"
        if name in names:
            raise UsageError(
                f"{path}: columns {names.index(name) + 1} and {place} of the header are "
                f"both {name!r}; ask for a file with one of them"
            )
        names.append(name)
    return names


def _without_accents(name: str) -> str:
    """Letters without marks: `größe` is `grosse`; those of other scripts stay."""
    return "".join(
        c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)
    )


def _united(sketches: list[Sketch]) -> Sketch:
    """What fits all files of a feed."""
    first = sketches[0]
    if len({(one.delimiter, one.n_preamble) for one in sketches}) > 1:
        raise UsageError(
            "the files have different delimiters, or different lines before their "
            "headers: they belong to several feeds; make one feed for each"
        )
    headers = {name: h for one in reversed(sketches) for name, h in one.headers.items()}
    always = frozenset.intersection(*(one.always for one in sketches))
    if not always:
        raise UsageError("the files have no column in common; make one feed for each")
    ordered = dict(first.headers) | headers
    encodings = tuple(
        name for name in _ALL_ENCODINGS if any(name in one.encodings for one in sketches)
    )
    return replace(first, encodings=encodings, headers=ordered, always=always)
