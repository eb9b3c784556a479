"""Whether the build file that is there is the one that dbt tested, whole and green.

dbt notes in the file itself which run wrote it last, whether that ended, what had come to
the landing then, and how often the files were written (`macros/engine/note_run_*.sql`).
Its record of the run, `run_results.json`, is believed only if it is of that very run. So
neither the record of another folder, of an older build or of one before a kill counts,
nor a file that anybody wrote after its tests.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from loaders.config.paths import PROJECT, Paths
from loaders.errors import BusyError, EventmartError
from loaders.landing import chain
from loaders.landing.database import holder
from loaders.publishing.fingerprint import n_checkpoints
from loaders.publishing.privacy import read_nodes

# Arguments by which a `dbt build` leaves out models, data tests or rows.
_PARTIAL = ("select", "exclude", "selector", "resource_types", "empty", "sample")
_PASSED = ("success", "pass", "no-op")
_NEXT = "nothing was published; run: eventmart build"


@dataclass(frozen=True)
class LastRun:
    """What dbt noted in the build file of the run that wrote it last.

    Attributes:
        invocation_id: which run it was.
        ended_at: None if it did not end.
        tip: the landing that it was made of, as it was at its start: see chain.py.
        last_tip: the same at its end.
        n_checkpoints: how often the build file was written by then.
        n_checkpoints_intermediate: how often that of intermediate models was.
    """

    invocation_id: str
    ended_at: datetime | None
    tip: str | None
    last_tip: str | None
    n_checkpoints: int | None
    n_checkpoints_intermediate: int | None


@dataclass(frozen=True)
class Record:
    """dbt's own record of a run, and the manifest of the project that it ran."""

    results: dict[str, Any]
    manifest: Path

    @property
    def n_tests(self) -> int:
        """How many data tests the project has, all of which passed on what is published."""
        return sum(one["resource_type"] == "test" for one in read_nodes(self.manifest))


def read_last_run(build: duckdb.DuckDBPyConnection) -> LastRun | None:
    """What is noted in a build file; None if nothing is, as before this was done."""
    try:
        row = build.execute(
            "select invocation_id, ended_at, last_run.tip, built_from.tip, n_checkpoints, "
            "n_checkpoints_intermediate from meta.last_run cross join meta.built_from"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return LastRun(*row) if row else None


def is_as_noted(paths: Paths, last: LastRun) -> bool:
    """Whether nobody has written the build's files since the run ended."""
    noted = (last.n_checkpoints, last.n_checkpoints_intermediate)
    found = (n_checkpoints(paths.build), n_checkpoints(paths.intermediate))
    return last.ended_at is not None and None not in noted and noted == found


def check_unchanged(paths: Paths, last: LastRun | None) -> LastRun:
    """Check that the run that wrote the build last ended, and nobody wrote it since.

    Raises:
        EventmartError: saying what happened to it.
    """
    if last is None:
        raise EventmartError(f"{paths.build}: has no record of a test run; {_NEXT}")
    if last.ended_at is None:
        raise EventmartError(
            f"{paths.build}: the last dbt run that wrote it was stopped, or still runs; "
            f"{_NEXT}"
        )
    if not is_as_noted(paths, last):
        raise EventmartError(
            f"{paths.build.parent}: was changed after the last dbt run ended, so its "
            f"contents were not tested; {_NEXT}"
        )
    return last


def find_record(paths: Paths, last: LastRun, run_results: Path | None) -> Record:
    """Find dbt's record of the run that wrote the build last.

    Args:
        paths: the data folder.
        last: the run, as the build file has it.
        run_results: where it is; None to look where dbt writes it.

    Raises:
        EventmartError: if there is no record of that very run.
    """
    by_hand = Path(os.environ.get("DBT_TARGET_PATH") or "target")
    folders = (paths.target, PROJECT / by_hand)
    places = [run_results] if run_results else [f / "run_results.json" for f in folders]
    for place in places:
        results = _read(place)
        if results and results["metadata"].get("invocation_id") == last.invocation_id:
            return Record(results, place.with_name("manifest.json"))
    raise EventmartError(
        f"{' and '.join(map(str, places))}: there is no record of a build by the dbt run "
        f"that wrote {paths.build} last; {_NEXT}, or name dbt's run_results.json of that "
        "run with --run-results"
    )


def check_tested(record: Record) -> None:
    """Check that all of the project was built, and every data test passed.

    Raises:
        EventmartError: saying what was left out or failed.
    """
    arguments = record.results["args"]
    # Unit tests prove the logic and not the data: `make test` runs them.
    left_out = set(arguments.get("exclude_resource_types") or ()) - {"unit_test"}
    left_out |= {name for name in _PARTIAL if arguments.get(name)}
    if arguments["which"] != "build" or left_out:
        raise EventmartError(f"the last dbt run was not a whole `dbt build`; {_NEXT}")
    if (arguments.get("vars") or {}).get("as_of_date"):
        raise EventmartError(f"the last dbt build was for a past day (as_of_date); {_NEXT}")
    statuses = {one["unique_id"]: one["status"] for one in record.results["results"]}
    bad = [name for name, status in statuses.items() if status not in _PASSED]
    if bad:
        raise EventmartError(
            f"{len(bad)} of dbt's results did not pass; nothing was published, the "
            f"version before is still served: {', '.join(bad[:5])}"
        )
    if missing := sorted(_wanted(record.manifest) - set(statuses)):
        raise EventmartError(
            f"the last dbt build left out {len(missing)} of the project's models, seeds "
            f"and data tests: {', '.join(missing[:5])}; {_NEXT}"
        )


def check_ledger(paths: Paths, last: LastRun, landing: duckdb.DuckDBPyConnection) -> None:
    """Check that what was built is what landed here: the ledger only grows.

    Raises:
        EventmartError: if the ledger is another one, or was changed.
    """
    chain.check(landing)
    if not chain.has_come_from(landing, last.last_tip):
        raise EventmartError(
            f"{paths.build}: was built from another landing database than "
            f"{paths.landing}, or from this one before it was restored from a copy; "
            f"{_NEXT}"
        )


def _wanted(manifest: Path) -> set[str]:
    """The models, seeds and data tests of a project; what is disabled is not in it."""
    return {
        node["unique_id"]
        for node in read_nodes(manifest)
        if node["resource_type"] in ("model", "seed", "test")
        and node.get("config", {}).get("materialized") != "ephemeral"
    }


def _read(run_results: Path) -> dict[str, Any] | None:
    """Read dbt's record; None if there is none, or it makes no sense."""
    try:
        found = json.loads(run_results.read_text())
    except (OSError, ValueError):
        return None
    is_record = isinstance(found, dict) and {"metadata", "args", "results"} <= set(found)
    return found if is_record else None


def run_noted(paths: Paths) -> LastRun | None:
    """What dbt noted in the build file of its last run; None before the first."""
    if not paths.build.exists():
        return None
    with unchanging(paths) as build:
        return read_last_run(build)


@contextmanager
def unchanging(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the build file, and let nobody write it meanwhile."""
    build = paths.build
    try:
        connection = duckdb.connect(str(build))
    except duckdb.IOException as error:
        if "could not set lock" in str(error).lower():
            raise BusyError(
                f"{build} is in use by {holder(build, str(error))}; nothing was "
                "published; try again when it has finished"
            ) from error
        raise EventmartError(
            f"{build}: cannot be opened; remove it and run: make build: {error}"
        ) from error
    with connection:
        yield connection
