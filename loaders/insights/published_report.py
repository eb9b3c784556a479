"""The rows of a published report."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import duckdb
from pydantic import TypeAdapter, ValidationError

from loaders.errors import EventmartError
from loaders.publishing.versions import open_published

# A file that is not ours may have a view of as many as it likes.
_MOST_ROWS = 100_000
Row = TypeVar("Row", bound=NamedTuple)


def read_report(file: Path, report: str, row: type[Row], order: str) -> list[Row]:
    """The rows of a published file's report; none if it is older than that report.

    Raises:
        EventmartError: if they are not what this version of the report holds.
    """
    query = f"select {', '.join(row._fields)} from reports.{report} order by {order}"  # noqa: S608
    with open_published(file) as connection:
        try:
            rows = connection.execute(query).fetchmany(_MOST_ROWS)
        except duckdb.CatalogException:
            return []
    try:
        return TypeAdapter(list[row]).validate_python(rows)  # type: ignore[valid-type]
    except ValidationError as error:
        raise EventmartError(
            f"{file}: reports.{report} has columns or values that no build writes; run: "
            "make build"
        ) from error
