"""Cells that several reports show, or that add up over several: hidden jointly.

A cell of a figure is known by its place, such as product 7 in month 2018-01, whatever
report shows it. Of the cells that differ in one axis alone, and add up to the one without
that axis, no hidden one may be had by subtraction.
"""

from collections.abc import Mapping

import duckdb

from loaders.publishing.privacy import Figure
from loaders.sql import quoted

Figures = Mapping[str, Figure]


def create(connection: duckdb.DuckDBPyConnection, figures: Figures) -> None:
    """Make tables of the cells of figures, of their rows in tables, and of their totals.

    Args:
        connection: where the tables are.
        figures: by the table whose rows are their cells.
    """
    connection.execute(
        "create or replace temp table figure_rows "
        "(source varchar, place bigint, figure varchar, steps varchar[], n bigint)"
    )
    for source, figure in figures.items():
        connection.execute(
            f"""
            insert into figure_rows
            select $source, rowid, $figure, {_place(figure)}, {quoted(figure.count)}
            from {source}
            where {quoted(figure.count)} is not null
            """,  # noqa: S608
            {"source": source, "figure": figure.of},
        )
    connection.execute(
        """
        create or replace temp table figure_cells as
        select
            row_number() over (order by figure, steps, n) as cell,
            figure,
            steps,
            n,
            -- Of some events only, a place may have another count; totals are of all.
            n = max(n) over (partition by figure, steps) as is_of_all,
            false as is_hidden
        from figure_rows
        group by figure, steps, n;

        create or replace temp table figure_places as
        select figure_rows.source, figure_rows.place, figure_cells.cell
        from figure_rows
        inner join figure_cells using (figure, steps, n);

        create or replace temp table figure_totals as
        with parts as (
            select
                cell,
                n,
                figure,
                list_filter(steps, lambda step: step <> one) as rest,
                split_part(one, '=', 1) as axis
            from (
                select *, unnest(steps) as one from figure_cells where is_of_all
            )
        ),

        totals as (
            select
                parts.figure, parts.rest, parts.axis, any_value(wholes.cell) as whole,
                row_number() over (order by parts.figure, parts.rest, parts.axis) as total
            from parts
            inner join figure_cells as wholes
                on
                    parts.figure = wholes.figure
                    and parts.rest = wholes.steps
                    and wholes.is_of_all
            group by parts.figure, parts.rest, parts.axis
            having sum(parts.n) = any_value(wholes.n)
        )

        select total, cell, false as is_whole
        from parts
        inner join totals using (figure, rest, axis)
        union all
        select total, whole as cell, true as is_whole from totals
        """
    )


def hide_next(
    connection: duckdb.DuckDBPyConnection, figures: Figures, marker: str, least: int
) -> int:
    """Hide of each cell all rows, and of each total one cell more where it would tell one.

    It would if one cell alone is hidden, or if the hidden parts of a total that is shown
    are together a small count.

    Args:
        connection: where the tables are.
        figures: by the table whose rows are their cells.
        marker: the column of these that says what is hidden.
        least: the least count that is shown.

    Returns:
        How many rows that were.
    """
    for source in figures:
        connection.execute(
            f"""
            update figure_cells set is_hidden = true
            where not is_hidden and cell in (
                select figure_places.cell
                from figure_places
                inner join {source} on figure_places.place = {source}.rowid
                where figure_places.source = ? and {source}.{marker}
            )
            """,  # noqa: S608
            [source],
        )
    connection.execute(
        """
        update figure_cells set is_hidden = true
        where cell in (
            select cell
            from figure_totals
            inner join figure_cells using (cell)
            where n > 0
            qualify
                not is_hidden
                and row_number() over (
                    partition by total order by is_hidden, is_whole, n, cell
                ) = 1
                and (
                    count(*) filter (where is_hidden) over (partition by total) = 1
                    or (
                        not bool_or(is_whole and is_hidden) over (partition by total)
                        and sum(n) filter (where is_hidden) over (partition by total)
                        between 1 and ? - 1
                    )
                )
        )
        """,
        [least],
    )
    n_hidden = 0
    for source in figures:
        row = connection.execute(
            f"""
            update {source} set {marker} = true
            where not {marker} and rowid in (
                select place
                from figure_places
                inner join figure_cells using (cell)
                where source = ? and is_hidden
            )
            """,  # noqa: S608
            [source],
        ).fetchone()
        n_hidden += int(row[0]) if row else 0
    return n_hidden


def _place(figure: Figure) -> str:
    """The place of a row in its figure: a list of `axis=value`, in order."""
    steps = []
    for axis, column in figure.at.items():
        value = f"cast({quoted(column)} as varchar)"
        # An axis that is a column is named by what stands in it.
        if axis == "dimension":
            name = quoted(axis)
            steps.append(f"case when {name} <> 'overall' then {name} || '=' || {value} end")
        else:
            steps.append(f"case when {value} <> 'All' then '{axis}=' || {value} end")
    listed = ", ".join(steps)
    return (
        f"list_sort(list_distinct(list_filter([{listed}], lambda step: step is not null)))"
    )
