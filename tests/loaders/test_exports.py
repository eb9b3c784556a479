"""Exports of reports, and what of a build may be seen at all."""

import csv
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from loaders.config.paths import Paths
from loaders.errors import EventmartError, UsageError
from loaders.landing.database import open_landing
from loaders.landing.schema import create_tables
from loaders.publishing import crossing, inputs, joint_cells, versions
from loaders.publishing.exports import export, hide_cells
from loaders.publishing.privacy import (
    Cell,
    Figure,
    Relation,
    Settings,
    read_disclosure,
    read_settings,
)
from loaders.publishing.publish import publish
from loaders.publishing.serving import rollback
from tests.manifest import node, note_run, write_manifest, write_record

NASTY = ['a "quoted" one', "a, b", "two\nlines", "two\r\nlines", "é – “ü”", " padded ", ""]
CELL = {"counts": ["n_requests"], "by": ["place"]}
NODES = [
    node("marts.fct_deliveries", ["_delivery_seq", "_change_seq"]),
    node("marts.dim_customers", ["customer_key", "card_hash"], ["card_hash"]),
    node("reports.rpt_texts", ["text", "seen_at", "day", "ratio", "is_good"]),
    node("reports.rpt_cells", ["place", "n_requests", "median_days"], cell=CELL),
]


