"""The same accepted deliveries end in the same tables, whatever order they came in."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.config.feeds import load_feeds
from tests.path.compiled import Compiled
from tests.path.test_incremental import contents, contents_of
from tests.projects import Project, new_project

pytestmark = pytest.mark.long

SETS, ORDERS = 50, 10


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Deliveries of all feeds, a hundred to five hundred records each."""
    from demo import generate

    folder = tmp_path_factory.mktemp("small") / "inbox"
    generate(folder, 0.001, 3)
    return [
        (feed.name, path)
        for feed in load_feeds().values()
        for pattern in feed.sources
        for path in sorted(folder.glob(pattern))
    ]


def land(project: Project, deliveries: list[tuple[str, Path]]) -> None:
    """Land in this order; accept what looks suspicious in it."""
    for feed, path in deliveries:
        result = project.eventmart("land", feed, path)
        assert result.exit_code in (0, 3), result.output
        for seq in re.findall(r"delivery (\d+): ", result.output):
            accepted = project.eventmart("accept", seq, "--by", "test", "--why", "known")
            assert accepted.exit_code == 0, accepted.output


def built(
    compiled: Compiled, folder: Path, deliveries: list[tuple[str, Path]]
) -> dict[str, tuple[int, int]]:
    project = new_project(folder)
    land(project, deliveries)
    with compiled.build(project.paths.landing) as connection:
        return contents_of(connection)


def assert_orders_agree(
    compiled: Compiled,
    folder: Path,
    small: list[tuple[str, Path]],
    seed: int,
    n_orders: int,
) -> None:
    rng = random.Random(seed)
    # Of each feed one delivery at least, so that all tables have something to say.
    shuffled = rng.sample(small, len(small))
    chosen = {path.parent.name: (feed, path) for feed, path in shuffled}
    deliveries = sorted({*chosen.values(), *rng.sample(small, 7)})
    expected = built(compiled, folder / "sorted", deliveries)
    assert min(expected[f"marts.{fact}"][0] for fact in FACTS) > 50
    for number in range(n_orders):
        order = deliveries + rng.choices(deliveries, k=3)
        rng.shuffle(order)
        found = built(compiled, folder / str(number), order)
        differing = [table for table in expected if found[table] != expected[table]]
        assert not differing, (differing, [path.name for _, path in order])


FACTS = ("fct_purchases", "fct_service_requests", "fct_accidents")


@pytest.mark.xdist_group("built")
def test_what_is_compiled_says_what_dbt_builds(compiled: Compiled, built: Project) -> None:
    with compiled.build(built.paths.landing) as connection:
        assert contents_of(connection) == contents(built)


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.full)])
def test_some_orders_end_in_the_same_tables(
    compiled: Compiled, small: list[tuple[str, Path]], tmp_path: Path, seed: int
) -> None:
    assert_orders_agree(compiled, tmp_path, small, seed, n_orders=1)


@pytest.mark.xdist_group("compiled")
@pytest.mark.full
def test_many_orders_end_in_the_same_tables(
    compiled: Compiled,
    small: list[tuple[str, Path]],
    tmp_path: Path,
    report: Callable[[str, str], None],
) -> None:
    for seed in range(100, 100 + SETS):
        assert_orders_agree(compiled, tmp_path / str(seed), small, seed, ORDERS)
    report(
        "Order of deliveries",
        f"{SETS * ORDERS} random orders and repetitions of {SETS} sets of deliveries of "
        "all feeds: the same facts, dimensions and reports over all columns but provenance",
    )
