"""Figures: a picture and the table of the same rows, or a table alone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from markupsafe import Markup

from loaders.pages.rows import Row, Rows


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
        return self.kind in ("text", "yes", "month", "day", "spark")

    @property
    def shown(self) -> str:
        """The columns of the query that are printed, for the test of figures."""
        return " ".join((self.name, *(self.interval or ())))

    def share_of_largest(self, rows: Sequence[Row], row: Row) -> float:
        """How long the bar of a row is, from 0 to 100."""
        largest = max((float(one[self.name] or 0) for one in rows), default=0)
        return round(100 * float(row[self.name] or 0) / largest, 1) if largest > 0 else 0


@dataclass(frozen=True)
class Figure:
    """A picture with its table, or a table.

    Attributes:
        title: what it shows, with the unit.
        rows: what it is drawn from.
        columns: of the table.
        empty: what there would be if there were rows.
        svg: the picture.
        note: how to read it.
        uses: what of the events it depends on: `time`, `point` or `place`, or that they are
            of `now`; where much of that is missing, a mark beside the title says so.
        feeds: whose events they are; without them, those of the page.
        is_wide: whether it takes the whole width.
        is_heat: whether it is a grid of shades: the columns are figure, down and across.
    """

    title: str
    rows: Rows
    columns: tuple[Column, ...]
    empty: str
    svg: Markup | None = None
    note: str = ""
    uses: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    is_wide: bool = False
    is_heat: bool = False

    @property
    def id(self) -> str:
        """The part of the page's address behind `#`."""
        return self.rows.id.partition(".")[2]

    def grid(self) -> Iterator[tuple[Any, list[tuple[int, Row | None, int]]]]:
        """Of a grid of shades each line: position, row and shade (0 to 5) of each cell."""
        figure, down, across = (column.name for column in self.columns)
        places = {(row[down], row[across]): (at, row) for at, row in enumerate(self.rows)}
        known = sorted(row[figure] for row in self.rows if row[figure] is not None)
        ends = [known[len(known) * i // 6] for i in range(1, 6)] if known else []
        across_all = sorted({row[across] for row in self.rows})
        for value in dict.fromkeys(row[down] for row in self.rows):
            cells: list[tuple[int, Row | None, int]] = []
            for place in across_all:
                at, row = places.get((value, place), (0, None))
                amount = row[figure] if row else None
                shade = 0 if amount is None else sum(amount >= end for end in ends)
                cells.append((at, row, shade))
            yield value, cells


def laid_out(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Figures so that none stands beside a hole: those without rows after their neighbors.

    A narrow one that is left over takes the whole width.
    """
    for is_wide, found in groupby(figures, key=lambda one: one.is_wide):
        run = list(found)
        for part in (
            [one for one in run if one.rows],
            [one for one in run if not one.rows],
        ):
            is_odd = not is_wide and len(part) % 2
            yield from part[:-1] if is_odd else part
            yield from [replace(part[-1], is_wide=True)] if is_odd else []


@dataclass(frozen=True)
class Tile:
    """A headline figure: the value of a column in a row, with words and a small line."""

    rows: Rows
    at: int
    name: str
    kind: str
    label: str
    when: str = ""
    when_kind: str = "month"
    change: str = ""
    note: str = ""
    spark: Sequence[float] = ()
    link: str = ""
