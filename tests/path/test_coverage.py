"""What deliveries of parts and wholes say together, against a reading of one sentence.

The state of an event at a moment is what the latest delivery by then says of it that
covers its date or contains it: what contains it, has the current version; what covers and
lacks it, withdraws it; what nothing covers any more has aged out.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
import yaml

from loaders.config.feeds import FEEDS_FILE
from tests.path.compiled import Compiled
from tests.path.simulated_city import FORM
from tests.path.test_incremental import contents, contents_of
from tests.projects import Project, new_project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]
HEADER = (
    "Case Summary,Case Status,Case Source,Case Created dttm,Case Closed dttm,Agency,"
    "Major Area,Incident Address 1\n"
)
LAW = "landing/assert_every_line_is_accounted_for"
READ_BY_LAW = (
    *("stg_landing__deliveries", "stg_landing__presences"),
    *("stg_landing__rejects", "stg_landing__rows_by_delivery"),
)
START = datetime(2015, 1, 1, 12)
WINDOW_DAYS = 366


@dataclass(frozen=True)
class Delivery:
    """What a file holds: the status of each request by name, and what it covers."""

    as_of: datetime
    covers: tuple[date, date] | None
    rows: dict[str, str]

    def is_about(self, day: date) -> bool:
        first, last = self.covers or (
            self.as_of.date() - timedelta(days=WINDOW_DAYS - 1),
            date.max,
        )
        return first <= day <= last


def oracle(deliveries: list[Delivery], name: str, day: date) -> tuple[str, str]:
    """The state and the last status of a request, by the sentence above."""
    in_order = sorted(deliveries, key=lambda one: one.as_of)
    telling = [one for one in in_order if name in one.rows or one.is_about(day)]
    status = next(one.rows[name] for one in reversed(in_order) if name in one.rows)
    if name not in telling[-1].rows:
        return "withdrawn", status
    last_of_chains = {one.covers: one for one in in_order}.values()
    if any(name in one.rows or one.is_about(day) for one in last_of_chains):
        return "current", status
    return "aged_out", status


def simulate(rng: random.Random) -> tuple[dict[str, datetime], list[Delivery]]:
    """Requests of two years, and whole and partial deliveries that disagree at random."""
    created = {
        f"request {n}": START + timedelta(days=rng.randrange(730), hours=n % 24)
        for n in range(40)
    }
    parts = [
        (date(2015, 1, 1), date(2015, 12, 31)),
        (date(2015, 1, 1), date(2015, 6, 30)),
        (date(2015, 7, 1), date(2015, 12, 31)),
        (date(2016, 2, 1), date(2016, 2, 29)),
    ]
    deliveries = []
    for _ in range(rng.randint(3, 9)):
        covers = rng.choice([None, None, *parts])
        as_of = START + timedelta(
            days=rng.randrange(300, 900), seconds=rng.randrange(86_400)
        )
        blank = Delivery(as_of, covers, {})
        # Now and then one has a row of a date that it does not cover.
        stray_share = 0.03
        rows = {
            name: rng.choice(["New", "Closed", "In Progress"])
            for name, at in created.items()
            if at <= as_of
            and rng.random() < (0.8 if blank.is_about(at.date()) else stray_share)
        }
        if rows:
            deliveries.append(Delivery(as_of, covers, rows))
    return created, deliveries


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds, with requests that may withdraw whatever they like."""
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    settings["feeds"]["service_requests"]["max_withdrawn_share"] = 1
    path = tmp_path_factory.mktemp("feeds") / "feeds.yml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True))
    return path


def land(
    project: Project, feeds: Path, created: dict[str, datetime], one: Delivery
) -> None:
    lines = [
        f"{name},{status},Phone,{created[name].strftime(FORM)},,Police,,{name} Street\n"
        for name, status in one.rows.items()
    ]
    path = project.paths.data / "part.csv"
    path.write_text(HEADER + "".join(lines))
    more = ["--covers", *map(str, one.covers)] if one.covers else []
    result = project.eventmart(
        *("--feeds", feeds, "land", "service_requests", path),
        *("--as-of", f"{one.as_of:%Y-%m-%dT%H:%M:%S}", *more),
    )
    at_random = r"delivery (\d+): (?:earlier_window|covers_other_dates|shrunk|exploded)"
    for seq in re.findall(at_random, result.output):
        result = project.eventmart(
            *("--feeds", feeds, "accept", seq, "--by", "test", "--why", "known")
        )
    assert result.exit_code == 0, result.output


def states(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    rows = connection.execute(
        "select request_summary, record_state, status_label from marts.fct_service_requests"
    ).fetchall()
    assert len({name for name, _, _ in rows}) == len(rows), "a request counts twice"
    return {name: (state, status) for name, state, status in rows}


@pytest.mark.fault("delivery.part_of_a_window")
@pytest.mark.parametrize(
    "seeds", [(0, 2, 5), pytest.param(range(120), marks=pytest.mark.full)]
)
def test_wholes_and_parts_say_together_what_the_sentence_says(
    compiled: Compiled, feeds: Path, tmp_path: Path, seeds: Sequence[int]
) -> None:
    n_states: dict[str, int] = {}
    for seed in seeds:
        rng = random.Random(seed)
        created, deliveries = simulate(rng)
        expected = {
            name: oracle(deliveries, name, at.date())
            for name, at in created.items()
            if any(name in one.rows for one in deliveries)
        }
        rng.shuffle(deliveries)
        project = new_project(tmp_path / str(seed))
        for one in deliveries:
            land(project, feeds, created, one)
        tables = ("fct_service_requests", *READ_BY_LAW)
        with compiled.build(project.paths.landing, *tables) as connection:
            found = states(connection)
            assert not compiled.failures(connection, LAW), seed
        differing = {
            name: (found.get(name), truth)
            for name, truth in expected.items()
            if found.get(name) != truth
        }
        assert not differing, (seed, differing)
        assert found.keys() == expected.keys()
        for state, _ in expected.values():
            n_states[state] = n_states.get(state, 0) + 1
    assert min(n_states[state] for state in ("current", "withdrawn", "aged_out")) > 5


@pytest.mark.parametrize(
    "seed", [3, *(pytest.param(n, marks=pytest.mark.full) for n in (5, 6, 7))]
)
def test_parts_by_and_by_equal_a_full_rebuild(
    compiled: Compiled, feeds: Path, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    created, deliveries = simulate(rng)
    rng.shuffle(deliveries)
    project = new_project(tmp_path)
    facts = ("fct_service_requests", "fct_service_request_versions")
    for one in deliveries[:5]:
        land(project, feeds, created, one)
        project.run("--select", *(f"+{fact}" for fact in facts))
        with compiled.build(project.paths.landing, *facts) as connection:
            rebuilt = contents_of(connection)
        found = contents(project)
        tables = [f"marts.{fact}" for fact in facts]
        assert {t: found[t] for t in tables} == {t: rebuilt[t] for t in tables}
