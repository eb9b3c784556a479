"""Parse a delivery into temporary tables, all text, each row with its hash.

Names of unknown columns are data: they are bound, never written into a query.
"""

import csv
import io
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryError, listed
from loaders.files.csv_reader import read_csv
from loaders.files.csv_records import (
    MAX_PLAIN_BYTES,
    MAX_RECORD_BYTES,
    Body,
    Head,
    HeaderError,
)
from loaders.files.geojson import read_geojson
from loaders.landing import line_cache
from loaders.landing.checks.odd_words import odd_words
from loaders.landing.header import _fits, _hint, _may_hold_headers, map_header
from loaders.landing.ledger import Entry
from loaders.sql import literal

# How many times a file's size the names of unknown columns may take, if not a little.
MAX_GROWTH, _SMALL = 20, 256 << 20


@dataclass(frozen=True)
class Parsed:
    """What the temporary view `incoming` was parsed from.

    Attributes:
        body: the records.
        columns: the position of each column in them, by its name.
        reading: of a delivery that may come again in plain lines, by what they are
            remembered; see `lines`.
        is_picked: whether only lines that nobody knew were parsed: of other rows
            `incoming` has but the hash, and the view `incoming_rows` has none.
    """

    body: Body
    columns: dict[str, int]
    reading: UUID | None = None
    is_picked: bool = False


def parsed_rows(feed: Feed, parsed: Parsed) -> str:
    """The relation of a parsed delivery's rows, with at least one of each row version."""
    if not parsed.is_picked:
        return "hashed"
    # Of lines that are known, the rows stand in raw.
    return (
        f"(from hashed union all by name from raw.{feed.name} "
        "semi join lines using (_row_hash))"
    )


def parse(
    landing: duckdb.DuckDBPyConnection, feed: Feed, entry: Entry, plain: Path
) -> Parsed:
    """Read a delivery into the temporary view `incoming`: all text, hashed, numbered.

    Its columns are those of the feed's raw table, but for the landing's numbers; or only
    hashes and places, see `Parsed`. The table `new_rows` has the places of what has not
    landed yet, and the view `incoming_rows` at least these with all columns. What the
    file says of itself goes into the entry, as it becomes known.

    Args:
        landing: the loader's database, with no transaction open: DuckDB ends one when
            it refuses a file.
        feed: the settings to read by.
        entry: the delivery's entry in the ledger.
        plain: the bytes as delivered; scratch files are written beside them.

    Raises:
        DeliveryError: if it cannot be read, or DuckDB's count is not ours.
        DeliveryHeldError: if the header is not the feed's, see `map_header`.
    """
    notice = entry.detail
    if feed.format == "geojson":
        found = read_geojson(plain, plain.parent, feed.limits.field_bytes)
        return _parse(landing, feed, entry, notice, *found)

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
        return _parse(landing, feed, entry, notice, *read(strict=False))
    # DuckDB refuses a whole file for one bad record: judge each of them here.
    return _parse(landing, feed, entry, notice, *read(strict=True))


class ParseError(DeliveryError):
    """DuckDB refuses what we take for good records, or counts others than we do."""


def _parse(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    entry: Entry,
    notice: str | None,
    head: Head,
    encoding: str,
    body: Body,
) -> Parsed:
    entry.encoding, entry.header = encoding, csv_record(head.names)
    entry.n_header_lines, entry.n_records = head.n_lines, body.n_records
    entry.n_rejected, entry.n_blank = body.n_rejected, body.n_blank
    entry.n_padded = body.n_padded
    columns, layout = map_header(feed, head.names, head.opening)
    entry.layout, entry.series = layout.name, layout.series
    unknown = sorted(set(columns) - set(feed.columns))
    notes = [notice] if notice else []
    if unknown:
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
    entry.detail = "; ".join(notes) or None
    try:
        parsed = _read(landing, feed, entry, head, body, columns)
    except duckdb.InvalidInputException as error:
        # What follows the first line is the record itself.
        why = str(error).partition("\n")[0]
        raise ParseError("not_parsed", f"DuckDB cannot read it: {why}") from error
    if odd := odd_words(landing, feed):
        notes.append(odd)
    entry.detail = "; ".join(notes) or None
    return parsed


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


