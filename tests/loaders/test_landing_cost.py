"""What a landing costs follows what is delivered, and not what has landed before."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.landing import times
from loaders.landing.checks import ids
from loaders.landing.checks.ids import DEFINITION, is_doubtful
from loaders.landing.database import Warehouse
from loaders.landing.ledger import now
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
# As many as a block of a table has, in the order of their times.
BLOCK, N_BLOCKS = 122_880, 5
SALES: dict[str, Any] = {
    "columns": {
        "a": {"required": True, "ids": True},
        "b": {"ids": True, "incompressible": True},
        "c": {"required": True},
    },
    "formats": ["us", "iso"],
    "as_of": {"newest": ["c"]},
}


class Watched:
    """A landing that counts how many rows of raw are scanned, by what is read of them."""

    def __init__(self, landing: duckdb.DuckDBPyConnection) -> None:
        self.landing, self.scanned = landing, Counter[str]()
        landing.execute("set enable_profiling = 'no_output'")

    def execute(self, *arguments: Any) -> duckdb.DuckDBPyConnection:
        done = self.landing.execute(*arguments)
        # Without a plan, as of `begin`, there is none to look at.
        profile = json.loads(self.landing.get_profiling_information(format="json"))
        for name, n in _scans(profile):
            self.scanned[name] += n
        return done


def _scans(node: dict[str, Any]) -> Iterator[tuple[str, int]]:
    read = node.get("extra_info", {})
    if str(read.get("Table", "")).endswith(".raw.things"):
        said = f"{read.get('Projections')} {read.get('Filters')}"
        yield said, node["operator_rows_scanned"]
    for child in node.get("children", ()):
        yield from _scans(child)


@pytest.fixture
def full(lab: Labs) -> tuple[Lab, Watched]:
    """A landing of many blocks, and how much of them is read."""
    things = lab(**SALES)
    things.land("a,b,c\n7,x,2020-01-01\n")
    things.all(
        f"""
        insert into raw.things by name
        select
            cast(md5(cast(i as varchar)) as uuid) as _row_hash, 1 as _copy,
            cast(1 + i % 1000 as varchar) as a, md5(cast(i as varchar)) as b,
            strftime(timestamp '2021-01-01' + to_minutes(i), '%Y-%m-%d %H:%M') as c,
            1 as _delivery_seq, 1 as _change_seq, i as _line
        from range({BLOCK * N_BLOCKS}) as numbers (i)
        """
    )
    things.all("checkpoint")
    watched = Watched(things.landing)
    things.warehouse = Warehouse(watched, things.warehouse.paths)  # type: ignore[arg-type]
    return things, watched


@pytest.mark.parametrize(
    "rows",
    [
        "7,{x},2024-01-02 10:00\n8,{y},2024-01-02 11:00\n",
        # A day that is first or second is told by the file's own dates, if by any.
        "7,{x},1/2/2024 10:00:00 AM\n8,{y},1/13/2024 10:00:00 AM\n",
        "7,{x},2024-01-02 10:00\n7,{x},2024-01-02 10:00\n",
    ],
)
def test_a_small_delivery_reads_next_to_nothing_of_what_has_landed(
    full: tuple[Lab, Watched], rows: str
) -> None:
    things, watched = full
    watched.scanned.clear()
    entry = things.land("a,b,c\n" + rows.format(x="+" + "x" * 50, y="0" * 50))
    assert (entry.status, entry.n_new) == ("landed", 2)
    assert sum(watched.scanned.values()) <= BLOCK, watched.scanned


def test_what_came_before_is_known_though_little_is_read(full: tuple[Lab, Watched]) -> None:
    things, watched = full
    rows = "7,x,2024-01-02 10:00\n8,y,2021-01-01 00:00\n9,z,2021-01-02\n"
    assert things.land("a,b,c\n" + rows).n_new == 3
    watched.scanned.clear()
    entry = things.land("a,b,c\n" + rows + "9,z,2021-01-02\n")
    assert (entry.n_known, entry.n_new) == (3, 1)


def test_a_row_without_a_time_is_known_again(lab: Labs) -> None:
    things = lab(**SALES)
    rows = "a,b,c\n7,x,\n8,y,2024-01-02\n"
    assert things.land(rows, as_of="2024-01-02").n_new == 2
    entry = things.land(rows + "9,z,2024-01-02\n", as_of="2024-01-03")
    assert (entry.n_known, entry.n_new) == (2, 1)


IDS = st.one_of(
    st.text("0123456789.,eE+-# 'naN=\u00a0/xA", max_size=45),
    st.from_regex(r"\A[0-9]{1,45}\Z"),
    st.text(max_size=50),
)


@pytest.fixture(scope="module")
def defined() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create schema raw")
    connection.execute(DEFINITION)
    return connection


@given(st.lists(IDS, min_size=20, max_size=20))
def test_an_id_that_is_not_doubtful_has_nothing_that_patterns_would_find(
    defined: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    found = defined.execute(
        f"""
        select id from (select unnest(?) as id)
        where not ({is_doubtful("id", is_long=False)})
            and (
                raw.is_damaged_id(id) or {ids._is_led("id")}
                or regexp_full_match(id, '{ids._LONG}')
            )
            or not ({is_doubtful("id", is_long=True)})
            and (raw.is_damaged_id(id) or regexp_full_match(id, '{ids._LONG}'))
        """,
        [texts],
    ).fetchall()
    assert found == []


def test_plain_ids_are_not_doubtful(defined: duckdb.DuckDBPyConnection) -> None:
    """Nor is none: patterns are tried on what is left."""
    texts = ["1", "4061", "-7", "201310000054410", None]
    of_numbers, of_hashes = (
        is_doubtful("id", is_long=is_long) for is_long in (False, True)
    )
    assert defined.execute(
        f"select count(*) filter (where {of_numbers}) from (select unnest(?) as id)",
        [texts],
    ).fetchone() == (0,)
    assert defined.execute(
        f"select count(*) filter (where {of_hashes}) from (select unnest(?) as id)",
        [["+/0" * 20, "x" * 1000, None]],
    ).fetchone() == (0,)


@pytest.mark.parametrize("formats", [["iso"], ["us", "iso"], ["epoch_s"], ["%d.%m.%Y"]])
@pytest.mark.parametrize("mode", ["increment", "window"])
def test_the_first_reading_is_the_time_where_it_fits(formats: list[str], mode: str) -> None:
    as_of = {"newest": ["b"]}
    feed = make_feed(formats=formats, mode=mode, zone="America/Denver", as_of=as_of)
    texts = ["2024-01-02 10:00:00-07", "2024-01-02", "1/2/2024 10:00:00 AM", "3.2.2024"]
    texts += ["1704067200", "2024-13-01 10:00:00-07", "", "x"]
    whole = times.clock_time if feed.window else times.utc_time
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select {times.first_reading(feed, 'b')}, {whole(feed, 'b')} "
            "from (select unnest(?) as b)",
            [texts],
        ).fetchall()
    assert any(first for first, _ in found)
    assert all(first in (None, time) for first, time in found)


@pytest.mark.parametrize(
    ("rows", "newest"),
    [
        ("1,x,2024-01-02 10:00:00-07\n2,x,2024-01-01 10:00:00-07\n", "2024-01-02 17:00:00"),
        # By other readings, too.
        ("1,x,2024-01-02 10:00:00-07\n2,x,2024-01-03\n", "2024-01-03 00:00:00"),
        # Of those that cannot be true none is.
        ("1,x,2024-01-02 10:00:00-07\n2,x,2099-01-03 10:00:00-07\n", "2024-01-02 17:00:00"),
        ("1,x,2024-01-02 10:00:00-07\n2,x,1991-01-01 10:00:00-07\n", "2024-01-02 17:00:00"),
    ],
)
def test_a_delivery_is_as_of_its_newest_time(lab: Labs, rows: str, newest: str) -> None:
    things = lab(**SALES | {"formats": ["iso"], "plausible": {"from": "2000-01-01"}})
    entry = things.land("a,b,c\n" + rows)
    assert entry.as_of == datetime.fromisoformat(newest)
    assert entry.n_untyped == ("1991" in rows) + ("2099" in rows)


def test_a_time_of_the_day_to_come_is_the_newest_though_not_by_the_first_look(
    lab: Labs,
) -> None:
    things = lab(**SALES | {"formats": ["iso"]})
    soon = now() + timedelta(hours=20)
    entry = things.land(f"a,b,c\n1,x,2024-01-02 10:00:00Z\n2,x,{soon:%Y-%m-%d %H:%M:%S}Z\n")
    assert (entry.status, entry.as_of) == ("landed", soon.replace(microsecond=0))
