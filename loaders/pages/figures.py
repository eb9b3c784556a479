"""Figures: a picture and the table of the same rows, or a table alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from loaders.pages.rows import Rows


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: in the query.
        title: as people read it, with the unit.
        kind: how it is printed, see formats.py; `spark` draws a list of counts.
        interval: the columns of the limits that are printed in brackets behind it.
        bar: whether a bar is drawn behind the figure, as long as it is of the largest.
        link: the column that has the file that it links to.
    """

    name: str
    title: str
    kind: str = "text"
    interval: tuple[str, str] | None = None
    bar: bool = False
    link: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is no figure."""
        return self.kind in ("text", "yes", "month", "spark")

    @property
    def shown(self) -> str:
        """The columns of the query that are printed, for the test of figures."""
        return " ".join((self.name, *(self.interval or ())))

    def share_of_largest(
        self, rows: Sequence[dict[str, Any]], row: dict[str, Any]
    ) -> float:
        """How long the bar of a row is, from 0 to 100."""
        largest = max((float(one[self.name] or 0) for one in rows), default=0)
        return round(100 * float(row[self.name] or 0) / largest, 1) if largest > 0 else 0


@dataclass(frozen=True)
class Figure:
    """A picture with its table, or a table.

    Attributes:
        id: the part of the page's address behind `#`.
        title: what it shows, with the unit.
        rows: what it is drawn from.
        columns: of the table.
        empty: what there would be if there were rows.
        svg: the picture.
        note: how to read it.
        report: the report whose export has all rows.
        uses: what of the events it depends on, beside the feed: `time`, `point` or `place`;
            where much of it is missing, that is said beside the title.
        feeds: whose events they are.
        is_wide: whether it takes the whole width.
        n_shown: how many rows the table has at first.
    """

    id: str
    title: str
    rows: Rows
    columns: tuple[Column, ...]
    empty: str
    svg: Markup | None = None
    note: str = ""
    report: str = ""
    uses: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    is_wide: bool = False
    n_shown: int = 400


@dataclass(frozen=True)
class Tile:
    """A headline figure: the value of a column in a row, with words and a small line."""

    rows: Rows
    at: int
    name: str
    kind: str
    label: str
    note: str = ""
    spark: Sequence[float] = ()
    link: str = ""
