"""Readers of the published file, while builds are published, refused and killed."""

import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.config.paths import Paths
from loaders.publishing.retention import KEEP
from loaders.publishing.versions import numbers, served_damage, served_number, versions
from tests.manifest import node, note_run, write_record
from tests.storm.driver import Storm, write_home

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("readers")

Report = Callable[[str, str], None]
# What a reader has: a path and DuckDB, nothing of ours. Queries must agree within one
# connection, whatever is published meanwhile.
READER = """
import json, select, sys, time
import duckdb

path, pause, queries = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
reads, errors, mixed, seen = 0, [], [], []
print("ready", flush=True)
while True:
    try:
        with duckdb.connect(path, read_only=True, config={"threads": 1}) as connection:
            found = []
            for query in queries:
                found.append(connection.execute(query).fetchall())
                time.sleep(0.002)
        reads += 1
        if any(rows != found[0] for rows in found):
            mixed.append(repr(found))
        if not seen or seen[-1] != found[0]:
            seen.append(found[0])
    except Exception as error:
        errors.append(repr(error))
    if select.select([sys.stdin], [], [], pause)[0]:
        break
print(json.dumps({"reads": reads, "errors": errors, "mixed": mixed, "seen": seen}))
"""
# All say the same of one version: a fact, a report, a view, a marker.
SMALL = [
    "select count(*), min(build), max(build) from marts.fct_things",
    "select n_things, build, build from reports.rpt_things",
    "select count(*), min(build), max(build) from marts.things",
    "select n_things, build, build from marts.versions",
]
REAL = [
    "select count(*) from marts.fct_purchases",
    "select sum(n_purchases) from reports.rpt_top_products where dimension = 'overall'",
    "select sum(n_rows) from marts.fct_row_fates "
    "where feed = 'purchases' and fate = 'current_version'",
    "select n_facts from reports.rpt_trust where feed = 'purchases'",
]
# What a publish goes through, and the functions and calls that do it.
STEPS = {
    "lock": r"serving\.alone > (open|flock|close)",
    "clear away": r"serving\.clean_up",
    "examine what is served": r"versions\.sha256_of > (open|readinto)",
    "forget what was tested": r"inputs\.forget_inputs > unlink",
    "prove what was tested": r"tested\.unchanging > connect|tested\.\w+ > execute",
    "make the folder": r"publish\._copy > mkdir",
    "copy": r"publish\._write_version > (open|sendfile|fstat)",
    "strip": r"publish\.strip > (connect|execute)|publish\.strip return",
    "leave out what is personal": r"privacy\.disclose > (connect|execute)",
    "export": r"exports\._write > (execute|open)|exports\.write_exports > (mkdir|open)",
    "sync": r"disk\.sync > fsync",
    "hash": r"versions\.sha256_of call",
    "write the manifest": r"publish\._write_version > (write|open)",
    "name the version": r"publish\._copy > rename",
    "link": r"serving\.serve > link",
    "replace": r"serving\.serve > (rename|replace)",
    "link the exports": r"serving\.serve_parts > (symlink|replace|rename)",
    "note what is served": r"serving\._note_serving > (open|write|fsync)",
    "expire": r"retention\.expire > (rename|rmdir|unlink|open)",
    "note what was tested": r"inputs\.note_inputs > (open|write)",
}
# Those that readers or the next publish might feel.
SLICE = [
    *("strip", "export", "name the version", "link", "replace", "link the exports"),
    "expire",
]


def write_build(paths: Paths, build: int) -> None:
    """A build file as dbt leaves it, in small, of which all parts say the same."""
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute(
            f"""
            create schema if not exists marts;
            create schema if not exists reports;
            create schema if not exists staging;
            create schema if not exists meta;
            create or replace table marts.fct_things as
                select {build} as build, n from range({1000 + build}) as numbers(n);
            create or replace view marts.things as select * from marts.fct_things;
            create or replace table reports.rpt_things as
                select {1000 + build} as n_things, {build} as build;
            create or replace view marts.versions as select * from reports.rpt_things;
            create or replace table marts.fct_deliveries as
                select {build} as _delivery_seq, {build} as _change_seq;
            create or replace table staging.private as select 1 as one;
            create or replace table meta.model_states (
                node_id varchar, data_version varchar
            );
            insert into meta.model_states values ('fct_things', '{build}');
            """
        )
    note_run(paths.build)


