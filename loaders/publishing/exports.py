"""Each report as CSV and Parquet, for readers without DuckDB, without small cells."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from loaders.disk import sync
from loaders.publishing import crossing, joint_cells
from loaders.publishing.privacy import Cell, Disclosure, Relation, Settings
from loaders.publishing.spreadsheets import formulas_sql, neutral_sql
from loaders.sql import literal, quoted

MARKER = "is_suppressed"
# RFC 4180; dates and times as in ISO 8601.
_CSV = (
    "format csv, header, delimiter ',', quote '\"', escape '\"', nullstr '', "
    "new_line '\\r\\n', timestampformat '%Y-%m-%dT%H:%M:%S.%f'"
)
_PARQUET = "format parquet, compression zstd"


@dataclass(frozen=True)
class Export:
    """One exported file: what it holds, and its checksum.

    Of a CSV also how many of its cells a spreadsheet would run as formulas.
    """

    file: str
    report: str
    description: str
    n_rows: int
    n_suppressed: int | None
    n_formulas: int
    n_bytes: int
    sha256: str


def write_exports(file: Path, folder: Path, disclosure: Disclosure, number: int) -> None:
    """Write the reports of a version into a new folder, with a list of them.

    Args:
        file: the version's file.
        folder: where to; it must not exist yet.
        disclosure: the reports, and from which count on a cell is shown.
        number: the version's number.
    """
    folder.mkdir()
    settings = disclosure.settings
    reports = [one for one in disclosure.relations if one.schema == "reports"]
    with duckdb.connect(str(file), read_only=True) as connection:
        hide_cells(connection, reports, settings.least_count)
        exports = [
            export
            for report in reports
            for export in _write(connection, report, folder, settings)
        ]
    listed = {
        "version": number,
        "least_count": settings.least_count,
        "csv_formulas": "keep" if settings.keeps_formulas else "neutral",
        "files": [asdict(export) for export in exports],
    }
    contents = folder / "contents.json"
    contents.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
    sync(contents)
    sync(folder)


def export(connection: duckdb.DuckDBPyConnection, report: Relation) -> None:
    """Make the table `export` of a report: no personal columns, and no hidden cells."""
    columns = [name for name in report.columns if name not in report.personal]
    listed = ", ".join(map(quoted, columns))
    source = report.sql
    if report.cell:
        source = _cells(report)
        listed = ", ".join(
            quoted(name)
            if name in report.cell.by
            else f"case when {_is_shown(report.cell, name)} then {quoted(name)} end"
            f" as {quoted(name)}"
            for name in columns
        )
        listed += f", {MARKER}"
    connection.execute(
        f"create or replace temp table export as "  # noqa: S608
        f"select {listed} from {source} order by all"
    )


def _is_shown(cell: Cell, name: str) -> str:
    """Whether a row that is not hidden, or below no hidden one, shows a column."""
    if name not in cell.running:
        return f"not {MARKER}"
    order, group = quoted(cell.running[0]), ", ".join(map(quoted, cell.totals[0]))
    hidden = f"min({order}) filter (where {MARKER}) over (partition by {group})"
    return f"not {MARKER} and coalesce({order} < {hidden}, true)"


def hide_cells(
    connection: duckdb.DuckDBPyConnection, reports: Iterable[Relation], least: int
) -> None:
    """Decide once, for all reports, which cells are hidden: copies of them are marked.

    What is hidden for one total, or in one report, may be the only one hidden of another.
    """
    cells = [(report, report.cell) for report in reports if report.cell]
    for report, cell in cells:
        told = [*map(quoted, cell.counts)]
        told += [f"({quoted(all_)} - {quoted(part)})" for all_, part in cell.part.items()]
        is_small = " or ".join(
            # Zero describes nobody.
            f"coalesce({count} > 0 and {count} < {least}, false)"
            for count in told
        )
        connection.execute(
            f"create or replace temp table {_cells(report)} as "  # noqa: S608
            f"select *, {is_small} as {MARKER} from {report.sql}"
        )
    figures = {_cells(report): cell.figure for report, cell in cells if cell.figure}
    joint_cells.create(connection, figures)
    counted = {_cells(report): cell for report, cell in cells}
    crossing.create(connection, counted)
    while True:
        n_hidden = sum(
            _hide_next(connection, report, cell, columns, least)
            for report, cell in cells
            for columns in cell.totals
        )
        n_hidden += joint_cells.hide_next(connection, figures, MARKER, least)
        # This takes longest, so it comes last.
        if not n_hidden and not (
            counted and crossing.hide_next(connection, counted, MARKER)
        ):
            return


def _cells(report: Relation) -> str:
    """The copy of a report in which hidden cells are marked."""
    return quoted(f"cells of {report.name}")


def _hide_next(
    connection: duckdb.DuckDBPyConnection,
    report: Relation,
    cell: Cell,
    columns: tuple[str, ...],
    least: int,
) -> int:
    """Hide one cell more, the smallest, where a total would tell what is hidden.

    It would if that is one cell alone, or if all of it together is itself a small count.

    Returns:
        How many cells that were.
    """
    group = f"partition by {', '.join(map(quoted, columns))}" if columns else ""
    counts = [f"coalesce({quoted(count)}, 0)" for count in cell.counts]
    hidden = f"filter (where {MARKER}) over ({group})"
    tells = " or ".join(
        [f"count(*) {hidden} = 1"]
        + [f"sum({count}) {hidden} between 1 and {least - 1}" for count in counts]
    )
    order = ", ".join([MARKER, *counts, *map(quoted, cell.by)])
    found = connection.execute(
        f"""
        update {_cells(report)} set {MARKER} = true where rowid in (
            select rowid from {_cells(report)}
            where greatest({", ".join(counts)}) > 0
            qualify
                not {MARKER}
                and row_number() over ({group} order by {order}) = 1
                and ({tells})
        )
        """  # noqa: S608
    ).fetchone()
    return int(found[0]) if found else 0


def _write(
    connection: duckdb.DuckDBPyConnection,
    report: Relation,
    folder: Path,
    settings: Settings,
) -> list[Export]:
    export(connection, report)
    types = connection.execute("select column_name, column_type from (describe export)")
    texts = [quoted(name) for name, kind in types.fetchall() if kind == "VARCHAR"]
    n_suppressed = f"count(*) filter (where {MARKER})" if report.cell else "null"
    ((n_rows, n_small, n_formulas),) = connection.execute(
        f"select count(*), {n_suppressed}, "  # noqa: S608
        f"coalesce(sum({formulas_sql(texts)}), 0) from export"
    ).fetchall()
    source = "export"
    if n_formulas and not settings.keeps_formulas:
        shown = ", ".join(f"{neutral_sql(name)} as {name}" for name in texts)
        source = f"(select * replace ({shown}) from export)"  # noqa: S608
        n_formulas = 0
    exports = []
    for suffix, of, n_run, options in (
        ("csv", source, int(n_formulas), _CSV),
        ("parquet", "export", 0, _PARQUET),
    ):
        file = folder / f"{report.name}.{suffix}"
        connection.execute(f"copy {of} to {literal(str(file))} ({options})")
        sync(file)
        data = file.read_bytes()
        exports.append(
            Export(
                file.name,
                report.name,
                report.description,
                n_rows,
                n_small,
                n_run,
                len(data),
                hashlib.sha256(data).hexdigest(),
            )
        )
    return exports
