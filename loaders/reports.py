"""The rows of a published report."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb

Row = TypeVar("Row", bound=NamedTuple)


def read_report(file: Path, report: str, row: type[Row], order: str) -> list[Row]:
    """The rows of a published file's report; none if it is older than that report."""
    query = f"select {', '.join(row._fields)} from reports.{report} order by {order}"  # noqa: S608
    with duckdb.connect(str(file), read_only=True) as connection:
        try:
            rows = connection.execute(query).fetchall()
        except duckdb.CatalogException:
            return []
    return [row._make(values) for values in rows]
