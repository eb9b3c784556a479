"""Each report as CSV and Parquet, for who has no DuckDB, with small cells left out."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from loaders.disclosure import Disclosure, Relation, quoted
from loaders.parse import literal
from loaders.paths import sync

MARKER = "is_suppressed"
# RFC 4180; dates and times as in ISO 8601.
_CSV = (
    "format csv, header, delimiter ',', quote '\"', escape '\"', nullstr '', "
    "new_line '\\r\\n', timestampformat '%Y-%m-%dT%H:%M:%S.%f'"
)
_PARQUET = "format parquet, compression zstd"


@dataclass(frozen=True)
class Export:
    """One exported file: what it holds, and its checksum."""

    file: str
    report: str
    description: str
    n_rows: int
    n_suppressed: int | None
    n_bytes: int
    sha256: str


def write_exports(file: Path, folder: Path, disclosure: Disclosure, number: int) -> None:
    """Write the reports of a version into a new folder, with a list of what they are.

    Args:
        file: the version's file.
        folder: where to; it must not exist yet.
        disclosure: the reports, and from which count on a cell is shown.
        number: the version's number.
    """
    folder.mkdir()
    least = disclosure.settings.least_count
    exports = []
    with duckdb.connect(str(file), read_only=True) as connection:
        for report in disclosure.relations:
            if report.schema == "reports":
                exports += _write(connection, report, folder, least)
    listed = {
        "version": number,
        "least_count": least,
        "files": [asdict(export) for export in exports],
    }
    contents = folder / "contents.json"
    contents.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
    sync(contents)
    sync(folder)


def export_query(report: Relation, least_count: int) -> str:
    """What is exported of a report: no personal columns, and no small cells."""
    columns = [name for name in report.columns if name not in report.personal]
    if not report.cell:
        listed = ", ".join(map(quoted, columns))
        return f"select {listed} from {report.sql} order by all"  # noqa: S608
    is_small = " or ".join(
        # Zero tells of nobody.
        f"coalesce({quoted(count)} > 0 and {quoted(count)} < {least_count}, false)"
        for count in report.cell.counts
    )
    listed = ", ".join(
        quoted(name)
        if name in report.cell.by
        else f"case when not {MARKER} then {quoted(name)} end as {quoted(name)}"
        for name in columns
    )
    return (
        f"select {listed}, {MARKER} "  # noqa: S608
        f"from (select *, {is_small} as {MARKER} from {report.sql}) order by all"
    )


def _write(
    connection: duckdb.DuckDBPyConnection, report: Relation, folder: Path, least: int
) -> list[Export]:
    connection.execute(
        f"create or replace temp table export as {export_query(report, least)}"
    )
    n_suppressed = f"count(*) filter (where {MARKER})" if report.cell else "null"
    ((n_rows, n_small),) = connection.execute(
        f"select count(*), {n_suppressed} from export"  # noqa: S608
    ).fetchall()
    exports = []
    for suffix, options in (("csv", _CSV), ("parquet", _PARQUET)):
        file = folder / f"{report.name}.{suffix}"
        connection.execute(f"copy export to {literal(str(file))} ({options})")
        sync(file)
        data = file.read_bytes()
        exports.append(
            Export(
                file.name,
                report.name,
                report.description,
                n_rows,
                n_small,
                len(data),
                hashlib.sha256(data).hexdigest(),
            )
        )
    return exports