def _read(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    entry: Entry,
    head: Head,
    body: Body,
    columns: dict[str, int],
) -> Parsed:
    """Parse a body, or those of its lines that nobody knows, and find what is new."""
    parsed = Parsed(body, columns)
    # Rows that are not parsed are dated by those that were hashed alike.
    is_dated = entry.as_of is not None or not {*feed.as_of.newest} & {*feed.volatile}
    if not body.numbered and entry.mode != "increment" and is_dated:
        reading = line_cache.reading_of(feed, head, columns)
        n_lines, n_known = line_cache.look_up(landing, body, reading)
        _check_count(body, n_lines)
        parsed = replace(parsed, reading=reading, is_picked=2 * n_known >= n_lines > 0)
    if parsed.is_picked:
        _load_picked(landing, feed, parsed, "hashed", "lines where _row_hash is null")
    else:
        _check_count(body, _load(landing, feed, columns, body, "hashed"))
    if not body.numbered and _may_hold_headers(landing, feed, columns, head):
        raise ParseError("repeated_header", "a record may be a header")
    _number(landing, head, parsed)
    _find_new(landing, feed, parsed)
    return parsed


def _check_count(body: Body, n_parsed: int) -> None:
    """Check DuckDB's count of good records against our own."""
    if n_parsed != body.n_records - body.n_rejected - body.n_blank:
        raise ParseError(
            "count_mismatch",
            f"{body.n_records} records by our count, {body.n_rejected} rejected, "
            f"{body.n_blank} blank, but {n_parsed} parsed; nothing was landed",
        )


def _load_picked(
    landing: duckdb.DuckDBPyConnection, feed: Feed, parsed: Parsed, table: str, rows: str
) -> None:
    """Parse the lines of a plain body at the places of some rows.

    They stand in a temporary table, and from then on in `picked_rows` with their places.

    Raises:
        ParseError: if DuckDB finds another number of them.
    """
    landing.execute(
        f"create or replace temporary table {table}_places as "  # noqa: S608
        f"select _place from {rows} order by _place"
    )
    wanted = landing.execute(f"select _place from {table}_places").fetchnumpy()["_place"]  # noqa: S608
    path = parsed.body.path.with_name(f"{table}.csv")
    line_cache.pick(parsed.body, wanted, path)
    body = replace(parsed.body, path=path, n_records=len(wanted), skip=1)
    _check_count(body, _load(landing, feed, parsed.columns, body, table))
    landing.execute(
        f"""
        create or replace temporary view picked_rows as
        select {table}_places._place, {table}.*
        from {table}
        inner join {table}_places on {table}.rowid = {table}_places.rowid
        """  # noqa: S608
    )


def _find_new(landing: duckdb.DuckDBPyConnection, feed: Feed, parsed: Parsed) -> None:
    """Make the temporary table `new_rows`: the places of those that have not landed yet.

    `incoming_rows` has all their columns: a known line may be a new row, too, one more
    copy of what came before, and is then parsed as well.

    Raises:
        ParseError: if it is another row then than was remembered.
    """
    landing.execute(
        f"""
        create or replace temporary table new_rows as
        select _place
        from incoming
        anti join raw.{feed.name} using (_row_hash, _copy)
        """  # noqa: S608
    )
    missing = "select exists (from new_rows anti join incoming_rows using (_place))"
    if parsed.is_picked and landing.execute(missing).fetchone() == (True,):
        _load_picked(landing, feed, parsed, "again", "new_rows")
        if parsed.reading and landing.execute(missing).fetchone() == (True,):
            line_cache.forget_all(landing, parsed.reading)
            raise ParseError(
                "not_known", "lines are not the rows that were stored for them"
            )


def csv_record(names: list[str]) -> str:
    """Names as one record of CSV, whatever stands in them."""
    target = io.StringIO()
    csv.writer(target).writerow(names)
    return target.getvalue().removesuffix("\r\n")


