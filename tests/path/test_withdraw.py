"""What is withdrawn is in nothing that is built, as if it had not landed."""

import shutil
from pathlib import Path

import duckdb
import pytest

from loaders.config.feeds import load_feeds
from loaders.config.paths import Paths
from tests.path.compiled import Compiled
from tests.path.test_incremental import contents, contents_of
from tests.projects import Project, new_project

pytestmark = pytest.mark.long

BY = ("--by", "ann", "--why", "the wrong file")
# Of each feed one: the first of a chain, one in the middle of it, the newest.
PLACES = {"first": 0, "middle": 1, "newest": -1}


def landed(project: Project) -> list[tuple[str, str, int]]:
    """Feed, file and number of what landed, in order of arrival."""
    with duckdb.connect(str(project.paths.landing), read_only=True) as landing:
        return landing.execute(
            "select feed, uri, delivery_seq from raw.deliveries "
            "where status = 'landed' order by delivery_seq"
        ).fetchall()


def one_of_each_feed(project: Project, place: int) -> list[int]:
    found = landed(project)
    of = {feed: [seq for each, _, seq in found if each == feed] for feed in load_feeds()}
    return [seqs[place] for seqs in of.values() if len(seqs) > 1]


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize(
    "place",
    ["middle", *(pytest.param(p, marks=pytest.mark.full) for p in ("first", "newest"))],
)
def test_facts_are_as_if_it_had_never_landed(
    compiled: Compiled, demo: Path, tmp_path: Path, place: str
) -> None:
    project = new_project(tmp_path / "withdrawn", demo)
    project.land()
    taken = one_of_each_feed(project, PLACES[place])
    for seq in taken:
        result = project.eventmart("withdraw", seq, *BY)
        assert result.exit_code == 0, result.output
    never = new_project(tmp_path / "never", demo)
    for feed, uri, seq in landed(project):
        if seq not in taken:
            never.land(feed, uri)
    with compiled.build(never.paths.landing) as connection:
        expected = contents_of(connection)
    with compiled.build(project.paths.landing) as connection:
        assert contents_of(connection) == expected
        assert connection.execute(
            "select _delivery_seq from marts.fct_deliveries "
            "where status = 'withdrawn' order by all"
        ).fetchall() == [(seq,) for seq in sorted(taken)]


@pytest.mark.full
@pytest.mark.xdist_group("built")
def test_a_build_after_a_withdrawal_equals_a_full_one(
    built: Project, compiled: Compiled, tmp_path: Path
) -> None:
    shutil.copytree(built.paths.data, tmp_path / "data")
    project = Project(Paths(tmp_path / "data", built.paths.inbox))
    before = contents(project)
    taken = one_of_each_feed(project, PLACES["middle"])
    for seq in taken:
        assert project.eventmart("withdraw", seq, *BY).exit_code == 0
    # With all tests: every line is accounted for, whatever became of it.
    project.dbt("build", "--exclude-resource-type", "unit_test")
    with compiled.build(project.paths.landing) as connection:
        assert contents(project) == contents_of(connection)
    for seq in taken:
        assert project.eventmart("withdraw", seq, "--undo", *BY).exit_code == 0
    project.run()
    assert contents(project) == before