def build(paths: Paths, number: int = 1) -> None:
    """A build as dbt leaves it, in small: with a personal column, built apart."""
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    states = "create or replace table meta.model_states as select ? as node_id, ? as "
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute(
            """
            create schema if not exists marts;
            create schema if not exists reports;
            create schema if not exists meta;
            create or replace table marts.fct_deliveries as
                select 7 as _delivery_seq, 5 as _change_seq;
            create or replace table reports.rpt_texts (
                text varchar, seen_at timestamp, day date, ratio double,
                is_good boolean
            );
            create or replace table reports.rpt_cells as
                from (values
                    ('Baker', 4, 1.5), ('Belcaro', 5, 2.5), ('Berkeley', 0, null),
                    ('Barnum', 1, 3.5)
                ) as cells (place, n_requests, median_days);
            """
        )
        connection.executemany(
            "insert into reports.rpt_texts values (?, ?, ?, ?, ?)",
            [
                (text, datetime(2016, 1, 2, 3, 4, 5), "2016-02-29", 0.1, True)
                for text in NASTY
            ],
        )
        connection.execute("insert into reports.rpt_texts (text) values (null)")
        connection.execute(f"{states}data_version", ["rpt_cells", str(number)])
    with duckdb.connect(str(paths.intermediate)) as connection:
        connection.execute(
            """
            create schema if not exists marts;
            create schema if not exists meta;
            create or replace table marts.dim_customers (
                customer_key integer not null, card_hash varchar
            );
            insert into marts.dim_customers
                select n, 'card hash ' || n from range(5000) as numbers (n);
            comment on table marts.dim_customers is 'One row per ''card''.';
            comment on column marts.dim_customers.customer_key is 'Its key.';
            comment on column marts.dim_customers.card_hash is 'Its hash.';
            """
        )
        connection.execute(
            f"{states}data_version", ["model.eventmart.dim_customers", str(number)]
        )
    note_run(paths.build)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Paths]:
    """A folder in memory, if there is one: much is synced here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield _project(Path(folder), tmp_path, monkeypatch)


def _project(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    found = Paths(folder / "data", tmp_path / "inbox")
    monkeypatch.setattr(inputs, "PROJECT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    for name in ("dbt_project.yml", "profiles.yml"):
        (tmp_path / "project" / name).write_text("")
    with open_landing(found.landing) as landing:
        create_tables(landing, {})
    build(found)
    return found


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., Path]:
    def write(nodes: list[dict[str, Any]] = NODES) -> Path:
        path = tmp_path / "run_results.json"
        write_record(path, nodes)
        return path

    return write


def exported(paths: Paths, name: str) -> Path:
    return paths.published / "exports" / name


def contents(paths: Paths) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exported(paths, "contents.json").read_text())
    return found


def query(paths: Paths, sql: str) -> list[tuple]:
    served = paths.published / "eventmart.duckdb"
    with duckdb.connect(str(served), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_a_csv_is_what_rfc_4180_says_and_dates_are_iso(
    paths: Paths, results: Callable[..., Path]
) -> None:
    publish(paths, results())
    data = exported(paths, "rpt_texts.csv").read_bytes()
    assert data.startswith(b"text,seen_at,day,ratio,is_good\r\n")
    text = data.decode("utf-8")
    rows = list(csv.reader(text.splitlines(keepends=True), strict=True))[1:]
    # As the csv module reads what is kept as it is: line breaks of values, too.
    values = dict.fromkeys(
        ("2016-01-02T03:04:05.000000", "2016-02-29", "0.1", "true"), None
    )
    assert sorted(row[0] for row in rows) == sorted([*NASTY, ""])
    assert all(row[1:] == [*values] for row in rows if any(row[1:]))
    assert [row for row in rows if not any(row[1:])] == [["", "", "", "", ""]]
    # A text without letters is quoted, and so not taken for none.
    assert '"",2016' in text
    assert re.findall(r"[^\r]\n", text) == ["o\n"]


def test_a_parquet_file_has_the_values_and_types_of_the_report(
    paths: Paths, results: Callable[..., Path]
) -> None:
    publish(paths, results())
    file = exported(paths, "rpt_texts.parquet")
    sql = "select * from {} order by all"
    with duckdb.connect() as connection:
        found = connection.execute(sql.format(f"'{file}'"))
        kinds = [column[1] for column in found.description or ()]
        rows = found.fetchall()
    assert rows == query(paths, sql.format("reports.rpt_texts"))
    assert list(map(str, kinds)) == ["VARCHAR", "TIMESTAMP", "DATE", "DOUBLE", "BOOLEAN"]


@pytest.mark.parametrize(
    ("setting", "shown", "n_suppressed"),
    [
        (None, {"Belcaro": 5, "Berkeley": 0}, 2),
        ("6", {"Berkeley": 0}, 3),
        ("2", {"Baker": 4, "Belcaro": 5, "Berkeley": 0}, 1),
        ("0", {"Baker": 4, "Barnum": 1, "Belcaro": 5, "Berkeley": 0}, 0),
    ],
)
def test_small_cells_lose_all_that_they_measure(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    setting: str | None,
    shown: dict[str, int],
    n_suppressed: int,
) -> None:
    if setting:
        monkeypatch.setenv("EVENTMART_SMALL_CELLS", setting)
    publish(paths, results())
    for suffix, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        if suffix == "parquet":
            with duckdb.connect() as connection:
                file = exported(paths, "rpt_cells.parquet")
                table = connection.execute(f"select * from '{file}'").df()
        else:
            table = read(exported(paths, "rpt_cells.csv"))
        assert list(table.columns) == [
            "place",
            "n_requests",
            "median_days",
            "is_suppressed",
        ]
        assert list(table.place) == ["Baker", "Barnum", "Belcaro", "Berkeley"]
        seen = table[~table.is_suppressed].set_index("place")
        assert seen.n_requests.to_dict() == shown
        hidden = table[table.is_suppressed]
        assert len(hidden) == n_suppressed
        assert hidden[["n_requests", "median_days"]].isna().all(axis=None)
    # Who opens the file itself sees all.
    assert query(paths, "select count(n_requests) from reports.rpt_cells") == [(4,)]
    listed = {one["file"]: one for one in contents(paths)["files"]}
    assert listed["rpt_cells.csv"]["n_suppressed"] == n_suppressed
    assert listed["rpt_texts.csv"]["n_suppressed"] is None
    assert contents(paths)["least_count"] == int(setting or 5)


def test_a_row_is_small_if_one_of_its_counts_is() -> None:
    relation = Relation(
        "model.eventmart.rpt_trends",
        "reports",
        "rpt_trends",
        "",
        ("area", "n_last", "n_before"),
        (),
        Cell(counts=("n_last", "n_before"), by=("area",), part={"n_last": "n_before"}),
    )
    with duckdb.connect() as connection:
        connection.execute(
            "create schema reports; create table reports.rpt_trends as from (values "
            "('a', 9, 4), ('b', 4, 9), ('c', 9, 9), ('d', null, 9), ('e', 12, 8), "
            "('f', 13, 8), ('g', 8, 0)"
            ") as areas (area, n_last, n_before)"
        )
        hide_cells(connection, [relation], 5)
        export(connection, relation)
        rows = connection.execute("from export").fetchall()
    assert rows == [
        ("a", None, None, True),
        ("b", None, None, True),
        ("c", 9, 9, False),
        ("d", None, 9, False),
        ("e", None, None, True),
        ("f", 13, 8, False),
        ("g", 8, 0, False),
    ]


def test_a_part_is_of_what_is_counted() -> None:
    with pytest.raises(ValueError, match="part: not in counts: n_known"):
        Cell(counts=("n",), by=("area",), part={"n": "n_known"})


def exported_cells(
    rows: list[tuple[Any, ...]], totals: tuple[tuple[str, ...], ...], least: int = 5
) -> pd.Series:
    """Which are hidden, of rows of (year, place, number of cards, number of visits)."""
    columns = ("year", "place", "n_cards", "n_visits")
    cell = Cell(counts=columns[2:], by=columns[:2], totals=totals)
    relation = Relation("model.x", "reports", "rpt_x", "", columns, (), cell)
    with duckdb.connect() as connection:
        connection.execute(
            "create schema reports; create table reports.rpt_x (year varchar, "
            "place varchar, n_cards bigint, n_visits bigint)"
        )
        connection.executemany("insert into reports.rpt_x values (?, ?, ?, ?)", rows[::-1])
        hide_cells(connection, [relation], least)
        export(connection, relation)
        found = connection.execute("from export").df().set_index(["year", "place"])
    return found["is_suppressed"]


def cells(*counts: int | None) -> list[tuple[Any, ...]]:
    """Places of one year, with as many visits as cards."""
    return [("2016", f"place {i}", n, n) for i, n in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        # One alone could be had from the total: the next smallest goes with it.
        ((3, 80, 7, 9), {0, 2}),
        # Of equals always the same.
        ((3, 7, 7, 7), {0, 1}),
        # Two hide one another, unless they are so few together that they are known.
        ((4, 4, 7, 9), {0, 1}),
        ((1, 1, 7, 9), {0, 1, 2}),
        # Zero hides nothing; what is not known neither.
        ((3, 0, 8, None), {0, 2}),
        ((3, 0, 0, None), {0}),
        # Nothing is small, or there is nothing to be had.
        ((5, 6, 7, 8), set()),
        ((3,), {0}),
        ((0, 0), set()),
        ((1, 2, 3, 4), {0, 1, 2, 3}),
    ],
)
def test_no_hidden_cell_can_be_had_from_its_total(
    counts: tuple[int | None, ...], hidden: set[int]
) -> None:
    for totals in ((("year",),), ((),)):
        found = exported_cells(cells(*counts), totals)
        assert set(found.to_numpy().nonzero()[0]) == hidden
    alone = exported_cells(cells(*counts), ())
    assert set(alone.to_numpy().nonzero()[0]) == {
        i for i, n in enumerate(counts) if n and n < 5
    }
    assert not exported_cells(cells(*counts), (("year",),), least=0).any()


def test_each_total_is_one_of_its_own() -> None:
    rows = [("2016", "a", 3, 30), ("2016", "b", 9, 30), ("2017", "a", 9, 9)]
    rows += [("2017", "b", 9, 9), ("2018", "c", 9, 2), ("2018", "d", 9, 9)]
    found = exported_cells(rows, (("year",),))
    # Of 2018 it is the visits that are few.
    assert list(found) == [True, True, False, False, True, True]


@pytest.mark.parametrize("seed", range(8))
def test_no_line_of_a_table_with_two_totals_tells_a_hidden_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_rows, n_columns = rng.integers(2, 12, 2)
    table = rng.choice(
        [0, 1, 3, 5, 9, 200], (n_rows, n_columns), p=[0.2, *[0.1] * 3, 0.2, 0.3]
    )
    rows = [
        (f"{year:02}", f"{place:02}", int(n), int(n))
        for (year, place), n in np.ndenumerate(table)
    ]
    found = exported_cells(rows, (("year",), ("place",))).to_numpy()
    hidden = found.reshape(table.shape)
    assert hidden[(table > 0) & (table < 5)].all()
    for counts, marks in [
        *zip(table, hidden, strict=True),
        *zip(table.T, hidden.T, strict=True),
    ]:
        if marks.any() and (counts[~marks] > 0).any():
            assert marks.sum() >= 2
            assert counts[marks].sum() >= 5
    if not ((table > 0) & (table < 5)).any():
        assert not hidden.any()


def is_told(table: np.ndarray, hidden: np.ndarray) -> bool:
    """Whether sums of rows and columns determine a hidden cell that is not nothing."""
    places = np.argwhere(hidden)
    equations = [
        places[:, axis] == at
        for axis in (0, 1)
        for at in range(table.shape[axis])
        # The total of one cell is that cell, and hidden with it.
        if (np.take(table, at, axis) > 0).sum() > 1
    ]
    if not equations or not len(places):
        return False
    matrix = np.array(equations, dtype=float)
    rank = np.linalg.matrix_rank(matrix)
    return any(
        table[tuple(place)] and np.linalg.matrix_rank(np.vstack([matrix, one])) == rank
        for place, one in zip(places, np.eye(len(places)), strict=True)
    )


@pytest.mark.long
def test_totals_that_cross_tell_no_hidden_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hidden cells in each line are not enough: sums of lines tell some of them."""

    def leaks(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        counts, chances = [0, 2, 6, 9, 50], [0.4, 0.1, 0.2, 0.2, 0.1]
        table = rng.choice(counts, rng.integers(3, 9, 2), p=chances)
        rows = [
            (f"{i:02}", f"{j:02}", int(n), int(n)) for (i, j), n in np.ndenumerate(table)
        ]
        found = exported_cells(rows, (("year",), ("place",))).to_numpy()
        return is_told(table, found.reshape(table.shape))

    assert not [seed for seed in range(40) if leaks(seed)]
    monkeypatch.setattr(crossing, "hide_next", lambda *_: 0)
    assert [seed for seed in range(40) if leaks(seed)]


@pytest.mark.parametrize("seed", range(20))
def test_a_cell_is_told_if_a_sum_of_lines_has_it_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.choice([0, 0, 0, 1, 1, -1], rng.integers(2, 9, 2))
    lines = {
        at: {int(cell): int(row[cell]) for cell in np.flatnonzero(row)}
        for at, row in enumerate(matrix)
    }
    found = crossing.tellings({at: cells for at, cells in lines.items() if cells})
    rank = np.linalg.matrix_rank(matrix)
    expected = {
        cell
        for cell, one in enumerate(np.eye(matrix.shape[1]))
        if np.linalg.matrix_rank(np.vstack([matrix, one])) == rank
    }
    assert {*found} == expected


def test_of_a_total_that_is_hidden_too_no_cell_more_is_hidden() -> None:
    """Hidden are 1 + 2 of 12, and of another total 3 + 1, with the total of 24."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table figure_cells as select * from (values (0, 1, true), (1, 2, true),"
            " (2, 9, false), (3, 12, false), (4, 3, true), (5, 1, true), (6, 20, false),"
            " (7, 24, true)) as cells (cell, n, is_hidden);"
            "create table figure_totals as select * from (values (1, 0, false),"
            " (1, 1, false), (1, 2, false), (1, 3, true), (2, 4, false), (2, 5, false),"
            " (2, 6, false), (2, 7, true)) as totals (total, cell, is_whole)"
        )
        joint_cells.hide_next(connection, {}, "is_hidden", 5)
        query = "select cell from figure_cells where is_hidden order by cell"
        assert connection.execute(query).fetchall() == [(n,) for n in (0, 1, 2, 4, 5, 7)]


@pytest.mark.parametrize("is_share", [True, False])
def test_a_share_that_nobody_sees_tells_no_cell(is_share: bool) -> None:
    """With 0 + 1, the sums 0 + 2 and 1 + 2 tell each of them; 3 and 4 are shown."""
    lines = [(1, 0), (1, 1), (2, 0), (2, 2), (2, 3), (3, 1), (3, 2), (3, 4)]
    with duckdb.connect() as connection:
        connection.execute(
            "create table counted as select false as is_hidden;"
            "create table figure_cells as "
            "select range as cell, range < 3 as is_hidden from range(5);"
            "create table lines (line int, cell int, step int, n int, source varchar,"
            " place int, is_share boolean)"
        )
        connection.executemany(
            "insert into lines values ($1, $2, 1, 4, null, null, $3)",
            [(line, cell, is_share and line == 1) for line, cell in lines],
        )
        n_hidden = crossing.hide_next(connection, ["counted"], "is_hidden")
        assert (n_hidden > 0) is not is_share


def test_below_a_hidden_row_no_running_sum_is_shown() -> None:
    """Two of them would tell what is hidden between."""
    columns = ("kind", "name", "n", "rank", "running")
    cell = Cell(
        counts=("n",),
        by=("kind", "name"),
        totals=(("kind",),),
        running=("rank", "running"),
    )
    relation = Relation("model.x", "reports", "rpt_x", "", columns, (), cell)
    with duckdb.connect() as connection:
        connection.execute(
            "create schema reports; create table reports.rpt_x as "
            "select *, rank() over (partition by kind order by n desc) as rank, "
            "sum(n) over (partition by kind order by n desc) as running from (values "
            "('a', '1', 90), ('a', '2', 50), ('a', '3', 6), ('a', '4', 2), "
            "('b', '1', 70), ('b', '2', 60)) as found (kind, name, n)"
        )
        hide_cells(connection, [relation], 5)
        export(connection, relation)
        found = connection.execute("select name, n, rank, running from export").fetchall()
    assert found == [
        ("1", 90, 1, 90),
        ("2", 50, 2, 140),
        ("3", None, None, None),
        ("4", None, None, None),
        ("1", 70, 1, 70),
        ("2", 60, 2, 130),
    ]
    with duckdb.connect() as connection:
        connection.execute(
            "create schema reports; create table reports.rpt_x as select * from (values "
            "('a', '1', 90, 1, 90), ('a', '2', 3, 2, 93), ('a', '3', 8, 1, 90), "
            "('a', '4', 7, 3, 100)) as found (kind, name, n, rank, running)"
        )
        hide_cells(connection, [relation], 5)
        export(connection, relation)
        found = connection.execute("select n, rank, running from export").fetchall()
    # The last is hidden for the second; what stands above that is shown, though smaller.
    assert found == [(90, 1, 90), (None, None, None), (8, 1, 90), (None, None, None)]


def shown_jointly(
    reports: dict[str, tuple[dict[str, str], list[tuple[Any, ...]]]], least: int = 5
) -> dict[str, list[bool]]:
    """Which rows of reports are shown: each of where its rows are, and (.., count) rows."""
    relations = []
    with duckdb.connect() as connection:
        connection.execute("create schema reports")
        for name, (at, rows) in reports.items():
            columns = [*(name for name in at if name == "dimension"), *at.values()]
            figure = Figure(of="sales", count="n", at=at)
            cell = Cell(counts=("n",), by=tuple(columns), figure=figure)
            relations.append(
                Relation("model.x", "reports", name, "", (*columns, "n"), (), cell)
            )
            declared = ", ".join(f'"{column}" varchar' for column in columns)
            connection.execute(f"create table reports.{name} ({declared}, n bigint)")
            marks = ", ".join("?" * (len(columns) + 1))
            for row in rows:
                connection.execute(f"insert into reports.{name} values ({marks})", row)
        hide_cells(connection, relations, least)
        return {
            one.name: [
                not mark
                for (mark,) in connection.execute(
                    f'select is_suppressed from "cells of {one.name}" order by rowid'
                ).fetchall()
            ]
            for one in relations
        }


@pytest.mark.fault("hostile.differencing")
def test_a_cell_is_hidden_in_every_report_or_in_none() -> None:
    # By itself, each hides another second one.
    one = ("one", [("a", 3), ("b", 9), ("c", 70), ("d", 70)])
    shown = shown_jointly(
        {
            "one": ({"product": "product"}, one[1]),
            "other": (
                {"dimension": "value"},
                [("overall", "All", 152), *(("product", *row) for row in one[1])],
            ),
            "third": ({"kiosk": "kiosk"}, [("a", 76), ("b", 76)]),
        }
    )
    assert shown == {
        "one": [False, False, True, True],
        "other": [True, False, False, True, True],
        # Called alike, it is another axis.
        "third": [True, True],
    }


@pytest.mark.fault("hostile.differencing")
@pytest.mark.parametrize(
    ("months", "products", "cells", "hidden"),
    [
        # The total of b stands in another report: its other cell would tell.
        ({"1": 100, "2": 63}, {"a": 60, "b": 103}, [40, 20, 60, 43], set()),
        ({"1": 43, "2": 23}, {"a": 43, "b": 23}, [40, 3, 3, 20], {0, 1, 2, 3}),
        ({"1": 60, "2": 60}, {"a": 43, "b": 77}, [40, 3, 20, 57], {0, 1, 2, 3}),
        # Nobody has the totals of months: only products would tell.
        ({}, {"a": 43, "b": 77}, [40, 3, 20, 57], {0, 1}),
        ({"1": 60, "2": 60}, {}, [40, 3, 20, 57], {1, 3}),
        # Zero is shown, and helps nobody: the total itself is hidden.
        ({"1": 40, "2": 3}, {"a": 43}, [40, 3], {0, 1}),
        # What does not add up is no total of theirs.
        ({}, {"a": 90}, [40, 3], {1}),
    ],
    ids=["none", "both", "all", "products", "months", "one_product", "no_total"],
)
def test_no_hidden_cell_can_be_had_from_totals_in_other_reports(
    months: dict[str, int], products: dict[str, int], cells: list[int], hidden: set[int]
) -> None:
    places = [(product, month) for product in "ab" for month in "12"]
    rows = [(*place, n) for place, n in zip(places, cells, strict=False)]
    shown = shown_jointly(
        {
            "cells": ({"product": "product", "month": "month"}, rows),
            "months": ({"dimension": "value"}, [("month", *it) for it in months.items()]),
            "products": ({"product": "product"}, [*products.items()]),
        }
    )
    assert {i for i, is_shown in enumerate(shown["cells"]) if not is_shown} == hidden
    everything = {"cells": ({"a": "a"}, [("1", 3), ("2", 9)])}
    assert shown_jointly(everything, least=0) == {"cells": [True, True]}


@pytest.mark.fault("hostile.differencing")
@pytest.mark.parametrize("seed", range(6))
def test_no_line_of_totals_tells_a_hidden_cell_whatever_report_they_are_in(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    table = rng.choice([0, 2, 4, 6, 9, 200], (7, 5), p=[0.2, 0.1, 0.1, 0.1, 0.2, 0.3])
    rows = [(f"p{i}", f"m{j}", int(n)) for (i, j), n in np.ndenumerate(table)]
    totals = [("overall", "All", int(table.sum()))]
    totals += [("product", f"p{i}", int(n)) for i, n in enumerate(table.sum(1))]
    months = [(f"m{j}", int(n)) for j, n in enumerate(table.sum(0))]
    shown = shown_jointly(
        {
            "cells": ({"product": "product", "month": "month"}, rows),
            "totals": ({"dimension": "value"}, totals),
            "months": ({"month": "month"}, months),
        }
    )
    inner = np.array(shown["cells"]).reshape(table.shape)
    _, *by_product = shown["totals"]
    lines = [
        *zip(by_product, table.sum(1), inner, table, strict=True),
        *zip(shown["months"], table.sum(0), inner.T, table.T, strict=True),
        (shown["totals"][0], table.sum(), np.array(by_product), table.sum(1)),
        (shown["totals"][0], table.sum(), np.array(shown["months"]), table.sum(0)),
    ]
    for is_total_shown, total, marks, counts in lines:
        n_hidden = (~marks).sum() + (not is_total_shown)
        has_more = (counts[marks] > 0).any()
        assert n_hidden != 1 or not has_more
        if is_total_shown and n_hidden and has_more:
            assert counts[~marks].sum() >= 5
        assert total >= 5 or not is_total_shown or not total
    assert not inner[(table > 0) & (table < 5)].any()


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"of": "x", "count": "place", "at": {"a": "place"}}, "none of the counts"),
        ({"of": "x", "count": "n", "at": {"a": "other"}}, "not in by: other"),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(
    figure: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Cell.model_validate({"counts": ["n"], "by": ["place"], "figure": figure})


def test_a_name_is_never_taken_for_sql() -> None:
    name = 'n" from x; drop table t; --'
    relation = Relation("model.x", "reports", name, "", (name,), (), None)
    with duckdb.connect() as connection:
        escaped = name.replace('"', '""')
        connection.execute(
            f'create schema reports; create table reports."{escaped}" ("{escaped}" int)'
        )
        hide_cells(connection, [relation], 5)
        export(connection, relation)
        assert connection.execute("from export").fetchall() == []


def test_the_list_of_exports_says_what_they_are(
    paths: Paths, results: Callable[..., Path]
) -> None:
    publish(paths, results())
    listed = contents(paths)
    assert listed["version"] == 1
    folder = (paths.published / "exports").resolve()
    assert {one["file"] for one in listed["files"]} | {"contents.json"} == {
        path.name for path in folder.iterdir()
    }
    for one in listed["files"]:
        data = (folder / one["file"]).read_bytes()
        assert one["n_bytes"] == len(data)
        assert one["sha256"] == hashlib.sha256(data).hexdigest()
        assert one["description"] == f"One row per {one['report']}."


@pytest.mark.fault("hostile.formula")
def test_formulas_are_told_and_left_or_made_neutral_as_a_setting_says(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = ["=1+1", "\uff20SUM(1)", "a;=1", "plain"]
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute("delete from reports.rpt_texts")
        connection.executemany(
            "insert into reports.rpt_texts (text, ratio) values (?, -0.5)",
            [[text] for text in hostile],
        )
    note_run(paths.build)

    def said() -> tuple[str, int, int]:
        listed = contents(paths)
        n_formulas = {one["file"]: one["n_formulas"] for one in listed["files"]}
        texts = n_formulas["rpt_texts.csv"], n_formulas["rpt_texts.parquet"]
        assert n_formulas["rpt_cells.csv"] == 0
        return listed["csv_formulas"], *texts

    def texts(suffix: str) -> set[str]:
        with duckdb.connect() as connection:
            file = exported(paths, f"rpt_texts.{suffix}")
            found = connection.execute(f"select text, ratio from '{file}'").fetchall()
        assert {ratio for _, ratio in found} == {-0.5}
        return {text for text, _ in found}

    publish(paths, results())
    assert said() == ("keep", 3, 0)
    assert texts("csv") == texts("parquet") == {*hostile}
    monkeypatch.setenv("EVENTMART_CSV_FORMULAS", "neutral")
    publish(paths, results())
    assert said() == ("neutral", 0, 0)
    assert texts("csv") == {"'=1+1", "'\uff20SUM(1)", "a;'=1", "plain"}
    assert texts("parquet") == {*hostile}


@pytest.mark.parametrize("setting", ["drop", "keep"])
def test_personal_columns_are_published_only_if_a_setting_says_so(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
) -> None:
    real = duckdb.connect

    def connect(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        # So that what is in a file can be seen in its bytes.
        connection = real(*arguments, **options)
        connection.execute("pragma force_compression = 'uncompressed'")
        return connection

    monkeypatch.setattr(duckdb, "connect", connect)
    monkeypatch.setenv("EVENTMART_PERSONAL_COLUMNS", setting)
    publish(paths, results())
    columns = query(
        paths,
        "select column_name, comment, is_nullable from duckdb_columns() "
        "where table_name = 'dim_customers' order by column_index",
    )
    kept = [("customer_key", "Its key.", False), ("card_hash", "Its hash.", True)]
    assert columns == (kept if setting == "keep" else kept[:1])
    assert query(paths, "select count(*) from marts.dim_customers") == [(5000,)]
    assert query(
        paths, "select comment from duckdb_tables() where table_name = 'dim_customers'"
    ) == [("One row per 'card'.",)]
    # Nor do their bytes lie in what a table once took.
    data = (paths.published / "eventmart.duckdb").read_bytes()
    assert (b"card hash 49" in data) == (setting == "keep")


def test_another_setting_is_another_version(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_results = results()
    assert publish(paths, run_results)[1]
    assert not publish(paths, run_results)[1]
    monkeypatch.setenv("EVENTMART_SMALL_CELLS", "3")
    assert publish(paths, run_results)[1]
    monkeypatch.setenv("EVENTMART_PERSONAL_COLUMNS", "keep")
    assert publish(paths, run_results)[1]
    build(paths, 2)
    assert publish(paths, run_results)[0].number == 4


def test_what_is_built_apart_alone_is_news_too(
    paths: Paths, results: Callable[..., Path]
) -> None:
    run_results = results()
    publish(paths, run_results)
    with duckdb.connect(str(paths.intermediate)) as connection:
        connection.execute("update meta.model_states set data_version = 'other'")
    note_run(paths.build)
    assert publish(paths, run_results)[1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("EVENTMART_SMALL_CELLS", "-1", "SMALL_CELLS: '-1' is not a number of people"),
        ("EVENTMART_PERSONAL_COLUMNS", "yes", "'yes' is neither drop nor keep"),
        ("EVENTMART_CSV_FORMULAS", "no", "'no' is neither keep nor neutral"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_happens(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    message: str,
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(UsageError, match=message):
        publish(paths, results())
    assert not paths.published.exists()


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTMART_SMALL_CELLS", "")
    monkeypatch.setenv("EVENTMART_PERSONAL_COLUMNS", "")
    assert read_settings() == Settings(keeps_personal=False, least_count=5)


def changed(name: str, **columns: Any) -> list[dict[str, Any]]:
    """The manifest's nodes, one of them with other columns."""
    described = next(one for one in NODES if one["alias"] == name)
    others = [one for one in NODES if one is not described]
    relation = f"{described['schema']}.{name}"
    return [*others, node(relation, **{"columns": described["columns"], **columns})]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (changed("rpt_cells", columns=["place"]), r"differ in median_days, n_requests"),
        (changed("rpt_cells", columns=["place", "x"], cell=CELL), "no column n_requests"),
        (changed("rpt_cells", cell={"counts": []}), "meta.cell: .* validation error"),
        (changed("rpt_cells", cell={"by": ["place"]}), "meta.cell: .* validation error"),
        (
            changed("rpt_cells", cell={**CELL, "totals": [["n_requests"]]}),
            "totals: not in by: n_requests",
        ),
        (changed("rpt_cells", personal=["place"]), "must be built with database="),
        (
            [*NODES, node("marts.dim_people", ["name"], ["name"])],
            "marts.dim_people: has personal columns, and is not built",
        ),
    ],
)
def test_what_dbt_does_not_describe_is_not_published(
    paths: Paths, results: Callable[..., Path], nodes: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(EventmartError, match=message):
        publish(paths, results(nodes))
    assert not (paths.published / "eventmart.duckdb").exists()
    assert not (paths.published / "exports").exists()
    publish(paths, results())


@pytest.mark.fault("feed.undescribed")
def test_what_nobody_described_is_not_published_and_named(
    paths: Paths, results: Callable[..., Path]
) -> None:
    mart = node("marts.dim_things", ["name", "colour"])
    mart["description"] = " "
    mart["columns"]["colour"]["description"] = ""
    with pytest.raises(EventmartError, match=r": dim_things, dim_things\.colour$"):
        publish(paths, results([*NODES, mart]))
    assert not (paths.published / "eventmart.duckdb").exists()


def test_what_dbt_no_longer_knows_of_is_left_out(
    paths: Paths, results: Callable[..., Path]
) -> None:
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute("create table reports.rpt_old as select 'old' as name")
        connection.execute("create view marts.old as select * from reports.rpt_old")
    note_run(paths.build)
    publish(paths, results())
    names = query(paths, "select table_name from information_schema.tables order by all")
    assert [name for (name,) in names] == [
        *("dim_customers", "fct_deliveries", "rpt_cells", "rpt_texts")
    ]


@pytest.mark.parametrize("text", [None, "", "{}"])
def test_a_build_without_manifest_is_not_published(
    paths: Paths, results: Callable[..., Path], text: str | None
) -> None:
    run_results = results()
    manifest = run_results.with_name("manifest.json")
    manifest.unlink()
    if text is not None:
        manifest.write_text(text)
    with pytest.raises(EventmartError, match="no manifest of the build"):
        publish(paths, run_results)


def test_exports_follow_the_version_that_is_served(
    paths: Paths, results: Callable[..., Path]
) -> None:
    run_results = results()
    for number in (1, 2):
        build(paths, number)
        publish(paths, run_results)
    assert contents(paths)["version"] == 2
    rollback(paths)
    assert contents(paths)["version"] == 1


def test_a_failed_export_leaves_the_last_good_ones(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_results = results()
    publish(paths, run_results)
    before = exported(paths, "rpt_cells.csv").read_bytes()
    build(paths, 2)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("loaders.publishing.exports._write", fail)
        with pytest.raises(EventmartError, match="the disk is full"):
            publish(paths, run_results)
    assert exported(paths, "rpt_cells.csv").read_bytes() == before
    assert contents(paths)["version"] == versions.served_number(paths) == 1
    assert publish(paths, run_results)[0].number == 2
    assert contents(paths)["version"] == 2


def test_exports_of_a_version_go_with_it(
    paths: Paths, results: Callable[..., Path]
) -> None:
    run_results = results()
    for number in range(1, 5):
        build(paths, number)
        publish(paths, run_results)
    folders = sorted((paths.published / "versions").iterdir())
    assert [folder.name for folder in folders] == ["000002", "000003", "000004"]
    assert all((folder / "exports" / "contents.json").exists() for folder in folders)


def test_a_kill_between_file_and_exports_is_mended_by_the_next_publish(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_results = results()
    publish(paths, run_results)
    build(paths, 2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(paths, run_results)
    assert versions.served_number(paths) == 2
    assert contents(paths)["version"] == 1
    publish(paths, run_results)
    assert contents(paths)["version"] == 2


def test_a_version_from_before_there_were_exports_has_none(
    paths: Paths, results: Callable[..., Path]
) -> None:
    run_results = results()
    publish(paths, run_results)
    shutil.rmtree(paths.published / "versions" / "000001" / "exports")
    build(paths, 2)
    publish(paths, run_results)
    rollback(paths)
    assert not (paths.published / "exports").is_symlink()
    build(paths, 3)
    publish(paths, run_results)
    assert contents(paths)["version"] == 3


def test_the_manifest_is_read_as_dbt_writes_it(tmp_path: Path) -> None:
    nodes = [
        *NODES,
        node("staging.stg_things", ["card_hash"], ["card_hash"]),
        {"unique_id": "test.x", "resource_type": "test", "schema": "marts"},
    ]
    write_manifest(tmp_path / "manifest.json", nodes)
    found = read_disclosure(tmp_path / "manifest.json")
    assert [relation.name for relation in found.relations] == [
        *("dim_customers", "fct_deliveries", "rpt_cells", "rpt_texts")
    ]
    assert [relation.name for relation in found.apart] == ["dim_customers"]