def write_results(path: Path, status: str = "pass") -> None:
    """dbt's record of a whole build that ended just now."""
    built = {
        "marts.fct_things": ["build", "n"],
        "marts.things": ["build", "n"],
        "reports.rpt_things": ["n_things", "build"],
        "marts.versions": ["n_things", "build"],
        "marts.fct_deliveries": ["_delivery_seq", "_change_seq"],
    }
    tested = {"unique_id": "test.eventmart.unique_x", "status": status}
    write_record(path, list(starmap(node, built.items())), [tested])


class Readers:
    """Processes that read the published file over and over."""

    def __init__(self, file: Path, n: int, queries: list[str]) -> None:
        # So that many readers leave some time to the publisher.
        pause = str(0.05 * n)
        call = [sys.executable, "-c", READER, str(file), pause, json.dumps(queries)]
        self.processes = [
            subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(n)
        ]
        for process in self.processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"

    def stop(self) -> list[dict[str, Any]]:
        answers = []
        for process in self.processes:
            out, _ = process.communicate("stop\n", timeout=60)
            answers.append(json.loads(out))
        return answers


@contextmanager
def reading(file: Path, n: int, queries: list[str]) -> Iterator[dict[str, Any]]:
    """Let some processes read; none may see an error, or two versions at once."""
    readers, totals = Readers(file, n, queries), {"reads": 0, "seen": set()}
    try:
        yield totals
    finally:
        answers = readers.stop()
    for answer in answers:
        assert answer["errors"] == []
        assert answer["mixed"] == []
        assert answer["reads"] > 0
        totals["reads"] += answer["reads"]
        totals["seen"] |= {json.dumps(rows) for rows in answer["seen"]}


