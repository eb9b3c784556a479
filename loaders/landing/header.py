"""The header of a delivery: where the columns of the feed stand, or what it is instead."""

import csv
import re

import duckdb

from loaders.config.feeds import Feed, Layout, canonical
from loaders.errors import DeliveryHeldError
from loaders.files.csv_header import HEADER_PADDING, Head, header_words
from loaders.files.encodings import wide_encoding


def map_header(
    feed: Feed, names: list[str], opening: str = ""
) -> tuple[dict[str, int], Layout]:
    """Map column names, the feed's own and unknown ones, to their positions.

    Args:
        feed: whose columns and layouts they may be.
        names: as sent.
        opening: the first lines of the file, to tell what else the header might be.

    Raises:
        DeliveryHeldError: if a required column is missing, one comes twice, one is of
            another feed's files, or the header is of no layout of the feed.
    """
    if any(re.fullmatch(r'\s+".*"', name) for name in names):
        raise DeliveryHeldError(
            "blanks_before_quotes",
            "line 1 has a space between the delimiter and the quote, so the quotes would "
            "be part of the values; ask for a file without these spaces",
        )
    columns = _positions(feed, names)
    # A field that looks like a value may be one.
    sent_names = ", ".join(name if _is_word(name) else "…" for name in names)[:300]
    if foreign := [name for name in feed.foreign if name in columns]:
        raise DeliveryHeldError(
            "of_another_feed",
            f"the header has {', '.join(foreign)}, which files of {feed.name} never have: "
            "the file belongs to another feed; nothing landed; move it to its own feed, "
            f"or remove the name from foreign in feeds.yml: {sent_names}",
        )
    missing = _missing(feed, columns)
    layout = feed.layout_of(list(columns))
    if layout and not missing:
        return columns, layout
    if hint := _hint(feed, opening):
        raise hint
    if columns.keys().isdisjoint(feed.columns):
        next_step = "ask for a file with its header"
        if _are_words(names):
            next_step = (
                "it is a header with other names, or of another feed: if these are the "
                "feed's columns, add their names to `aliases` in feeds.yml"
            )
        # It may be a record, so nothing of it is shown.
        raise DeliveryHeldError(
            "no_header",
            f"none of the {len(names):,} fields of line 1 is a column of the feed; "
            f"{next_step}",
        )
    if missing:
        raise DeliveryHeldError(
            "required_column_missing",
            f"the header has no column {', '.join(missing)} among: {sent_names}; if it "
            "was renamed, add the new name to its aliases in feeds.yml",
        )
    raise DeliveryHeldError(
        "unknown_layout",
        f"the header matches no known layout: {sent_names}; {_nearest(feed, columns)}; if "
        "the file is right, describe its layout in feeds.yml",
    )


def _nearest(feed: Feed, columns: dict[str, int]) -> str:
    """Say which columns keep it from being of the layout of which it lacks the fewest."""
    lacking = ((one, [c for c in one.has if c not in columns]) for one in feed.layouts)
    layout, missing = min(lacking, key=lambda one: (not one[1], len(one[1])))
    if missing:
        return f"for the layout {layout.name} it lacks {', '.join(missing)}"
    found = [name for name in layout.lacks if name in columns]
    return f"files of the layout {layout.name} have no {', '.join(found)}"


def _are_words(names: list[str]) -> bool:
    """Whether these are names and no values: words, each another, without numbers."""
    words = {canonical(name) for name in names}
    return len(words) == len(names) and all(map(_is_word, names))


def _is_word(name: str) -> bool:
    return re.match(r"\s*[^\W\d_]", name) is not None and not re.search(
        r"\d{3}|://|@", name
    )


