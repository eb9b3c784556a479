"""Build what has landed, test and publish it with its docs: dbt, and then our own part."""

import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from loaders.config.paths import Paths
from loaders.disk import partial_name, whole_file
from loaders.errors import UsageError
from loaders.landing import chain
from loaders.landing.database import is_full, open_landing
from loaders.landing.schema import has_tables, migrate
from loaders.publishing import inputs, passes, serving, site
from loaders.publishing import publish as publishing
from loaders.publishing.docs import accessible
from loaders.publishing.lock import locked
from loaders.publishing.privacy import disclose, read_disclosure, read_settings
from loaders.publishing.progress import Progress
from loaders.publishing.recovery import find_fork
from loaders.publishing.run_dbt import Dbt
from loaders.publishing.serving import DamagedError
from loaders.publishing.tested import (
    check_unchanged,
    find_record,
    is_as_noted,
    run_noted,
)
from loaders.publishing.versions import Version, current_version, sha256_of

_log = logging.getLogger(__name__)
_DOING = "builds or publishes here"
_MODELS = ("--resource-type", "seed", "--resource-type", "model")
# Unit tests prove the logic and not the data: `make test` runs them.
_NO_UNIT_TESTS = ("--exclude-resource-type", "unit_test")


def build(
    paths: Paths,
    progress: Progress | None = None,
    *,
    patience: float = 0,
    command: str = "eventmart build",
    dbt: Dbt | None = None,
) -> tuple[Version, bool] | None:
    """Build and publish; None if what is published was made of this very landing.

    Args:
        paths: the data folder.
        progress: is told the progress, if given.
        patience: seconds to wait for a process that lands, builds or publishes.
        command: what builds, for others who have to wait.
        dbt: a process that has built before, whose start need not be waited for again.

    Raises:
        BusyError: if somebody else still lands, builds or publishes then.
        EventmartError: if dbt fails, or the ledger was changed by something else; readers
            keep the version before.
        UsageError: if nothing has landed.
    """
    progress = progress or Progress(is_silent=True)
    published = None
    with (
        _alone(paths, paths.build_lock, patience, command) as (lock, landing),
        dbt_of(paths, dbt) as dbt,
    ):
        chain.check(landing)
        # Before a build that takes its time, and may fail.
        with suppress(DamagedError):
            serving.repair(paths)
        project = inputs.project_digest()
        if not inputs.is_up_to_date(paths):
            if fork := find_fork(paths, landing):
                _log.warning("%s; everything is built again from this landing", fork)
            progress.seconds["landing"] = _seconds_of_landing(paths, landing)
            _build_tested(paths, progress, dbt, project, lock)
            with progress.phase("publishing"):
                published = publishing.publish(paths, project=project)
        # Also of a build that is published already: they are no part of its content.
        manifest = paths.target / "manifest.json"
        if manifest.exists() and site.are_outdated(paths, manifest):
            with progress.phase("pages"):
                site.rewrite_pages(paths)
        # Not yet, either, if the build that published it was stopped before its docs.
        if not _is_documented(paths, project):
            with progress.phase("docs"):
                _document(paths, progress, dbt, project, lock)
    return published


@contextmanager
def dbt_of(paths: Paths, dbt: Dbt | None) -> Iterator[Dbt]:
    """A process for dbt: the one given, or one that ends with the block."""
    if dbt:
        yield dbt
        return
    with closing(Dbt(paths)) as own:
        yield own


def _build_tested(
    paths: Paths, progress: Progress, dbt: Dbt, project: str, lock: int
) -> None:
    """Build the models, and run the tests that have not passed on these very rows."""
    with progress.phase("dbt build"):
        arguments = (*_MODELS, *_anew_if_touched(paths))
        dbt.run(progress, "build", *arguments, project=project, lock=lock)
    records = [_record(paths)]
    wanted = passes.passes_wanted(paths, inputs.inputs_of(paths).text())
    due = passes.due(paths, wanted)
    if due:
        names = () if len(due) == len(wanted) else ("--select", *map(_name, due))
        with progress.phase("dbt test"):
            arguments = (*_NO_UNIT_TESTS, *names)
            dbt.run(progress, "test", *arguments, project=project, lock=lock)
        records.append(_record(paths))
    passes.note(paths, wanted, due, records)


def _record(paths: Paths) -> dict[str, Any]:
    """What dbt has on record of the run that has just ended.

    Raises:
        EventmartError: if somebody else wrote the build meanwhile.
    """
    return find_record(paths, check_unchanged(paths, run_noted(paths)), None).results


def _name(test: str) -> str:
    """How dbt's `--select` calls a test of this project, of which the id is given."""
    return test.split(".")[2]


def _documented(paths: Paths) -> Path:
    """Where it is noted of which project the docs are that readers have."""
    return paths.published / ".documented"


def _documented_by(paths: Paths, project: str) -> str:
    return f"{project} {sha256_of(paths.docs)}\n"


