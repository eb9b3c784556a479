"""Whatever lands without a word is in the facts: once, and not withdrawn."""

import random
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.path import simulated_deliveries as simulated
from tests.path.compiled import Compiled
from tests.path.simulated_deliveries import (
    AMERICAN,
    ISO,
    ODD,
    PARTS,
    Delivery,
    Write,
    milliseconds,
)
from tests.projects import Project, new_project

pytestmark = pytest.mark.xdist_group("compiled")
SEEDS = [
    *range(2),
    *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 20)),
]
FEEDS = {
    "service_requests": ("request_summary", "int_service_request_row_fates"),
    "accidents": ("incident_id", "int_accident_row_fates"),
    "purchases": ("product_id", "int_purchase_row_fates"),
}


def deliveries_of(
    folder: Path, seed: int, odd: dict[str, list[str]], times: tuple[Write, ...] = ()
) -> list[Delivery]:
    """Deliveries of each feed: a whole one, and others of kinds that are drawn."""
    rng = random.Random(seed)

    def kinds(feed: str) -> list[str]:
        drawn = odd.get(feed, ["whole"])
        return ["whole", *rng.sample([*drawn, *drawn, "whole"], 3)]

    denver = times or (AMERICAN, ISO)
    return [
        *simulated.requests(
            folder, rng, kinds("service_requests"), times or (*denver, milliseconds)
        ),
        *simulated.accidents_of(folder, rng, kinds("accidents"), denver),
        *simulated.purchases(folder, rng, kinds("purchases")),
    ]


def land(project: Project, delivery: Delivery) -> str:
    """Land a delivery; returns the status that the command line says."""
    stated = ["--as-of", delivery.as_of] if delivery.as_of else []
    result = project.eventmart("land", delivery.feed, delivery.path, *stated)
    line = result.output.strip().splitlines()[-1]
    status = line.split()[0]
    assert result.exit_code == {"landed": 0, "seen_again": 0, "held": 3}[status], line
    if status == "landed" and delivery.damaged:
        said = re.findall(r"\d+", line.partition(" blank")[2])
        assert str(delivery.damaged) in said, f"not in the facts, nor on its line: {line}"
    return status


def check(
    facts: duckdb.DuckDBPyConnection, project: Project, feed: str, landed: list[Delivery]
) -> None:
    """Check the facts of a feed against what has landed of it."""
    name, fates_model = FEEDS[feed]
    fates = dict(
        facts.execute(
            f"select fate, count(*) from intermediate.intermediate.{fates_model} group by 1"
        ).fetchall()
    )
    (n_rows,) = facts.execute(f"select count(*) from landing.raw.{feed}").fetchone()
    assert sum(fates.values()) == n_rows
    found = Counter(
        dict(
            facts.execute(
                f"select {name}, count(*) from marts.fct_{feed} group by 1"
            ).fetchall()
        )
    )
    assert found.total() == fates.get("current_version", 0)
    expected: Counter[str] = Counter()
    for delivery in landed:
        # Of what comes again, the delivery counts that has most.
        expected |= delivery.sound
    if feed == "accidents":
        # What has another id now is withdrawn under the one that it had: two facts.
        renamed = Counter({one.renamed for one in landed if one.renamed})
        query = f"select {name} from marts.fct_{feed} where record_state = 'withdrawn'"
        expected += renamed & Counter(one for (one,) in facts.execute(query).fetchall())
    missing, too_many = expected - found, found - expected
    assert (missing, too_many) == (Counter(), Counter()), feed
    if feed != "purchases":
        (n_withdrawn,) = facts.execute(
            f"select count(*) from marts.fct_{feed} where record_state = 'withdrawn'"
        ).fetchone()
        (n_said,) = facts.execute(
            "select coalesce(sum(n_withdrawn), 0) from landing.raw.deliveries "
            "where feed = ? and status = 'landed'",
            [feed],
        ).fetchone()
        assert n_withdrawn <= n_said, feed


def land_and_check(
    tmp_path: Path, compiled: Compiled, deliveries: list[Delivery]
) -> list[tuple[Delivery, str]]:
    """Land deliveries, build, and check each feed; returns what became of each."""
    project = new_project(tmp_path / "data")
    outcomes = [(delivery, land(project, delivery)) for delivery in deliveries]
    with compiled.build(project.paths.landing) as facts:
        for feed in FEEDS:
            landed = [d for d, status in outcomes if d.feed == feed and status == "landed"]
            check(facts, project, feed, landed)
    return outcomes


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.fault("identity.damaged_ids", "identity.conflicting_ids")
def test_damaged_and_conflicting_ids_lose_no_other(
    seed: int, tmp_path: Path, compiled: Compiled
) -> None:
    damaged = ["few damaged", "many damaged"]
    odd = {"accidents": [*damaged, "conflict"], "purchases": damaged}
    deliveries = deliveries_of(tmp_path / "files", seed, odd)
    for delivery, status in land_and_check(tmp_path, compiled, deliveries):
        assert (status == "held") == delivery.must_be_held, delivery.path


@pytest.mark.parametrize("seed", SEEDS)
def test_times_that_cannot_be_read_are_told(
    seed: int, tmp_path: Path, compiled: Compiled
) -> None:
    odd = {"service_requests": ["few damaged", "many damaged"]}
    deliveries = deliveries_of(tmp_path / "files", seed, odd)
    for delivery, status in land_and_check(tmp_path, compiled, deliveries):
        assert (status == "held") == delivery.must_be_held, delivery.path


@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_withdraws_nothing_without_a_word(
    seed: int, tmp_path: Path, compiled: Compiled
) -> None:
    odd = {feed: [*PARTS] for feed in FEEDS}
    land_and_check(tmp_path, compiled, deliveries_of(tmp_path / "files", seed, odd))


@pytest.mark.parametrize("seed", SEEDS)
def test_times_of_later_exports_count(
    seed: int, tmp_path: Path, compiled: Compiled
) -> None:
    deliveries = deliveries_of(tmp_path / "files", seed, {}, (AMERICAN, *ODD))
    outcomes = land_and_check(tmp_path, compiled, deliveries)
    assert {status for _, status in outcomes} == {"landed"}
