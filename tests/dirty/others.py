"""Other readers on the same files, and what counts as silently corrupted.

A file is, if its reader raises no error and gives other rows than the file holds: a value
changed, a row too many, or a row missing without a trace. A file that is cut, or holds two
tables, holds no rows that can be told. The names of columns count where they are
unequal. A number, date or truth value may be spelled in any way that means the same,
where it was written as a plain one: `007`, ` 5 ` and `1e3` were not.

What is a matter of taste is not counted: a record with a NUL, or one beyond our limit of
size, is right if its values are; an archive without CSV holds nothing to be corrupted.
DuckDB is not tried on zip archives, which it does not claim to read.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd

from tests.dirty.corpus import Case
from tests.dirty.strict import read_strictly

Table = tuple[list[str], list[tuple[str, ...]]]
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_TIME = re.compile(r"\d\d:\d\d")
_REFUSED = {"cut_mid_record", "second_header"}


def _duckdb(query: str) -> Callable[[Path], Table]:
    def read(path: Path) -> Table:
        if path.read_bytes()[:2] == b"PK":
            raise NotImplementedError
        with duckdb.connect() as connection:
            found = connection.execute(query, [str(path)])
            names = [column[0] for column in found.description or []]
            return names, [_texts(row) for row in found.fetchall()]

    return read


def _pandas(path: Path) -> Table:
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not isinstance(frame.index, pd.RangeIndex):
        # Of records that are too long, the first fields become an index.
        frame = frame.reset_index()
    rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False)
    return [str(name) for name in frame.columns], [_texts(tuple(row)) for row in rows]


def _texts(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in row)


READERS: dict[str, Callable[[Path], Table]] = {
    "DuckDB, auto-detect": _duckdb("select cast(columns(*) as varchar) from read_csv(?)"),
    "DuckDB, ignore_errors": _duckdb(
        "from read_csv(?, ignore_errors = true, all_varchar = true)"
    ),
    "pandas, all text": _pandas,
}


def is_silently_corrupt(read: Callable[[Path], Table], case: Case, folder: Path) -> bool:
    """Whether a reader gives other rows than the file holds, and raises nothing."""
    path = folder / "dirty"
    path = path.with_suffix("".join(Path(case.file_name).suffixes[-2:]) or ".csv")
    path.write_bytes(case.data)
    try:
        names, rows = read(path)
    except Exception:
        return False
    if case.reason == "archive_without_member":
        return False
    if case.reason in _REFUSED:
        return True
    reading = replace(case.reading, nulls=(), max_bytes=1 << 40, allows_nul=True)
    expected: list[tuple[str, ...]] = []
    for sent in case.members.values():
        file = read_strictly(sent, reading)
        if file.of("bad") or not _same_names(file.names, names):
            return True
        expected += [_texts(record.values) for record in file.of("good")]
    return _bag(expected) != _bag(rows)


def _same_names(sent: list[str], found: list[str]) -> bool:
    """Whether the columns are the ones sent; equal or empty names have to be changed."""
    plain = [name.strip().lower() for name in sent]
    unique = [name if name and plain.count(name) == 1 else "" for name in plain]
    if not sent:
        return True
    return len(found) == len(sent) and all(
        name in ("", other.strip().lower())
        for name, other in zip(unique, found, strict=True)
    )


def _bag(rows: list[tuple[str, ...]]) -> Counter[tuple[str, ...]]:
    """Rows as a bag, with plain values in one spelling."""
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: str) -> str:
    if _NUMBER.fullmatch(value):
        return f"{Decimal(value).normalize():f}"
    if _TIME.fullmatch(value):
        return f"{value}:00"
    return value.lower() if value.lower() in ("true", "false") else value