def _positions(feed: Feed, names: list[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    by_header = feed.by_header
    for position, sent in enumerate(names):
        header = canonical(sent) or f"unnamed_{position + 1}"
        name = by_header.get(header, header)
        if name in columns:
            # A name that is not the feed's may be a value.
            both = f"both {name!r}" if name in feed.columns else "called alike"
            raise DeliveryHeldError(
                "duplicate_column",
                f"the header's columns {columns[name] + 1} and {position + 1} are {both}; "
                "ask for a file with one of them",
            )
        columns[name] = position
    return columns


def _missing(feed: Feed, columns: dict[str, int]) -> list[str]:
    return [n for n, c in feed.columns.items() if c.required and n not in columns]


def _fits(feed: Feed, names: list[str]) -> bool:
    """Whether names are a header of the feed."""
    try:
        columns = _positions(feed, names)
    except DeliveryHeldError:
        return False
    return not _missing(feed, columns) and feed.layout_of(list(columns)) is not None


def header_of(feed: Feed, opening: bytes) -> tuple[int, int]:
    """What the header may be at the beginning of a file, in whatever dialect.

    It is the first record, unless one of the next lines is a whole header of the feed.

    Returns:
        How many columns of the feed it has, and how many columns in all.
    """
    text = opening.decode(wide_encoding(opening) or "utf-8", "replace").lstrip("\ufeff")
    lines = text.splitlines(keepends=True)[:50]
    found = [(0, 0)]
    for number in range(len(lines)):
        for delimiter in {feed.delimiter, *",;\t|"}:
            # A quoted name may hold line breaks.
            names = _first_record(lines[number:], delimiter)
            known = {feed.by_header.get(canonical(name)) for name in names} - {None}
            is_whole = 2 * len(known) > len(names) and _fits(feed, names)
            if number == 0 or is_whole:
                found.append((len(known), len(names)))
    return max(found, key=lambda header: (header[0] / max(header[1], 1), header[1]))


def _first_record(lines: list[str], delimiter: str) -> list[str]:
    try:
        return next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        return []


def _hint(feed: Feed, opening: str) -> DeliveryHeldError | None:
    """What a header that is none might be, by the first lines of its file."""
    lines = re.split(r"\r\n|\r|\n", opening)[:50]
    for number, line in enumerate(lines[1:], start=2):
        if _fits(feed, _split(line, feed.delimiter)):
            return DeliveryHeldError(
                "preamble",
                f"line {number} looks like the header, after {number - 1} other lines; if "
                f"that is normal, set max_preamble_lines: {number - 1} for the feed in "
                "feeds.yml and accept it",
            )
    for number, line in enumerate(lines, start=1):
        for delimiter in ",;\t|".replace(feed.delimiter, ""):
            if _fits(feed, _split(line, delimiter)):
                return DeliveryHeldError(
                    "other_delimiter",
                    f"line {number} is a header with the delimiter {delimiter!r}, not "
                    f"{feed.delimiter!r}; ask for the right one, or set the feed's "
                    "delimiter in feeds.yml and accept it",
                )
    return None


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def may_hold_headers(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    columns: dict[str, int],
    head: Head,
    rows: str,
) -> bool:
    """Whether a row of a relation begins like a header: the reader judges by more."""
    words = sorted(header_words(head.names))
    lengths = [len(word.encode()) for word in words]
    tests: list[str] = []
    values: list[object] = []
    for name in list(columns)[:2]:
        if name in feed.columns:
            column = f'"{name}"'
        else:
            column = "json_extract_string(_extra, ?)"
            values.append(f'$."{name}"')
        # Lengths rule out most values at almost no cost. (`in` would become a join.)
        tests.append(
            f"strlen({column}) between ? and ? "
            f"and list_contains(?::varchar[], lower(trim({column}, ' \ufeff')))"
        )
        values += [min(lengths), max(lengths) + HEADER_PADDING, words]
        if name not in feed.columns:
            values.append(f'$."{name}"')
    row = landing.execute(
        f"select exists (from {rows} where {' or '.join(tests)})",
        values,
    ).fetchone()
    return bool(row and row[0])
