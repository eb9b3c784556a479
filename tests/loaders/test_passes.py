"""Data tests that have passed on the very rows that are there are not run again."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.config.paths import Paths
from loaders.publishing import inputs, passes

A, B, RAW = "model.eventmart.a", "model.eventmart.b", "source.eventmart.shop.raw"
TESTS = {"of_a": [A], "of_b": [B], "of_both": [A, B], "of_raw": [RAW], "of_nothing": []}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A build of two models, each in a file of its own, and five tests."""
    paths = Paths(tmp_path, tmp_path / "inbox")
    paths.target.mkdir(parents=True)
    nodes = [{"unique_id": one, "resource_type": "model"} for one in (A, B)]
    nodes += [
        {
            "unique_id": f"test.eventmart.{name}",
            "resource_type": "test",
            "depends_on": {"nodes": parents},
        }
        for name, parents in TESTS.items()
    ]
    manifest = {"nodes": {node["unique_id"]: node for node in nodes}}
    (paths.target / "manifest.json").write_text(json.dumps(manifest))
    for file, node in ((paths.build, A), (paths.intermediate, B)):
        write_state(file, node, "definition", "version")
    return paths


def write_state(file: Path, node: str, definition: str, version: str) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            """
            create schema if not exists meta;
            create or replace table meta.model_states (
                node_id varchar, definition varchar, data_version varchar
            );
            """
        )
        connection.execute(
            "insert into meta.model_states values (?, ?, ?)", [node, definition, version]
        )


def record(run: str, *nodes: str, **arguments: Any) -> dict[str, Any]:
    return {
        "metadata": {"invocation_id": run},
        "args": {"which": "build"} | arguments,
        "elapsed_time": 1.5,
        "results": [{"unique_id": node, "status": "pass"} for node in nodes],
    }


def due(paths: Paths, inputs: str = "project landing\n") -> set[str]:
    wanted = passes.passes_wanted(paths, inputs)
    return {test.removeprefix("test.eventmart.") for test in passes.due(paths, wanted)}


def settle(paths: Paths, inputs: str = "project landing\n") -> None:
    wanted = passes.passes_wanted(paths, inputs)
    built = record("models", A, B, resource_types=["model"])
    tested = record("tests", *passes.due(paths, wanted), which="test")
    passes.note(paths, wanted, passes.due(paths, wanted), [built, tested])


def test_a_test_runs_again_if_what_it_reads_was_written(paths: Paths) -> None:
    assert due(paths) == set(TESTS)
    settle(paths)
    assert due(paths) == set()
    write_state(paths.build, A, "definition", "another")
    assert due(paths) == {"of_a", "of_both"}
    write_state(paths.intermediate, B, "another", "version")
    assert due(paths) == {"of_a", "of_b", "of_both"}
    settle(paths)
    assert due(paths) == set()
    # What has no state of its own is as old as the landing.
    assert due(paths, "project another\n") == {"of_raw"}
    # Other macros, other settings: no test is what it was.
    assert due(paths, "another landing\n") == set(TESTS)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_notes_that_make_no_sense_prove_nothing(paths: Paths, text: str) -> None:
    settle(paths)
    (paths.target / "passed_tests.json").write_text(text)
    assert due(paths) == set(TESTS)


def test_two_runs_are_one_record_of_a_whole_build(paths: Paths) -> None:
    wanted = passes.passes_wanted(paths, "project landing\n")
    built = record("models", A, B, resource_types=["seed", "model"], vars={"x": 1})
    tested = record("tests", "test.eventmart.of_a", which="test", select=["of_a"])
    passes.note(paths, wanted, ["test.eventmart.of_a"], [built, tested])
    whole = json.loads((paths.target / "run_results.json").read_text())
    # The last of them is what is noted in the build file.
    assert whole["metadata"] == {"invocation_id": "tests"}
    assert whole["args"] == {"which": "build", "resource_types": [], "vars": {"x": 1}}
    assert whole["elapsed_time"] == 3
    statuses = {one["unique_id"]: one["status"] for one in whole["results"]}
    ids = [A, B, *(f"test.eventmart.{name}" for name in TESTS)]
    assert statuses == dict.fromkeys(ids, "pass")
    assert len(whole["results"]) == len(statuses)


def test_a_test_that_was_due_and_did_not_run_or_pass_has_not_passed(paths: Paths) -> None:
    wanted = passes.passes_wanted(paths, "project landing\n")
    built = record("models", A, B, resource_types=["model"])
    tested = record("tests", "test.eventmart.of_a", "test.eventmart.of_b", which="test")
    tested["results"][1]["status"] = "warn"
    passes.note(paths, wanted, wanted, [built, tested])
    assert due(paths) == set(TESTS) - {"of_a"}
    whole = json.loads((paths.target / "run_results.json").read_text())
    assert {one["unique_id"] for one in whole["results"]} == {
        A,
        B,
        "test.eventmart.of_a",
        "test.eventmart.of_b",
    }


def test_another_version_of_what_builds_is_another_project(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = inputs.project_digest()
    assert inputs.project_digest() == before
    monkeypatch.setattr(inputs, "version", lambda package: f"another {package}")
    assert inputs.project_digest() != before
