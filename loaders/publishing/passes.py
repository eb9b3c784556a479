"""Which data tests have passed on the very rows that are there, so that none runs twice.

A test reads rows of its model, and of others that it compares them with. As long as none of
these was written since it passed, and the project is the same, it would pass again. What it
passed on is noted beside dbt's own record, by the states that dbt keeps with the rows:
`macros/state/README.md`.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from loaders.config.paths import Paths
from loaders.disk import whole_file
from loaders.publishing.privacy import read_nodes

# By test, what told the rows that it passed on.
Passed = dict[str, str]


def passes_wanted(paths: Paths, inputs: str) -> Passed:
    """By data test of the project as dbt read it last, what tells the rows that it reads.

    Args:
        paths: the data folder.
        inputs: what tells the project and the landing.
    """
    states = _states(paths.build) | _states(paths.intermediate)
    return {
        node["unique_id"]: _digest(
            inputs.split()[0],
            # A source has no state of its own: the state of the landing stands for it.
            *(states.get(parent, inputs) for parent in sorted(node["depends_on"]["nodes"])),
        )
        for node in read_nodes(paths.target / "manifest.json")
        if node["resource_type"] == "test"
    }


def due(paths: Paths, wanted: Passed) -> list[str]:
    """The tests, by id, that have not passed on the rows that are there."""
    passed = _read(_noted(paths))
    return sorted(test for test, rows in wanted.items() if passed.get(test) != rows)


def note(
    paths: Paths, wanted: Passed, due: Iterable[str], records: Iterable[dict[str, Any]]
) -> None:
    """Note which tests have passed, in this build or before.

    dbt's record of the models and that of the tests become one, as of a whole build. A
    test that was due and did not run is not in it, and so nothing is published.
    """
    built, *tested = records
    last = tested[0] if tested else built
    ran = [result for record in (built, *tested) for result in record["results"]]
    before = wanted.keys() - {*due}
    now = {result["unique_id"] for result in ran if result["status"] == "pass"}
    noted = {test: rows for test, rows in wanted.items() if test in before | now}
    whole = last | {
        "args": built["args"] | {"resource_types": []},
        "elapsed_time": sum(record["elapsed_time"] for record in (built, *tested)),
        "results": [
            *ran,
            *({"unique_id": test, "status": "pass"} for test in sorted(before)),
        ],
    }
    record = paths.target / "run_results.json"
    for path, content in ((record, whole), (_noted(paths), noted)):
        with whole_file(path) as file:
            file.write(json.dumps(content).encode())


def _noted(paths: Paths) -> Path:
    return paths.target / "passed_tests.json"


def _read(path: Path) -> dict[str, Any]:
    """What is noted in a file; nothing if it is not there, or makes no sense."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _states(file: Path) -> Passed:
    """What tells the rows of the models and seeds in a file."""
    with duckdb.connect(str(file), read_only=True) as connection:
        states = connection.execute(
            "select node_id, definition, data_version from meta.model_states"
        ).fetchall()
    return {node: f"{definition} {version}" for node, definition, version in states}


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
