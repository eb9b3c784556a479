"""Publish a build: readers see a whole, tested build, or the one before it.

`published/eventmart.duckdb` is what readers open, read-only. It is a hard link to one of
`published/versions/<n>/`, put there by an atomic rename: who has the old one open keeps
it, who opens next gets the new one, and nobody gets half.
"""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from loaders.errors import BusyError, EventmartError, UsageError
from loaders.paths import Paths, sync
from loaders.warehouse import open_landing

PROJECT = Path(__file__).parents[1]
KEEP = 3
# What dbt keeps for itself in the build file.
_PRIVATE = ("staging", "meta", "seeds")
# Arguments by which a `dbt build` leaves out models, data tests or rows.
_PARTIAL = ("select", "exclude", "selector", "resource_types", "empty", "sample")


@dataclass(frozen=True)
class Version:
    """One published version: its number, its file's checksum, and what it was made of."""

    number: int
    sha256: str
    n_bytes: int
    content: str


def publish(paths: Paths, run_results: Path) -> tuple[Version, bool]:
    """Publish the build, if it is whole, tested and new.

    Args:
        paths: the data folder.
        run_results: dbt's own record of the build, `target/run_results.json`.

    Returns:
        The version that readers see now, and whether it is a new one.

    Raises:
        EventmartError: if the build was partial or a test failed; nothing changes then.
        BusyError: if another process has the build open.
    """
    _check_tested(run_results)
    if not paths.build.exists():
        raise UsageError(f"{paths.build}: nothing is built yet; run: make build")
    content = _checkpoint(paths.build)
    _tested_inputs(paths).unlink(missing_ok=True)
    current = current_version(paths)
    if current and current.content == content and _is_sound(paths, current):
        _note_inputs(paths, run_results)
        return current, False
    kept = versions(paths)
    number = kept[-1].number + 1 if kept else 1
    folder = _folder(paths, number)
    # Views store the name of their database, so the copy keeps the file's name.
    partial = folder.with_name(f".{number}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    file = partial / paths.build.name
    shutil.copyfile(paths.build, file)
    _strip(file)
    sync(file)
    version = Version(number, _sha256(file), file.stat().st_size, content)
    manifest = partial / "manifest.json"
    manifest.write_text(json.dumps(asdict(version), indent=2) + "\n")
    sync(manifest)
    sync(partial)
    partial.rename(folder)
    sync(folder.parent)
    _serve(paths, version)
    for old in versions(paths)[:-KEEP]:
        shutil.rmtree(_folder(paths, old.number))
    _note_inputs(paths, run_results)
    return version, True


def is_up_to_date(paths: Paths) -> bool:
    """Whether what readers see was made of just this project and just this landing."""
    noted, current = _tested_inputs(paths), current_version(paths)
    return bool(
        current
        and noted.exists()
        and noted.read_text() == _inputs(paths)[0]
        and _is_sound(paths, current)
        and paths.build.exists()
    )


def rollback(paths: Paths) -> Version:
    """Serve the version before the one served now, until something new is built.

    Raises:
        UsageError: if there is none, or none that is sound.
    """
    current = current_version(paths)
    older = [v for v in versions(paths) if current and v.number < current.number]
    for version in reversed(older):
        if _is_sound(paths, version):
            _serve(paths, version)
            return version
    raise UsageError(f"{paths.published}: there is no earlier version to go back to")


def versions(paths: Paths) -> list[Version]:
    """The kept versions, oldest first."""
    manifests = (paths.published / "versions").glob("[0-9]*/manifest.json")
    found = [Version(**json.loads(manifest.read_text())) for manifest in manifests]
    return sorted(found, key=lambda version: version.number)


def current_version(paths: Paths) -> Version | None:
    """The version that readers see, or None before the first."""
    served = paths.published / paths.build.name
    for version in reversed(versions(paths)):
        file = _folder(paths, version.number) / paths.build.name
        if served.exists() and file.exists() and served.samefile(file):
            return version
    return None


def _project_files() -> list[Path]:
    """All that dbt reads of this project, data apart."""
    found = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in ("models", "seeds", "macros", "tests"):
        files = (PROJECT / folder).rglob("*.*")
        found += sorted(f for f in files if f.suffix in (".sql", ".yml", ".csv", ".md"))
    return found


def _inputs(paths: Paths) -> tuple[str, datetime]:
    """A hash of the project's files and of how far the ledger goes; when it last grew."""
    digest = hashlib.sha256()
    for file in _project_files():
        digest.update(f"{file.relative_to(PROJECT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    with open_landing(paths.landing, read_only=True, patience=5) as landing:
        last = landing.execute(
            "select max(delivery_seq), max(finished_at) from raw.deliveries"
        ).fetchone()
    seq, grown = last or (None, None)
    digest.update(str(seq).encode())
    return digest.hexdigest(), (grown or datetime.min).replace(tzinfo=UTC)


def _note_inputs(paths: Paths, run_results: Path) -> None:
    """Note what was tested, unless something changed since dbt began to read it."""
    results = json.loads(run_results.read_text())
    ended = datetime.fromisoformat(results["metadata"]["generated_at"])
    began = ended - timedelta(seconds=results["elapsed_time"])
    inputs, grown = _inputs(paths)
    changed = max(file.stat().st_mtime for file in _project_files())
    if grown < began and changed < began.timestamp():
        _tested_inputs(paths).write_text(inputs)


def _tested_inputs(paths: Paths) -> Path:
    return paths.published / ".tested-inputs"


def _check_tested(run_results: Path) -> None:
    try:
        results = json.loads(run_results.read_text())
    except (OSError, ValueError) as error:
        message = f"{run_results}: dbt has left no record of a build; run: make build"
        raise EventmartError(message) from error
    arguments = results["args"]
    # Unit tests prove the logic and not the data: `make test` runs them.
    left_out = set(arguments.get("exclude_resource_types") or ()) - {"unit_test"}
    left_out |= {name for name in _PARTIAL if arguments.get(name)}
    if arguments["which"] != "build" or left_out:
        raise EventmartError(
            "the last dbt run was not a whole `dbt build`; nothing was published"
        )
    bad = [
        result["unique_id"]
        for result in results["results"]
        if result["status"] not in ("success", "pass", "no-op")
    ]
    if bad:
        raise EventmartError(
            f"{len(bad)} of dbt's results did not pass; nothing was published, the last "
            f"good version is still served: {', '.join(bad[:5])}"
        )


def _checkpoint(build: Path) -> str:
    """Bring the build file into one piece; returns what tells its content."""
    try:
        with duckdb.connect(str(build)) as connection:
            connection.execute("force checkpoint")
            states = connection.execute(
                "select node_id, data_version from meta.model_states order by node_id"
            ).fetchall()
    except duckdb.IOException as error:
        raise BusyError(f"{build}: is in use; nothing was published: {error}") from error
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _strip(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        for schema in _PRIVATE:
            connection.execute(f"drop schema if exists {schema} cascade")
        connection.execute("force checkpoint")


def _serve(paths: Paths, version: Version) -> None:
    served = paths.published / paths.build.name
    fresh = paths.published / f".{paths.build.name}.fresh"
    fresh.unlink(missing_ok=True)
    os.link(_folder(paths, version.number) / paths.build.name, fresh)
    fresh.replace(served)
    sync(paths.published)


def _is_sound(paths: Paths, version: Version) -> bool:
    file = _folder(paths, version.number) / paths.build.name
    return file.exists() and _sha256(file) == version.sha256


def _folder(paths: Paths, number: int) -> Path:
    return paths.published / "versions" / f"{number:06d}"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