class Publisher:
    """A home whose builds are published by the real command, in forks that may die."""

    def __init__(self, storm: Storm, home: Path) -> None:
        self.storm, self.home = storm, write_home(home, {})
        self.paths = Paths(home / "data", home / "inbox")
        self.build = 0
        assert storm(home, "init")["code"] == 0

    def make(self, status: str = "pass") -> None:
        """A new build, with tests that end in this status."""
        self.build += 1
        write_build(self.paths, self.build)
        write_results(self.home / "run_results.json", status)

    def publish(self, **job: Any) -> dict[str, Any]:
        results = self.home / "run_results.json"
        return self.storm(self.home, "publish", "--run-results", results, **job)

    @property
    def served(self) -> int:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return int(
                connection.execute("select build from marts.versions").fetchall()[0][0]
            )

    @property
    def file(self) -> Path:
        return self.paths.published / "eventmart.duckdb"

    def check_clean(self) -> None:
        """What is served is sound and kept, and nothing else is left."""
        assert served_damage(self.paths) is None
        assert {path.name for path in self.paths.published.iterdir()} <= {
            *("eventmart.duckdb", "exports", "versions", "served.jsonl"),
            ".tested-inputs",
        }
        kept = sorted((self.paths.published / "versions").iterdir())
        assert [int(folder.name) for folder in kept] == numbers(self.paths)
        for folder in kept:
            assert {path.name for path in folder.iterdir()} == {
                "eventmart.duckdb",
                "exports",
                "manifest.json",
            }
        served = self.paths.published / "exports" / "contents.json"
        assert json.loads(served.read_text())["version"] == served_number(self.paths)
        lines = (self.paths.published / "served.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["number"] == served_number(self.paths)

    def trace(self) -> list[str]:
        """The steps of a publish that also lets an old version expire."""
        trace = self.home / "trace"
        self.make()
        assert self.publish(trace=str(trace))["code"] == 0
        return trace.read_text().splitlines()

    def survive(self, kill: dict[str, Any]) -> bool:
        """Kill a publish; what is served is the old or the new, and then the new."""
        before = self.build
        self.make()
        hit = self.publish(kill=kill)
        assert self.served in (before, self.build)
        again = self.publish()
        assert again["code"] == 0, again
        assert self.served == self.build
        self.check_clean()
        return bool(hit["code"] == -signal.SIGKILL)


@pytest.fixture
def publisher(storm: Storm, quick: Path) -> Iterator[Publisher]:
    home = quick / f"publisher {time.monotonic_ns()}"
    found = Publisher(storm, home)
    # As many as are kept, so that the next lets one expire.
    for _ in range(KEEP):
        found.make()
        assert found.publish()["code"] == 0
    yield found
    shutil.rmtree(home)


def places(trace: list[str]) -> dict[str, list[int]]:
    """The places of each step in a trace."""
    found: dict[str, list[int]] = {
        step: [n for n, label in enumerate(trace) if re.match(pattern, label)]
        for step, pattern in STEPS.items()
    }
    assert all(found.values()), [step for step, numbers in found.items() if not numbers]
    return found


def publish_all_sorts(
    publisher: Publisher, kills: list[dict[str, Any]], rng: random.Random
) -> Counter[str]:
    """Builds that are published, that fail their tests, and that are killed."""
    counts: Counter[str] = Counter()
    for kill in kills:
        if rng.random() < 0.2:
            before = publisher.build
            publisher.make(status="fail")
            refused = publisher.publish()
            assert refused["code"] == 1
            assert "the version before is still served" in refused["err"]
            assert publisher.served == before
            # What follows is a build of the same number, but a good one.
            publisher.build = before
            counts["failed"] += 1
        if rng.random() < 0.2:
            publisher.make()
            assert publisher.publish()["code"] == 0
            assert publisher.served == publisher.build
            counts["undisturbed"] += 1
        counts["killed"] += publisher.survive(kill)
        counts["published after"] += 1
    return counts


@pytest.mark.fault("process.reader_during_publish")
def test_readers_see_whole_versions_while_publishes_are_killed(
    publisher: Publisher,
) -> None:
    rng = random.Random(3)
    found = places(publisher.trace())
    kills = [{"step": rng.choice(found[step])} for step in SLICE]
    with reading(publisher.file, 2, SMALL) as readers:
        counts = publish_all_sorts(publisher, kills, rng)
    assert counts["killed"] == len(kills)
    assert counts["failed"]
    assert counts["undisturbed"]
    assert len(readers["seen"]) > 3


@pytest.mark.full
@pytest.mark.fault("process.reader_during_publish")
def test_twenty_readers_see_whole_versions_while_publishes_are_killed_at_every_step(
    publisher: Publisher, report: Report
) -> None:
    rng = random.Random(4)
    trace = publisher.trace()
    first_of: dict[str, int] = {}
    for step in {n for steps in places(trace).values() for n in steps}:
        first_of[trace[step]] = min(step, first_of.get(trace[step], step))
    kills: list[dict[str, Any]] = [{"step": step} for step in sorted(first_of.values())]
    # And in the midst of what takes a while.
    long = [
        n for n, label in enumerate(trace) if re.search("(execute|sendfile) c_call", label)
    ]
    kills += [
        {"step": rng.choice(long), "after": rng.choice([1e-3, 5e-3]) * rng.random()}
        for _ in range(20)
    ]
    rng.shuffle(kills)
    with reading(publisher.file, 20, SMALL) as readers:
        counts = publish_all_sorts(publisher, kills, rng)
    assert counts["killed"] >= 50
    n_builds = counts["failed"] + counts["undisturbed"] + counts["published after"]
    report(
        "Publish under readers",
        f"{n_builds} builds published under 20 reading processes, {counts['failed']} more "
        f"refused for a failed test, {counts['killed']} publishes killed over "
        f"{len(first_of)} places: {readers['reads']:,} reads of 4 queries each, 0 errors, "
        "0 mixed versions; each next publish succeeded and left nothing behind",
    )


@pytest.mark.full
def test_readers_see_whole_versions_of_real_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    from demo import generate
    from tests.projects import new_project

    generate(tmp_path / "demo", 0.002, 1)
    for name in ("EVENTMART_DATA", "EVENTMART_INBOX"):
        monkeypatch.setenv(name, "")  # Put back at the end.
    project = new_project(tmp_path / "data", tmp_path / "inbox")
    deliveries = sorted((tmp_path / "demo" / "purchases").iterdir())
    (tmp_path / "inbox").mkdir()
    for folder in (tmp_path / "demo").iterdir():
        if folder.is_dir() and folder.name != "purchases":
            shutil.copytree(folder, tmp_path / "inbox" / folder.name)
    build_and_publish(project, deliveries[:1])
    with reading(project.paths.published / "eventmart.duckdb", 20, REAL) as readers:
        for delivery in deliveries[1:4]:
            build_and_publish(project, [delivery])
    n_versions = len(versions(project.paths))
    assert n_versions == 3
    assert len(readers["seen"]) == 4
    report(
        "Publish under readers",
        "4 builds by dbt with all tests, published under 20 reading processes: "
        f"{readers['reads']:,} reads in which a fact, a mart and two reports agreed, "
        "0 errors",
    )


def build_and_publish(project: Any, deliveries: list[Path]) -> None:
    inbox = project.paths.inbox / "purchases"
    inbox.mkdir(exist_ok=True)
    for delivery in deliveries:
        shutil.copy(delivery, inbox)
    project.land()
    project.dbt("build", "--exclude-resource-type", "unit_test")
    project.publish()
