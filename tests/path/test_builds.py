"""Builds by real commands: in a new folder, written to by hand, killed at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.config.paths import Paths
from tests.path.test_unchanged import is_test, results, versions
from tests.projects import ROOT, Project, new_project

FILE = (
    "kiosk_id,product_id,card_hash,date_time,fc_number\n"
    "99900,901,a card,2018-09-20 11:10:00-07,20\n"
)


@pytest.fixture
def project(built: Project, tmp_path: Path) -> Project:
    """A copy of a project that was built and published."""
    shutil.copytree(built.paths.data, tmp_path / "data", symlinks=True)
    served = tmp_path / "data" / "published" / "eventmart.duckdb"
    # It is a link to the version that it is, which copying has parted.
    served.unlink()
    served.hardlink_to(served.parent / "versions" / "000001" / "eventmart.duckdb")
    return Project(Paths(tmp_path / "data", built.paths.inbox))


def land_one(project: Project, tmp_path: Path, text: str = FILE) -> None:
    file = tmp_path / "one.csv"
    file.write_text(text)
    project.land("purchases", file)


def refused(project: Project, *arguments: str | Path) -> str:
    result = project.eventmart("publish", *arguments)
    assert result.exit_code == 1, result.output
    return result.output


def n_published(project: Project) -> int:
    """How many purchases at the kiosk of the file readers see."""
    with project.published() as connection:
        (n_rows,) = connection.execute(
            "select count(*) from marts.fct_purchases where kiosk_id = '99900'"
        ).fetchone() or (0,)
    return int(n_rows)


def test_dbt_by_hand_works_in_a_new_data_folder(tmp_path: Path) -> None:
    project = Project(Paths(tmp_path / "new" / "data", tmp_path / "inbox"))
    land_one(project, tmp_path)
    assert not project.paths.build.parent.exists()
    project.dbt("run", "--select", "stg_vending__purchases")
    with duckdb.connect(str(project.paths.build)) as connection:
        connection.execute(f"attach '{project.paths.landing}' as landing (read_only)")
        found = connection.execute("select kiosk_id from staging.stg_vending__purchases")
        assert found.fetchall() == [("99900",)]
    assert "not a whole `dbt build`" in refused(
        project, "--run-results", project.paths.target / "run_results.json"
    )


@pytest.mark.xdist_group("built")
def test_the_unit_tests_of_all_models_pass(project: Project) -> None:
    project.dbt("test", "--select", "test_type:unit", "--no-write-json")


@pytest.mark.xdist_group("built")
def test_a_second_build_with_nothing_new_writes_no_row(project: Project) -> None:
    assert "unchanged" in project.land()
    assert "nothing new" in project.eventmart("build").output
    assert project.run() == 0


def test_marts_that_are_no_longer_built_make_room(tmp_path: Path) -> None:
    project = new_project(tmp_path)
    with duckdb.connect(str(project.paths.build)) as connection:
        connection.execute("create schema marts")
        for name in ("fct_card_uses", "fct_series_expectations", "fct_notes_of_our_own"):
            connection.execute(f"create table marts.{name} as select 1 as n")
    project.dbt("seed", "--select", "offenses")
    with duckdb.connect(str(project.paths.build), read_only=True) as connection:
        left = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        )
        assert left.fetchall() == [("fct_notes_of_our_own",)]


@pytest.mark.xdist_group("built")
@pytest.mark.fault("publishing.touched", "publishing.another_record")
def test_a_fact_that_is_doubled_by_hand_is_not_published(
    project: Project, built: Project
) -> None:
    record = project.paths.target / "run_results.json"
    assert project.eventmart("publish", "--run-results", record).exit_code == 0
    with duckdb.connect(str(project.paths.build)) as build:
        build.execute("insert into marts.fct_purchases from marts.fct_purchases limit 1")
    # Neither by its own record nor by that of another folder, made of the same files.
    assert "was changed after the last dbt run" in refused(project, "--run-results", record)
    other = built.paths.target / "run_results.json"
    assert "was changed after" in refused(project, "--run-results", other)


def started(project: Project) -> "subprocess.Popen[bytes]":
    settings = {
        "EVENTMART_DATA": str(project.paths.data),
        "EVENTMART_INBOX": str(project.paths.inbox),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "loaders", "build"],
        cwd=ROOT,
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_when(process: "subprocess.Popen[bytes]", is_time: Callable[[], Any]) -> None:
    while process.poll() is None and not is_time():
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it ended before"


def has_logged(project: Project, text: str) -> Callable[[], bool]:
    log = project.paths.logs / "dbt.log"
    log.unlink(missing_ok=True)
    return lambda: log.exists() and text in log.read_text()


@pytest.mark.xdist_group("built")
@pytest.mark.fault("publishing.killed")
def test_a_build_that_is_killed_is_not_published(project: Project, tmp_path: Path) -> None:
    land_one(project, tmp_path)
    is_time = has_logged(project, "START sql incremental model marts.fct_purchases")
    kill_when(started(project), is_time)
    said = refused(project)
    assert "the last dbt run that wrote it was stopped" in said
    # The record of the build before, which passed, is still there.
    record = project.paths.target / "run_results.json"
    assert "was stopped" in refused(project, "--run-results", record)
    assert n_published(project) == 0


@pytest.mark.full
@pytest.mark.xdist_group("built")
@pytest.mark.fault("publishing.killed")
def test_a_build_that_is_killed_anywhere_serves_a_whole_one_or_that_before(
    project: Project, tmp_path: Path
) -> None:
    land_one(project, tmp_path)
    marks = ("Found ", "1 of ", "60 of ", "150 of ", "500 of ", "990 of ", "Done. PASS")
    for mark in marks:
        kill_when(started(project), has_logged(project, mark))
        result = project.eventmart("publish")
        # Before dbt has written, and after it has tested, what is there is whole.
        assert result.exit_code in (0, 1), result.output
        assert n_published(project) == (result.exit_code == 0 and mark == marks[-1])
    partial = project.paths.published / "versions"
    kill_when(started(project), lambda: any(partial.glob(".*.partial")))
    assert n_published(project) in (0, 1)
    assert started(project).wait() == 0
    assert n_published(project) == 1
    assert project.eventmart("status").exit_code == 0


@pytest.mark.xdist_group("built")
@pytest.mark.fault("restored.landing")
def test_dbt_by_hand_builds_anew_from_a_landing_that_was_put_back(
    project: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = project.paths
    names = ("stg_vending__purchases", "int_purchase_versions")

    def land(kiosk: str) -> None:
        file = tmp_path / f"{kiosk}.csv"
        file.write_text(FILE.replace("99900", kiosk))
        project.land("purchases", file)

    def built() -> tuple[str, int, bool]:
        """Which of these kiosks are there, how many rows that wrote, is it built anew."""
        capfd.readouterr()
        n_rows = project.run("--select", *names)
        said = "landing is not what was built from" in capfd.readouterr().out
        with duckdb.connect(str(paths.intermediate), read_only=True) as build:
            ((n_all, kiosks),) = build.execute(
                "select count(*), string_agg(kiosk_id, ' ' order by kiosk_id) "
                "filter (where kiosk_id like '999%') "
                "from intermediate.intermediate.int_purchase_versions"
            ).fetchall()
        assert n_rows in (1, n_all)
        return kiosks, n_rows, said

    landing, build = tmp_path / "landing.duckdb", tmp_path / "build"
    shutil.copyfile(paths.landing, landing)
    shutil.copytree(paths.build.parent, build)
    land("99901")
    assert built() == ("99901", 1, False)
    # The numbers are the same, what they stand for is not.
    shutil.copyfile(landing, paths.landing)
    land("99902")
    kiosks, n_rows, said = built()
    assert (kiosks, n_rows > 1, said) == ("99902", True, True)
    # A build that was put back is behind, and catches up.
    shutil.rmtree(paths.build.parent)
    shutil.copytree(build, paths.build.parent)
    assert built() == ("99902", 1, False)


@pytest.mark.long
@pytest.mark.xdist_group("built")
def test_what_a_delivery_changes_is_tested_and_nothing_else(
    project: Project, tmp_path: Path
) -> None:
    """Told by what was written, and not by what the build itself takes for changed."""
    tests = {node for node in results(project) if is_test(node)}
    assert len(tests) > 500
    before = versions(project)
    land_one(project, tmp_path)
    result = project.eventmart("build")
    assert result.exit_code in (0, 3), result.output
    ran = {
        node
        for node, one in results(project).items()
        if is_test(node) and "execution_time" in one
    }
    after = versions(project)
    changed = {node for node in after if after[node] != before[node]}
    assert "model.eventmart.fct_purchases" in changed
    assert not changed & {
        f"model.eventmart.fct_{one}" for one in ("accidents", "incidents")
    }
    nodes = json.loads((project.paths.target / "manifest.json").read_text())["nodes"]
    parents = {test: set(nodes[test]["depends_on"]["nodes"]) for test in tests}
    touched = {test for test in tests if parents[test] & changed}
    of_sources = {
        test for test in tests if any(node.startswith("source") for node in parents[test])
    }
    assert touched <= ran == touched | of_sources
    assert len(ran) < len(tests) / 1.5
    # And all of them are on record as passed, as of a whole build by dbt.
    passed = results(project)
    assert {test for test in tests if passed[test]["status"] == "pass"} == tests
    assert project.eventmart("publish").exit_code == 0
