"""Parse a delivery into temporary tables, all text, each row with its hash.

Names of unknown columns are data: they are bound, never written into a query.
"""

from pathlib import Path

import duckdb

from loaders.errors import DeliveryError, DeliveryHeldError
from loaders.feeds import Feed, Layout, canonical
from loaders.read import MAX_RECORD_BYTES, Body, Head, read_csv, read_geojson


def parse(
    landing: duckdb.DuckDBPyConnection, feed: Feed, plain: Path, spool: Path
) -> tuple[Head, str, Body]:
    """Read a delivery into the temporary table `parsed`, in file order.

    Returns its header, the encoding chosen, and the body with our own record count,
    which the number of rows parsed has been checked against.

    Raises:
        DeliveryError: if it cannot be read, or the two counts differ.
    """
    if feed.format == "geojson":
        head, encoding, body = read_geojson(plain, spool)
    else:
        head, encoding, body = read_csv(
            plain, feed.encodings, feed.delimiter, spool, strict=False
        )
        if not body.numbered:
            try:
                if _load(landing, feed, head, body) == body.n_records:
                    return head, encoding, body
            except duckdb.InvalidInputException:
                # DuckDB refuses a whole file for one bad record: judge each of them.
                pass
            head, encoding, body = read_csv(
                plain, feed.encodings, feed.delimiter, spool, strict=True
            )
    n_parsed = _load(landing, feed, head, body)
    if n_parsed != body.n_records - body.n_rejected - body.n_blank:
        raise DeliveryError(
            "count_mismatch",
            f"{body.n_records} records by our count, {body.n_rejected} rejected, "
            f"{body.n_blank} blank, but {n_parsed} parsed; nothing was landed",
        )
    return head, encoding, body


def _load(landing: duckdb.DuckDBPyConnection, feed: Feed, head: Head, body: Body) -> int:
    fields = [f"c{i}" for i in range(len(head.names))]
    if body.numbered:
        fields.insert(0, "line")
    declared = ", ".join(f"'{field}': 'VARCHAR'" for field in fields)
    nulls = ", ".join(literal(marker) for marker in ("", *feed.null_markers))
    # Every option is stated, so that nothing is guessed from the data.
    counted = landing.execute(
        f"""
        create or replace temporary table parsed as
        select * from read_csv(
            ?, auto_detect = false, header = false, skip = {body.skip},
            columns = {{{declared}}}, delim = {literal(feed.delimiter)},
            quote = '"', escape = '"', nullstr = [{nulls}], strict_mode = true,
            null_padding = false, max_line_size = {2 * MAX_RECORD_BYTES}
        )
        """,  # noqa: S608
        [str(body.path)],
    ).fetchone()
    return int(counted[0]) if counted else 0


def map_header(feed: Feed, names: list[str]) -> tuple[dict[str, int], Layout]:
    """Map column names, the feed's own and unknown ones, to their positions.

    Raises:
        DeliveryHeldError: if a required column is missing, one comes twice, or the
            header is of no layout of the feed.
    """
    columns: dict[str, int] = {}
    for position, sent in enumerate(names):
        header = canonical(sent) or f"unnamed_{position + 1}"
        name = feed.by_header.get(header, header)
        if name in columns:
            raise DeliveryHeldError(
                "duplicate_column",
                f"line 1: columns {columns[name] + 1} and {position + 1} are both "
                f"{name!r}; ask for a file with one of them",
            )
        columns[name] = position
    sent_names = ", ".join(names)[:300]
    missing = [n for n, c in feed.columns.items() if c.required and n not in columns]
    if missing:
        raise DeliveryHeldError(
            "required_column_missing",
            f"line 1: no column {', '.join(missing)} among: {sent_names}; if it was "
            "renamed, add the new name to its aliases in feeds.yml",
        )
    layout = feed.layout_of(list(columns))
    if layout is None:
        raise DeliveryHeldError(
            "unknown_layout",
            f"line 1: of no known layout: {sent_names}; describe it in feeds.yml",
        )
    return columns, layout


def hash_rows(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    columns: dict[str, int],
    head: Head,
    body: Body,
) -> None:
    """Make `incoming` of `parsed`: row hash, copy number, columns, extras, line.

    The hash is md5 over name:length:value of every column that is not null and not
    volatile, by name: adding empty columns, re-ordering them, or promoting one from
    `_extra` changes no hash.
    """
    extras = {n: f"c{at}" for n, at in columns.items() if n not in feed.columns}
    hashed = sorted(name for name in columns if name not in feed.volatile)
    parts = ", ".join(
        f"? || ':' || strlen(c{columns[name]}) || ':' || c{columns[name]}"
        for name in hashed
    )
    values = ", ".join(
        f'c{columns[name]} as "{name}"'
        if name in columns
        else f'cast(null as varchar) as "{name}"'
        for name in feed.columns
    )
    pairs = ", ".join(f"{{'name': ?, 'value': {field}}}" for field in extras.values())
    extra = (
        f"nullif(to_json(map_from_entries(list_filter([{pairs}], "
        "lambda pair: pair.value is not null))), '{}')"
        if extras
        else "null"
    )
    line = "cast(line as bigint)" if body.numbered else f"rowid + {head.n_lines + 1}"
    landing.execute(
        f"""
        create or replace temporary table hashed as
        select
            cast(md5(concat({parts})) as uuid) as _row_hash,
            {values},
            cast({extra} as varchar) as _extra,
            {line} as _line
        from parsed
        """,  # noqa: S608
        [*hashed, *extras],
    )
    # Only rows that come more than once need numbering: few, so the window is small.
    landing.execute(
        """
        create or replace temporary view incoming as
        with copies as (
            select
                _line,
                cast(row_number() over (partition by _row_hash order by _line) as integer)
                    as _copy
            from hashed
            where _row_hash in (
                select _row_hash from hashed group by _row_hash having count(*) > 1
            )
        )
        select hashed.*, coalesce(copies._copy, 1) as _copy
        from hashed
        left join copies on hashed._line = copies._line
        """
    )


def literal(text: str) -> str:
    """A setting as an SQL string. For feeds.yml only, never for data."""
    return "'" + text.replace("'", "''") + "'"
