"""The rows of a named query."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """Rows of a query.

    Attributes:
        id: names the query in the pages.
        rows: the rows.
        report: the first report that it reads, whose export has more.
        start: where in the query they begin.
    """

    id: str
    rows: list[Row]
    report: str = ""
    start: int = 0

    def __iter__(self) -> Iterator[Row]:  # noqa: D105
        return iter(self.rows)

    def __len__(self) -> int:  # noqa: D105
        return len(self.rows)

    def __getitem__(self, at: int) -> Row:  # noqa: D105
        return self.rows[at]

    def parts(self, name: str) -> "dict[Any, Rows]":
        """The rows by the values of a column, in which they are in order."""
        found: dict[Any, Rows] = {}
        for at, row in enumerate(self.rows):
            part = found.setdefault(
                row[name], Rows(self.id, [], self.report, self.start + at)
            )
            part.rows.append(row)
        return found
