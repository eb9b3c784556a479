"""Parse a delivery: read its file, understand its header, load its rows."""

import csv
import io
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryError, listed
from loaders.files.csv_header import Head, HeaderError
from loaders.files.csv_reader import read_csv
from loaders.files.csv_records import Body
from loaders.files.geojson import read_geojson
from loaders.landing.checks.odd_words import odd_words
from loaders.landing.draft import Draft, FileFacts, Understood
from loaders.landing.header import _fits, _hint, map_header
from loaders.landing.line_cache import look_up, reading_of
from loaders.landing.parsed_delivery import ParsedDelivery, ParseError

# How many times a file's size the names of unknown columns may take, if not a little.
MAX_GROWTH, _SMALL = 20, 256 << 20


def parse(
    landing: duckdb.DuckDBPyConnection, feed: Feed, draft: Draft, plain: Path
) -> ParsedDelivery:
    """Read a delivery, by the feed's settings, into temporary tables of its own.

    Facts about the file are added to the draft as they become known.

    Args:
        landing: the loader's database, with no transaction open: DuckDB ends one when
            it refuses a file.
        feed: the settings to read by.
        draft: what is known of the delivery.
        plain: the bytes as delivered; scratch files are written beside them.

    Raises:
        DeliveryError: if it cannot be read, or DuckDB's count is not ours.
        DeliveryHeldError: if the header is not the feed's, see `map_header`.
    """
    if feed.format == "geojson":
        found = read_geojson(plain, plain.parent, feed.limits.field_bytes)
        return _parse(landing, feed, draft, *found)

    def read(strict: bool) -> tuple[Head, str, Body]:
        try:
            return read_csv(
                plain,
                feed.encodings,
                feed.delimiter,
                plain.parent,
                strict,
                lambda names: _fits(feed, names),
                feed.max_preamble_lines,
                feed.pad_short_rows,
                feed.limits.field_bytes,
            )
        except HeaderError as error:
            raise _hint(feed, error.opening) or error from error

    with suppress(ParseError):
        return _parse(landing, feed, draft, *read(strict=False))
    # DuckDB refuses a whole file for one bad record: judge each of them here.
    return _parse(landing, feed, draft, *read(strict=True))


def _parse(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    draft: Draft,
    head: Head,
    encoding: str,
    body: Body,
) -> ParsedDelivery:
    draft.add(
        FileFacts(
            encoding,
            csv_record(head.names),
            head.n_lines,
            body.n_records,
            body.n_rejected,
            body.n_blank,
            body.n_padded,
        )
    )
    columns, layout = map_header(feed, head.names, head.opening)
    draft.add(Understood(layout.name, layout.series))
    notes = _notes(feed, columns, head, body)
    parsed = ParsedDelivery(landing, feed, head, body, columns)
    # Rows that are not parsed are dated by those that were hashed alike.
    known = draft.entry
    is_dated = known.as_of is not None or not {*feed.as_of.newest} & {*feed.volatile}
    try:
        if not body.numbered and known.mode != "increment" and is_dated:
            reading = reading_of(feed, head, columns)
            parsed = replace(parsed, lines=look_up(landing, body, reading))
        parsed = parsed.loaded()
    except duckdb.InvalidInputException as error:
        # What follows the first line is the record itself.
        why = str(error).partition("\n")[0]
        raise ParseError("not_parsed", f"DuckDB cannot read it: {why}") from error
    if odd := odd_words(landing, feed, parsed.table, parsed.n_parsed):
        notes.append(odd)
    draft.add(Understood(layout.name, layout.series, tuple(notes)))
    return parsed


def _notes(feed: Feed, columns: dict[str, int], head: Head, body: Body) -> list[str]:
    """What there is to say of a file before its rows are parsed."""
    notes = []
    if unknown := sorted(set(columns) - set(feed.columns)):
        _check_names(unknown, body)
        notes.append(f"unknown columns kept: {listed(unknown, 20)}")
    if body.n_padded:
        notes.append(
            f"{body.n_padded:,} records with missing fields at their end are padded with "
            "nulls"
        )
    if head.preamble:
        n_before = len(re.findall(r"\r\n|\r|\n", head.preamble))
        notes.append(f"lines before the header: {n_before}")
    return notes


def _check_names(unknown: list[str], body: Body) -> None:
    """Refuse names that, with each row that they are kept with, would fill a disk."""
    n_bytes = body.n_records * sum(map(len, unknown))
    if n_bytes > max(_SMALL, MAX_GROWTH * body.path.stat().st_size):
        raise DeliveryError(
            "names_too_long",
            f"the names of its {len(unknown):,} unknown columns, kept with each of "
            f"{body.n_records:,} rows, would take {n_bytes:,} bytes; ask for short names, "
            "or describe the columns in feeds.yml",
        )


def csv_record(names: list[str]) -> str:
    """Names as one record of CSV, whatever stands in them."""
    target = io.StringIO()
    csv.writer(target).writerow(names)
    return target.getvalue().removesuffix("\r\n")
