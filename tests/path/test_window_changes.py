"""What deliveries of a window feed say of each row in turn, against a plain reading.

The macros are run as they are, on small tables of random deliveries: thousands in the
time that one build takes.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import duckdb
import jinja2
import pytest

from tests.projects import ROOT

START = datetime(2024, 1, 1)
WINDOW = timedelta(days=9)
PARTS = [None, None, (1, 20), (1, 8), (9, 20), (11, 14)]
# Its identity, hash and number among equal ones.
Row = tuple[int, int, int]
# One change of one row, as the macro tells it: place, sign, last held, left as.
Change = tuple[Row, int, str, datetime | None, str | None]


def macro(*files: str) -> jinja2.Environment:
    """The macros of some files, each of which may call those before it."""
    environment = jinja2.Environment()
    for file in files:
        module = environment.from_string((ROOT / file).read_text()).make_module()
        name = Path(file).stem
        environment.globals[name] = getattr(module, name)
    return environment


def ordered(sql: str) -> str:
    """The model that puts deliveries in order, on a table of them."""
    text = (ROOT / sql).read_text()
    return jinja2.Environment().from_string(text).render(ref=lambda name: name)


@dataclass(order=True)
class Delivery:
    """A delivery of one series: what it covers, and the rows that it holds."""

    seq: int
    as_of: datetime
    covers: tuple[date, date] | None
    rows: set[Row] = field(default_factory=set)
    n_rejects: int = 0

    @property
    def start(self) -> date:
        return self.covers[0] if self.covers else (self.as_of - WINDOW).date()

    @property
    def end(self) -> date:
        return self.covers[1] if self.covers else date.max

    def is_about(self, day: date | None) -> bool:
        """Of what has no date that can be read, every delivery speaks."""
        return day is None or self.start <= day <= self.end

    def tells_of(self, identity: int, day: date | None) -> bool:
        """Whether it covers the date of an event, or holds a row of it."""
        return self.is_about(day) or any(other == identity for other, *_ in self.rows)


@dataclass
class Series:
    """Deliveries in order, and the dates of the identities that they are about."""

    name: str
    deliveries: list[Delivery]
    days: dict[int, date | None]

    @property
    def rows(self) -> list[Row]:
        return sorted({row for one in self.deliveries for row in one.rows})

    @property
    def is_of_parts(self) -> bool:
        return len({one.covers for one in self.deliveries}) > 1


def simulate(rng: random.Random, number: int, days: dict[int, date | None]) -> Series:
    """Deliveries that disagree about everything, some of them with rejects."""
    parts = [None] if rng.random() < 0.15 else PARTS
    deliveries = []
    for place in range(rng.randint(2, 7)):
        part = rng.choice(parts)
        covers = part and tuple((START + timedelta(days=n)).date() for n in part)
        as_of = START + timedelta(days=8 + 3 * place)
        one = Delivery(10 * number + place, as_of, covers)  # type: ignore[arg-type]
        # Now and then it has a row of a date that it does not cover.
        for identity, day in days.items():
            if rng.random() < (0.6 if one.is_about(day) else 0.1):
                n_rows = 2 if rng.random() < 0.1 else 1
                copies = rng.sample([(0, 1), (0, 2), (1, 1), (1, 2)], n_rows)
                one.rows |= {(identity, 2 * identity + h, copy) for h, copy in copies}
        one.n_rejects = int(rng.random() < 0.25)
        deliveries.append(one)
    return Series(str(number), deliveries, days)


def simulate_many(rng: random.Random, n_pairs: int) -> list[Series]:
    """Pairs of series that are about the same rows, as those of two layouts might be."""
    found = []
    for number in range(n_pairs):
        days: dict[int, date | None] = {
            10 * number + n: (START + timedelta(days=rng.randrange(22))).date()
            for n in range(4)
        }
        if rng.random() < 0.2:
            days[10 * number] = None
        found += [simulate(rng, 2 * number + n, days) for n in range(2)]
    return found


def is_held(series: Series, row: Row, place: int) -> bool:
    """Whether a row stands after so many deliveries, by what the last says of it."""
    day = series.days[row[0]]
    said = series.deliveries[: place + 1]
    telling = [one for one in said if one.tells_of(row[0], day)]
    if not telling or row not in telling[-1].rows:
        return False
    last_of_chains = {one.covers: one for one in said}.values()
    return any(one.tells_of(row[0], day) for one in last_of_chains)


def expected(series: Series) -> list[Change]:
    """All that comes and goes, by what stands after each delivery.

    What went goes with the first delivery that tells of it and lacks it; if there is none
    before it comes again, with the first after which no chain covers it any more. (Where
    all cover the same, simply with the first that lacks it.)
    """
    changes: list[Change] = []
    for row in series.rows:
        day = series.days[row[0]]
        stands = [is_held(series, row, n) for n in range(len(series.deliveries))]
        place = 0
        for was_held, run in groupby(stands):
            start, place = place, place + len(list(run))
            if was_held:
                changes.append((row, start + 1, "+", None, None))
            elif start:
                gone = series.deliveries[start:place]
                told = [d for d in gone if d.tells_of(row[0], day) and series.is_of_parts]
                one = (told or gone)[0]
                changes.append((row, *departure(series, row, one)))
    return changes


def departure(
    series: Series, row: Row, one: Delivery
) -> tuple[int, str, datetime | None, str | None]:
    """How a row goes with a delivery: where, and what is said of it."""
    last_held_at = max(d.as_of for d in series.deliveries if d < one and row in d.rows)
    chain = [d for d in series.deliveries if d.covers == one.covers and d >= one]
    left_as = "withdrawn" if one.is_about(series.days[row[0]]) else "aged_out"
    if all(d.n_rejects for d in chain):
        left_as = "in_doubt"
    return series.deliveries.index(one) + 1, "-", last_held_at, left_as


def deltas(series: Series) -> list[tuple[Row, int, str]]:
    """What landing keeps: each delivery as its change against the last of its chain."""
    held: dict[tuple[date, date] | None, set[Row]] = {}
    found = []
    for one in series.deliveries:
        before = held.get(one.covers, set())
        found += [(row, one.seq, "+") for row in sorted(one.rows - before)]
        found += [(row, one.seq, "-") for row in sorted(before - one.rows)]
        held[one.covers] = one.rows
    return found


@dataclass(frozen=True)
class Bench:
    """A database, and the queries that are tried in it."""

    connection: duckdb.DuckDBPyConnection
    in_order: str
    changes: str

    def _fill(self, columns: str, rows: Sequence[tuple[object, ...]]) -> None:
        values = [list(column) for column in zip(*rows, strict=True)]
        marks = ", ".join("unnest(?)" for _ in values)
        self.connection.execute(f"delete from {columns.split()[0]}")
        self.connection.execute(f"insert into {columns} select {marks}", values)

    def tell(self, many: list[Series]) -> dict[str, list[tuple[Change, int]]]:
        """What the macro says of these deliveries, with the `n_clean_before` of each."""
        self._fill(
            "stg_landing__deliveries (delivery_seq, series, as_of, n_open_rejects, "
            "window_start, covers_from_date, covers_to_date)",
            [
                (one.seq, series.name, one.as_of, one.n_rejects, one.start,
                 *(one.covers or (None, None)))
                for series in many for one in series.deliveries
            ],
        )  # fmt: skip
        self._fill(
            "presences (_row_hash, _copy, _delivery_seq, change)",
            [(*row[1:], *more) for one in many for row, *more in deltas(one)],
        )
        self._fill(
            "versions (identity_key, _row_hash, _copy, window_date)",
            sorted({(*row, one.days[row[0]]) for one in many for row in one.rows}, key=str),
        )
        self.connection.execute(f"create or replace table deliveries as {self.in_order}")
        told: dict[str, list[tuple[Change, int]]] = {}
        for series, identity, row_hash, copy, *more, n_clean in self.connection.execute(
            self.changes
        ).fetchall():
            change = ((identity, row_hash, copy), *more)
            told.setdefault(series, []).append((change, n_clean))
        return told


@pytest.fixture(scope="module")
def bench() -> Bench:
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    connection.execute(
        """
        create table stg_landing__deliveries (
            delivery_seq integer, series varchar, as_of timestamp, n_open_rejects integer,
            covers_from_date date, covers_to_date date, window_start date,
            feed varchar default 'things', status varchar default 'landed',
            n_damaged_ids integer default 0, header varchar, _change_seq integer
        );
        create table presences (
            _row_hash integer, _copy integer, _delivery_seq integer, change varchar
        );
        create table versions (
            identity_key integer, _row_hash integer, _copy integer, window_date date,
            set_aside_reason varchar
        );
        """
    )
    environment = macro(
        *(
            f"macros/windows/{name}.sql"
            for name in (
                "chain_stays",
                "chain_statements",
                "chain_changes",
                "chain_last_holders",
                "window_changes",
            )
        )
    )
    changes = environment.from_string(
        """
        with row_changes as (
            {{ window_changes('versions', 'presences', 'deliveries') }}
        )
        select
            series, identity_key, _row_hash, _copy, place, change,
            case when change = '-' then last_held_at end,
            case when change = '-' then left_as end,
            n_clean_before
        from row_changes
        order by all
        """
    ).render()
    in_order = ordered("models/intermediate/deliveries/int_deliveries_in_order.sql")
    return Bench(connection, in_order, changes)


@pytest.mark.parametrize("n", [500, pytest.param(20_000, marks=pytest.mark.full)])
@pytest.mark.fault("delivery.part_of_a_window")
def test_what_comes_and_goes_is_what_each_delivery_in_turn_says(
    bench: Bench, n: int
) -> None:
    many = simulate_many(random.Random(n), n)
    told = bench.tell(many)
    for series in many:
        found = [change for change, _ in told.get(series.name, [])]
        assert found == expected(series), series


def test_of_what_several_chains_tell_rejects_are_not_counted(bench: Bench) -> None:
    many = simulate_many(random.Random(2), 200)[::2]
    told = bench.tell(many)
    seen = set()
    for series in many:
        by_identity: dict[int, set[tuple[int, int]]] = {}
        for ((identity, *_), place, *_), n_clean in told.get(series.name, []):
            by_identity.setdefault(identity, set()).add((place, n_clean))
        for identity, counts in by_identity.items():
            day = series.days[identity]
            by_place = {(place, place) for place, _ in counts}
            by_chain = {(place, n_clean_before(series, place)) for place, _ in counts}
            ends = {series.deliveries[place - 1].covers for place, _ in counts}
            telling = {d.covers for d in series.deliveries if d.tells_of(identity, day)}
            if len(ends) > 1:
                assert counts == by_place, series
            elif len(telling) == 1:
                assert counts == by_chain, series
            seen.add((len(ends) > 1, by_place == by_chain))
    assert {(True, False), (False, False)} <= seen


def n_clean_before(series: Series, place: int) -> int:
    """How many deliveries without rejects its chain had before a place."""
    last = series.deliveries[place - 1]
    return sum(
        d.covers == last.covers and not d.n_rejects for d in series.deliveries if d < last
    )
