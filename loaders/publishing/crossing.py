"""Cells that several totals together would tell: solved as somebody would who has them all.

Each total is an equation of its hidden cells. A cell is told if some sum of equations has
that one alone. Any other cell of the same sum, once it is hidden too, makes both unknown.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from loaders.publishing.privacy import Cell
from loaders.sql import literal, quoted

# Sums are exact modulo this, and no number grows.
_PRIME = 2**61 - 1
# Factors by cell, or by line.
Sum = dict[int, int]


def create(connection: duckdb.DuckDBPyConnection, cells: Mapping[str, Cell]) -> None:
    """Make the table `lines` of all totals: the cells that each adds up, by number.

    Args:
        connection: where the tables are, with those of joint_cells.py.
        cells: what the rows of a table count, by the name of the table.
    """
    connection.execute(
        """
        create or replace temp table lines as
        select
            -total as line,
            cell,
            if(is_whole, -1, 1) as step,
            n,
            cast(null as varchar) as source,
            cast(null as bigint) as place,
            false as is_share
        from figure_totals
        inner join figure_cells using (cell)
        """
    )
    for source, cell in cells.items():
        for count in cell.counts:
            is_figure = bool(cell.figure and cell.figure.count == count)
            for columns in cell.shares if is_figure else cell.totals:
                group = ", ".join(f"counted.{quoted(name)}" for name in columns) or "true"
                connection.execute(
                    f"""
                    insert into lines
                    select
                        dense_rank() over (order by {group})
                        + (select greatest(max(line), 0) from lines),
                        -- Of a count that no other report has, each row is one of its own.
                        coalesce(
                            figure_places.cell,
                            -cast(hash($source, $count, counted.rowid) >> 2 as bigint)
                        ),
                        1,
                        counted.{quoted(count)},
                        $source,
                        counted.rowid,
                        $is_figure
                    from {source} as counted
                    left join figure_places
                        on
                            $is_figure
                            and figure_places.source = $source
                            and figure_places.place = counted.rowid
                    where counted.{quoted(count)} is not null
                    -- The total of one cell is that cell, and hidden with it.
                    qualify
                        count(*) filter (where counted.{quoted(count)} > 0)
                        over (partition by {group}) > 1
                    """,  # noqa: S608
                    {"source": source, "count": count, "is_figure": is_figure},
                )


def hide_next(
    connection: duckdb.DuckDBPyConnection, sources: Iterable[str], marker: str
) -> int:
    """Hide beside each cell that all totals together tell another one, the smallest.

    Args:
        connection: where the tables are.
        sources: the tables of rows.
        marker: the column of these that says what is hidden.

    Returns:
        How many cells that were.
    """
    marked = " union all ".join(
        f"select {literal(source)} as source, rowid as place, {marker} as is_hidden "  # noqa: S608
        f"from {source}"
        for source in sources
    )
    connection.execute(
        f"""
        create or replace temp table line_states as
        select lines.*, coalesce(figure_cells.is_hidden, marked.is_hidden) as is_hidden
        from lines
        left join figure_cells using (cell)
        left join ({marked}) as marked using (source, place)
        """  # noqa: S608
    )
    hidden: dict[int, Sum] = defaultdict(dict)
    shown: dict[int, Sum] = defaultdict(dict)
    sizes: dict[int, int] = {}
    for line, cell, step, n, is_hidden in connection.execute(
        "select line, cell, step, n, is_hidden from line_states "
        # A share that nobody sees reveals no total.
        "qualify not (is_share and bool_and(is_hidden) over (partition by line)) "
        "order by all"
    ).fetchall():
        (hidden if is_hidden else shown)[line][cell] = step
        sizes[cell] = n
    # Hidden alone in a line it would be told by that.
    n_alone = Counter(
        cell for line, cells in shown.items() if line not in hidden for cell in cells
    )
    company: set[int] = set()
    for told, lines in tellings(hidden).items():
        # Nothing is of nobody, and nobody is hidden behind it.
        if not sizes[told]:
            continue
        beside: Sum = defaultdict(int)
        for line, factor in lines.items():
            for cell, step in shown[line].items():
                beside[cell] = (beside[cell] + factor * step) % _PRIME
        free = [cell for cell, factor in beside.items() if factor]
        if free and not company & {*free}:
            # Nothing is hidden last, since nobody is behind it.
            order = {c: (n_alone[c], not sizes[c], sizes[c], c) for c in free}
            company.add(min(free, key=order.__getitem__))
    connection.execute(
        "update figure_cells set is_hidden = true where cell in (select unnest(?))",
        [[*company]],
    )
    for source in sources:
        connection.execute(
            f"update {source} set {marker} = true where rowid in ("  # noqa: S608
            "select place from line_states "
            "where source = ? and cell in (select unnest(?)))",
            [source, [*company]],
        )
    return len(company)


@dataclass(frozen=True)
class _Equation:
    """A sum of lines: the factors of its cells, and of the lines."""

    cells: Sum
    lines: Sum

    def less(self, other: "_Equation", factor: int) -> None:
        """Subtract another one so many times."""
        for mine, its in ((self.cells, other.cells), (self.lines, other.lines)):
            for key, step in its.items():
                left = (mine.get(key, 0) - factor * step) % _PRIME
                if left:
                    mine[key] = left
                else:
                    del mine[key]


def tellings(lines: Mapping[int, Sum]) -> dict[int, Sum]:
    """The unknowns that equations determine, whatever their other sides are.

    Args:
        lines: of each equation the factor of each unknown.

    Returns:
        By unknown, of a sum of equations that has it alone, the factor of each equation.
    """
    # Equal ones mean the same.
    once = {frozenset(cells.items()): line for line, cells in sorted(lines.items())}
    left = {line: lines[line] for line in once.values()}
    where: Mapping[int, set[int]] = defaultdict(set)
    for line, cells in left.items():
        for cell in cells:
            where[cell].add(line)
    # An equation is solved for what is in it alone: that needs not be put into others.
    alone = [cell for cell, found in where.items() if len(found) == 1]
    last: list[tuple[int, int]] = []
    while alone:
        cell = alone.pop()
        if where[cell]:
            line = next(iter(where[cell]))
            last.append((line, cell))
            for other in left.pop(line):
                where[other].discard(line)
                if len(where[other]) == 1:
                    alone.append(other)
    solved: dict[int, _Equation] = {}
    for line in sorted(left, key=lambda line: (len(left[line]), line)):
        _solve(solved, line, lines[line])
    for line, cell in reversed(last):
        _solve(solved, line, lines[line], cell)
    return {cell: one.lines for cell, one in solved.items() if len(one.cells) == 1}


def _solve(
    solved: dict[int, _Equation], line: int, cells: Sum, alone: int | None = None
) -> None:
    """Solve an equation for a cell of it, with what others are solved for put in.

    Args:
        solved: equations by the cell that they are solved for; it is in none of the others.
        line: the equation.
        cells: its factors.
        alone: a cell that no equation has so far.
    """
    left = _Equation(dict(cells), {line: 1})
    for cell in [cell for cell in cells if cell in solved]:
        left.less(solved[cell], left.cells[cell])
    if not left.cells:
        return
    first = next(iter(left.cells)) if alone is None else alone
    inverse = pow(left.cells[first], -1, _PRIME)
    for part in (left.cells, left.lines):
        for key in part:
            part[key] = part[key] * inverse % _PRIME
    for other in solved.values() if alone is None else ():
        if first in other.cells:
            other.less(left, other.cells[first])
    solved[first] = left
