"""Publish a build: readers see a whole, tested build, or the one before it.

`published/eventmart.duckdb` is what readers open, read-only. It is a hard link to one of
`published/versions/<n>/`, put there by an atomic rename: open readers keep the old file,
new readers get the new one, and nobody gets a half. `published/exports` is a link
to the exports of the same version, `published/site` to its pages.
`published/served.jsonl` notes what was served from when. docs/publishing.md is the same
for readers.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from loaders.config.paths import Paths
from loaders.config.permissions import show
from loaders.disk import make_folder, sync
from loaders.errors import BusyError, UsageError
from loaders.landing.database import full_disk_named, open_landing
from loaders.publishing.exports import write_exports
from loaders.publishing.inputs import forget_inputs, note_inputs
from loaders.publishing.privacy import Disclosure, disclose, read_disclosure, read_settings
from loaders.publishing.retention import expire, keep_days
from loaders.publishing.serving import DamagedError, alone, clean_up, repair, serve
from loaders.publishing.site import write_pages
from loaders.publishing.tested import (
    LastRun,
    Record,
    check_ledger,
    check_tested,
    check_unchanged,
    find_record,
    read_last_run,
    unchanging,
)
from loaders.publishing.versions import (
    EXPORTS,
    Version,
    current_version,
    examine,
    folder_of,
    noted_servings,
    numbers,
    sha256_of,
)
from loaders.sql import literal

# What dbt keeps for itself in the build file.
_PRIVATE = ("staging", "meta", "seeds")


@dataclass(frozen=True)
class Made:
    """What a build was made of: what tells its content, and how far the ledger went."""

    content: str
    delivery_seq: int | None
    change_seq: int | None
    tip: str | None


def publish(
    paths: Paths, run_results: Path | None = None, project: str | None = None
) -> tuple[Version, bool]:
    """Publish the build, if it is whole, tested and new.

    Args:
        paths: the data folder.
        run_results: dbt's own record of the build, with the `manifest.json` beside it;
            by default it is looked for where dbt writes it.
        project: the digest of the project from before dbt began to read it, if that is
            known: clocks, by which it is judged otherwise, may go wrong.

    Returns:
        The version that readers see now, and whether it is a new one.

    Raises:
        EventmartError: if the build is not proven to be whole, tested and untouched
            since; nothing changes then.
        BusyError: if another process has the build open, or publishes.
    """
    n_days, _ = keep_days(), read_settings()
    try:
        repair(paths)
        is_sound = True
    except DamagedError:
        is_sound = False
    if not paths.build.exists():
        raise UsageError(f"{paths.build}: nothing is built yet; run: make build")
    with unchanging(paths) as build:
        last = check_unchanged(paths, read_last_run(build))
        record = find_record(paths, last, run_results)
        check_tested(record)
        with open_landing(paths.landing, read_only=True, patience=5) as landing:
            check_ledger(paths, last, landing)
        disclosure = read_disclosure(record.manifest)
        with alone(paths):
            clean_up(paths)
            forget_inputs(paths)
            made = _made(paths, build, disclosure, last)
            version = current_version(paths)
            is_new = not (is_sound and version and version.content == made.content)
            if version is None or is_new:
                with full_disk_named(
                    paths.published, "nothing was published, readers see the version before"
                ):
                    version = _unserved(paths, made) or _copy(
                        paths, made, disclosure, record
                    )
            if is_new:
                serve(paths, version.number)
            expire(paths, n_days)
            # While something lands, nothing can be noted, and the next build tests again.
            with suppress(BusyError):
                note_inputs(paths, record, last, project)
    return version, is_new


def _made(
    paths: Paths, build: duckdb.DuckDBPyConnection, disclosure: Disclosure, last: LastRun
) -> Made:
    """What a build was made of."""
    states = build.execute(
        "select node_id, data_version from meta.model_states order by node_id"
    ).fetchall()
    if disclosure.apart:
        # dbt writes both files, or none: it needs this one for that.
        attached = literal(str(paths.intermediate))
        build.execute(f"attach {attached} as apart (read_only)")
        states += build.execute(
            "select node_id, data_version from apart.meta.model_states "
            "where node_id in (select unnest(?)) order by node_id",
            [[relation.node_id for relation in disclosure.apart]],
        ).fetchall()
        build.execute("detach apart")
    ((delivery_seq, change_seq),) = build.execute(
        "select max(_delivery_seq), max(_change_seq) from marts.fct_deliveries"
    ).fetchall()
    content = hashlib.sha256(repr((states, disclosure)).encode()).hexdigest()
    return Made(content, delivery_seq, change_seq, last.last_tip)


def _copy(paths: Paths, made: Made, disclosure: Disclosure, record: Record) -> Version:
    """Keep the build as a new version, which nobody sees yet."""
    noted = (number for number, _ in noted_servings(paths))
    number = max([0, *numbers(paths), *noted]) + 1
    folder = folder_of(paths, number)
    # Views store the name of their database, so the copy keeps the file's name.
    partial = folder.with_name(f".{number}.partial")
    make_folder(partial.parent)
    # Nobody else reads what is not stripped yet.
    partial.mkdir(0o700)
    try:
        version = _write_version(paths, partial, number, made, disclosure, record)
        partial.rename(folder)
    except BaseException:
        # A full disk is to have room again at once: the next landing may come before the
        # next publish, which would clear it away.
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(folder.parent)
    return version


def _write_version(
    paths: Paths,
    folder: Path,
    number: int,
    made: Made,
    disclosure: Disclosure,
    record: Record,
) -> Version:
    """Write all of a version, and wait until it would outlast a power cut."""
    file = folder / paths.build.name
    shutil.copyfile(paths.build, file)
    strip(file)
    disclose(file, paths.intermediate, disclosure)
    sync(file)
    write_exports(file, folder / EXPORTS, disclosure, number)
    version = Version(
        number,
        sha256_of(file),
        file.stat().st_size,
        made.content,
        datetime.now(UTC).isoformat(timespec="seconds"),
        made.delivery_seq,
        made.change_seq,
        made.tip,
        record.n_tests,
    )
    write_pages(paths, folder, version, record.manifest)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(asdict(version), indent=2) + "\n")
    sync(manifest)
    show(folder, disclosure.settings.mask)
    sync(folder)
    return version


def _unserved(paths: Paths, made: Made) -> Version | None:
    """The newest version, if it is this build and a kill kept it from being served."""
    noted = [number for number, _ in noted_servings(paths)]
    for number in numbers(paths)[-1:]:
        kept = examine(paths, number)
        is_this = kept.version and kept.version.content == made.content
        if is_this and noted and number > max(noted) and kept.damage is None:
            return kept.version
    return None


def strip(file: Path) -> None:
    """Leave in a copy of the build what readers need, in one piece."""
    with duckdb.connect(str(file)) as connection:
        for schema in _PRIVATE:
            connection.execute(f"drop schema if exists {schema} cascade")
        connection.execute("force checkpoint")