def _is_documented(paths: Paths, project: str) -> bool:
    """Whether readers have the docs of this project: they show no data."""
    try:
        return _documented(paths).read_text() == _documented_by(paths, project)
    except FileNotFoundError:
        return False


def _document(paths: Paths, progress: Progress, dbt: Dbt, project: str, lock: int) -> None:
    """Write the docs, and put them beside what readers see."""
    arguments = ("generate", "--static", "--no-compile")
    dbt.run(progress, "docs", *arguments, project=project, lock=lock)
    # Of a build that was killed while it wrote this; nobody else builds now.
    for left in paths.published.glob(partial_name("*")):
        left.unlink()
    page = (paths.target / "static_index.html").read_bytes()
    with whole_file(paths.docs) as to:
        to.write(accessible(page))
        os.fchmod(to.fileno(), 0o666 & ~read_settings().mask)
    _documented(paths).write_text(_documented_by(paths, project))


def build_redefined(
    paths: Paths, progress: Progress | None = None, *, patience: float = 0
) -> tuple[Version, bool] | None:
    """Build if the project changed, and no delivery came, since what is published.

    So that what other definitions move is on record apart from what deliveries move.
    """
    is_redefined = inputs.is_redefined(paths)
    return build(paths, progress, patience=patience) if is_redefined else None


def build_as_of(
    paths: Paths, day: date, progress: Progress | None = None, *, patience: float = 0
) -> Path:
    """Build, from what the deliveries up to the end of a day say, a file of its own.

    Returns:
        The file, with marts and reports as readers would have them.

    Raises:
        BusyError: if somebody else lands, or builds the same day.
        EventmartError: if dbt fails.
        UsageError: if nothing has landed.
    """
    progress = progress or Progress(is_silent=True)
    folder = Paths(paths.data / "as_of" / str(day), paths.inbox)
    own_lock = folder.data.with_name(f"{day}.lock")
    with (
        _alone(paths, own_lock, patience, "eventmart as-of") as (lock, _),
        _cleared_if_full(folder.data),
    ):
        shutil.rmtree(folder.data, ignore_errors=True)
        variables = ("--vars", f"{{as_of_date: '{day}'}}")
        with progress.phase("dbt build"), closing(Dbt(folder, paths.landing)) as dbt:
            dbt.run(progress, "build", *_MODELS, *variables, lock=lock)
        publishing.strip(folder.build)
        disclosure = read_disclosure(folder.target / "manifest.json")
        disclose(folder.build, folder.intermediate, disclosure)
        folder.intermediate.unlink()
        shutil.rmtree(folder.target)
    return folder.build


@contextmanager
def _cleared_if_full(folder: Path) -> Iterator[None]:
    """Have what was built so far take no room, if it is that which fills the disk."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if is_full(error):
            shutil.rmtree(folder)
        raise


def publish_built(
    paths: Paths, run_results: Path | None, *, patience: float = 0
) -> tuple[Version, bool]:
    """Publish what dbt built by hand, while nobody builds.

    Raises:
        BusyError: if somebody does.
        EventmartError: if it is not proven to be whole and tested.
    """
    command = "eventmart publish"
    with locked(paths.build_lock, _DOING, patience=patience, command=command):
        if paths.landing.exists():
            migrate(paths.landing, patience=patience, command=command)
        return publishing.publish(paths, run_results)


@contextmanager
def _alone(
    paths: Paths, lock_file: Path, patience: float, command: str
) -> Iterator[tuple[int, duckdb.DuckDBPyConnection]]:
    """Let nobody else build, and nothing land, as long as the block runs.

    Yields:
        The handle of the lock, and the landing database.
    """
    nothing = UsageError(f"{paths.landing}: nothing has landed yet; run: eventmart land")
    if not paths.landing.exists():
        raise nothing
    deadline = time.monotonic() + patience
    with locked(lock_file, _DOING, patience=patience, command=command) as lock:
        migrate(paths.landing, patience=deadline - time.monotonic(), command=command)
        # dbt has it open most of the time: that it cannot open it is better known before.
        with open_landing(
            paths.landing, read_only=True, patience=deadline - time.monotonic()
        ) as landing:
            if not has_tables(landing):
                raise nothing
            yield lock, landing


def _anew_if_touched(paths: Paths) -> tuple[str, ...]:
    """What to say to dbt if something else than dbt wrote the build since its last run.

    What is not built again would not be tested again either.
    """
    last = run_noted(paths)
    if not last or last.ended_at is None or is_as_noted(paths, last):
        return ()
    _log.warning(
        "%s was written to by another program than dbt: everything is built from scratch",
        paths.build.parent,
    )
    return ("--full-refresh",)


def _seconds_of_landing(paths: Paths, landing: duckdb.DuckDBPyConnection) -> float:
    """How long it took to land what came since what is published."""
    version = current_version(paths)
    row = landing.execute(
        "select coalesce(sum(epoch(finished_at - started_at)), 0) from raw.deliveries "
        "where delivery_seq > ?",
        [(version and version.delivery_seq) or 0],
    ).fetchone()
    return float(row[0]) if row else 0.0