def _load(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    columns: dict[str, int],
    body: Body,
    table: str,
) -> int:
    """Parse and hash into a temporary table, in file order; count its rows.

    Beside the hash it has the feed's columns, and `_extra` of the others.

    The hash is md5 over NUL name NUL value of every column that is not null and not
    volatile, by name: adding empty columns, re-ordering them, or promoting one from
    `_extra` changes no hash. No name and no value holds a NUL, so that no two rows join
    alike; a length before each value would cost more than all the rest.
    """
    fields = [f"c{position}" for position in range(len(columns))]
    if body.numbered:
        fields.insert(0, "line")
    declared = ", ".join(f"'{field}': 'VARCHAR'" for field in fields)
    nulls = ", ".join(map(literal, feed.null_words))
    hashed = sorted(name for name in columns if name not in feed.volatile)
    parts = ", ".join(
        f"case when c{columns[name]} is not null then ? end, c{columns[name]}"
        for name in hashed
    )
    values = "".join(
        f'c{columns[name]} as "{name}", '
        if name in columns
        else f'cast(null as varchar) as "{name}", '
        for name in feed.columns
    )
    extras = [name for name in columns if name not in feed.columns]
    pairs = ", ".join(f"{{'name': ?, 'value': c{columns[name]}}}" for name in extras)
    extra = (
        f"nullif(to_json(map_from_entries(list_filter([{pairs}], "
        "lambda pair: pair.value is not null))), '{}')"
        if extras
        else "null"
    )
    # Every option is stated, so that nothing is guessed from the data. Plain lines may
    # end in CR LF, which cannot be stated; among other lines DuckDB would guess wrong.
    line_end = r"new_line = '\n'," if body.numbered else ""
    # Longer lines make DuckDB refuse plain ones, too, and then they are judged here.
    longest = 2 * MAX_RECORD_BYTES if body.numbered else MAX_PLAIN_BYTES
    counted = landing.execute(
        f"""
        create or replace temporary table {table} as
        select
            cast(md5(concat({parts})) as uuid) as _row_hash,
            {values}
            cast({extra} as varchar) as _extra
            {", cast(line as bigint) as _line" if body.numbered else ""}
        from read_csv(
            ?, auto_detect = false, header = false, skip = {body.skip},
            columns = {{{declared}}}, delim = {literal(feed.delimiter)},
            {line_end} quote = '"', escape = '"', nullstr = [{nulls}], strict_mode = true,
            null_padding = false, max_line_size = {longest}, buffer_size = {longest}
        )
        """,  # noqa: S608
        [*(f"\0{name}\0" for name in hashed), *extras, str(body.path)],
    ).fetchone()
    return int(counted[0]) if counted else 0


def _number(landing: duckdb.DuckDBPyConnection, head: Head, parsed: Parsed) -> None:
    """Make the views of the rows: with place, line, and a number among equals.

    Rows of `hashed` are in file order, so where each record is one line, a row's place
    tells its line. Only rows that come more than once need counting: few, so that the
    window stays small.
    """
    rows = "select rowid as _place, * from hashed"
    if parsed.is_picked:
        rows = "from row_hashes"
        landing.execute(
            """
            create or replace temporary table row_hashes as
            select _place, _row_hash from lines where _row_hash is not null
            union all
            select _place, _row_hash from picked_rows
            """
        )
    counted = landing.execute(
        f"""
        create or replace temporary table copies as
        select _place, _copy
        from (
            select
                _place,
                cast(row_number() over (partition by _row_hash order by _place) as integer)
                    as _copy
            from ({rows})
            where _row_hash in (
                select _row_hash from ({rows}) group by _row_hash having count(*) > 1
            )
        )
        where _copy > 1
        """  # noqa: S608
    ).fetchone()
    copy, copies = "1", ""
    if counted and counted[0]:
        copy, copies = "coalesce(copies._copy, 1)", "left join copies using (_place)"
    line = "" if parsed.body.numbered else f", _place + {head.n_lines + 1} as _line"
    landing.execute(
        f"""
        create or replace temporary view incoming as
        select rows.*{line}, {copy} as _copy from ({rows}) as rows {copies}
        """  # noqa: S608
    )
    whole = "from incoming"
    if parsed.is_picked:
        whole = (
            "select picked_rows.*, incoming._copy, incoming._line from picked_rows "
            "inner join incoming using (_place, _row_hash)"
        )
    landing.execute(f"create or replace temporary view incoming_rows as {whole}")
