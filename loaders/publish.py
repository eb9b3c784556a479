"""Publish a build: readers see a whole, tested build, or the one before it.

`published/eventmart.duckdb` is what readers open, read-only. It is a hard link to one of
`published/versions/<n>/`, put there by an atomic rename: who has the old one open keeps
it, who opens next gets the new one, and nobody gets half. `published/exports` is a link
to the exports of the same version. `published/served.jsonl` notes what was served from
when. docs/publishing.md is the same for readers.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from loaders import chain
from loaders.disclosure import Disclosure, disclose, read_disclosure, read_settings
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.exports import write_exports
from loaders.modes import show
from loaders.parse import literal
from loaders.paths import PROJECT, Paths, make_folder, sync
from loaders.published import (
    EXPORTS,
    Version,
    current_version,
    examine,
    exports_link,
    exports_of,
    folder_of,
    noted_servings,
    numbers,
    served_damage,
    served_number,
    servings,
    servings_file,
    sha256_of,
    versions,
)
from loaders.tested import (
    LastRun,
    Record,
    check_ledger,
    check_tested,
    check_unchanged,
    find_record,
    is_as_noted,
    read_last_run,
)
from loaders.warehouse import full_disk_named, holder, migrate, open_landing

_log = logging.getLogger(__name__)
# Kept are so many versions, and the last one of each day of so many days.
KEEP = 3
KEEP_DAYS = 7
# What dbt keeps for itself in the build file.
_PRIVATE = ("staging", "meta", "seeds")


class DamagedError(EventmartError):
    """What readers see is damaged, and nothing kept can take its place."""


@dataclass(frozen=True)
class Inputs:
    """A hash of the project's files and settings, and the tip of the landing.

    With that goes how the text of its feeds becomes time, and keys.
    """

    project: str
    landing: str

    def text(self) -> str:
        """As it is noted beside what was made of them."""
        return f"{self.project} {self.landing}\n"


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
    n_days, _ = _keep_days(), read_settings()
    try:
        repair(paths)
        is_sound = True
    except DamagedError:
        is_sound = False
    if not paths.build.exists():
        raise UsageError(f"{paths.build}: nothing is built yet; run: make build")
    with _unchanging(paths) as build:
        last = check_unchanged(paths, read_last_run(build))
        record = find_record(paths, last, run_results)
        check_tested(record)
        with open_landing(paths.landing, read_only=True, patience=5) as landing:
            check_ledger(paths, last, landing)
        disclosure = read_disclosure(record.manifest)
        with _alone(paths):
            _mend(paths)
            _forget_inputs(paths)
            made = _made(paths, build, disclosure, last)
            version = current_version(paths)
            is_new = not (is_sound and version and version.content == made.content)
            if version is None or is_new:
                with full_disk_named(
                    paths.published, "nothing was published, readers see what they saw"
                ):
                    version = _unserved(paths, made) or _copy(paths, made, disclosure)
            if is_new:
                _serve(paths, version.number)
            _expire(paths, n_days)
            # While something lands, nothing can be noted, and the next build tests again.
            with suppress(BusyError):
                _note_inputs(paths, record, last, project)
    return version, is_new


def is_up_to_date(paths: Paths) -> bool:
    """Whether what readers see was made of just this project and just this landing."""
    noted, current = _tested_inputs(paths), current_version(paths)
    return bool(
        current
        and noted.exists()
        and noted.read_text() == _inputs(paths).text()
        and examine(paths, current.number).damage is None
        and exports_link(paths) == exports_of(paths, current.number)
        and paths.build.exists()
        and (last := last_run(paths))
        and is_as_noted(paths, last)
    )


def last_run(paths: Paths) -> LastRun | None:
    """What dbt noted in the build file of its last run; None before the first."""
    if not paths.build.exists():
        return None
    with _unchanging(paths) as build:
        return read_last_run(build)


def is_redefined(paths: Paths) -> bool:
    """Whether what readers see was made of just this landing, but of another project."""
    noted = _tested_inputs(paths)
    if not noted.exists():
        return False
    inputs = _inputs(paths)
    before = noted.read_text().split()
    return before[1:] == [inputs.landing] and before[:1] != [inputs.project]


def rollback(paths: Paths) -> Version:
    """Serve the version before the one served now, until something new is built.

    Raises:
        UsageError: if there is none, or none that is sound.
        BusyError: if another process publishes.
    """
    if numbers(paths):
        with _alone(paths):
            _mend(paths)
            older, _ = _around(paths, served_number(paths))
            if version := _serve_first_sound(paths, older):
                return version
    raise UsageError(f"{paths.published}: there is no earlier version to go back to")


def repair(paths: Paths) -> Version | None:
    """If what readers see is damaged, serve the last good version in its place.

    Returns:
        The version that took its place; None if there was nothing to repair.

    Raises:
        DamagedError: if no sound version is kept.
        BusyError: if another process publishes.
    """
    if not numbers(paths):
        return None
    with _alone(paths):
        _mend(paths)
        damage = served_damage(paths)
        if damage is None:
            return None
        # What it was made of is to be published again.
        _forget_inputs(paths)
        older, newer = _around(paths, served_number(paths))
        # One after it was rolled back from, but is better than none.
        if version := _serve_first_sound(paths, older + newer):
            _log.warning("published: %s; version %d is served", damage, version.number)
            return version
    raise DamagedError(
        f"{paths.published}: {damage}, and no sound version is kept; run: make build"
    )


def _project_files() -> list[Path]:
    """All that dbt reads of this project, data apart."""
    found = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in ("models", "seeds", "macros", "tests"):
        files = (PROJECT / folder).rglob("*.*")
        found += sorted(f for f in files if f.suffix in (".sql", ".yml", ".csv", ".md"))
    return found


def project_digest() -> str:
    """A hash of the project's files and settings as they are now."""
    digest = hashlib.sha256()
    for file in _project_files():
        digest.update(f"{file.relative_to(PROJECT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(repr(read_settings()).encode())
    return digest.hexdigest()


def _inputs(paths: Paths, tip: str | None = None) -> Inputs:
    """What a build is made of now, or was when this was the tip of the landing."""
    migrate(paths.landing, patience=5)
    with open_landing(paths.landing, read_only=True, patience=5) as landing:
        ((readings,),) = landing.execute(
            "select md5(string_agg(fingerprint, '' order by feed)) from raw.feed_times"
        ).fetchall()
        landed = f"{tip or chain.read_tip(landing)}-{readings}"
    return Inputs(project_digest(), landed)


def _note_inputs(paths: Paths, record: Record, last: LastRun, project: str | None) -> None:
    """Note what was tested, unless the project changed since dbt began to read it."""
    inputs = _inputs(paths, last.tip)
    is_same = inputs.project == project
    if project is None:
        ended = datetime.fromisoformat(record.results["metadata"]["generated_at"])
        began = ended - timedelta(seconds=record.results["elapsed_time"])
        changed = max(file.stat().st_mtime for file in _project_files())
        is_same = changed < began.timestamp()
    if is_same:
        _tested_inputs(paths).write_text(inputs.text())


def _forget_inputs(paths: Paths) -> None:
    """Forget what was tested, also after a power cut, before anything else is served."""
    _tested_inputs(paths).unlink(missing_ok=True)
    sync(paths.published)


def _tested_inputs(paths: Paths) -> Path:
    return paths.published / ".tested-inputs"


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Be the only one that publishes; a lock on the folder, which dies with its process."""
    make_folder(paths.published)
    handle = os.open(paths.published, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{paths.published}: another process publishes; try again when it is done"
            ) from error
        yield
        # Each version as it was published, whoever else is to see the next ones.
        for path in (paths.published, folder_of(paths, 0).parent, servings_file(paths)):
            if path.exists():
                mode = 0o777 if path.is_dir() else 0o666
                path.chmod(mode & ~read_settings().mask)
    finally:
        os.close(handle)


@contextmanager
def _unchanging(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the build file, and let nobody write it meanwhile."""
    build = paths.build
    try:
        connection = duckdb.connect(str(build))
    except duckdb.IOException as error:
        if "could not set lock" in str(error).lower():
            raise BusyError(
                f"{build} is in use: it is held by {holder(build, str(error))}; nothing "
                "was published; try again when it is done"
            ) from error
        raise EventmartError(
            f"{build}: cannot be opened; remove it and run: make build: {error}"
        ) from error
    with connection:
        yield connection


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


def _copy(paths: Paths, made: Made, disclosure: Disclosure) -> Version:
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
        version = _write_version(paths, partial, number, made, disclosure)
        partial.rename(folder)
    except BaseException:
        # A full disk is to have room again at once: the next landing may come before the
        # next publish, which would clear it away.
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(folder.parent)
    return version


def _write_version(
    paths: Paths, folder: Path, number: int, made: Made, disclosure: Disclosure
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
    )
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


def _serve(paths: Paths, number: int) -> None:
    """Let readers see a version from now on."""
    served = paths.published / paths.build.name
    fresh = _fresh(paths)
    fresh.unlink(missing_ok=True)
    os.link(folder_of(paths, number) / paths.build.name, fresh)
    fresh.replace(served)
    _serve_exports(paths)
    sync(paths.published)
    _note_serving(paths)


def _fresh(paths: Paths) -> Path:
    """The name of what is about to be served."""
    return paths.published / f".{paths.build.name}.fresh"


def _serve_exports(paths: Paths) -> None:
    """Let readers see the exports of the version that they see, if it has any."""
    number = served_number(paths)
    wanted = None if number is None else exports_of(paths, number)
    if exports_link(paths) == wanted:
        return
    link, fresh = paths.published / EXPORTS, paths.published / f".{EXPORTS}.fresh"
    fresh.unlink(missing_ok=True)
    if wanted:
        fresh.symlink_to(wanted)
        fresh.replace(link)
    else:
        link.unlink()


def _around(paths: Paths, number: int | None) -> tuple[list[int], list[int]]:
    """The kept versions before one and after it, nearest first; all if there is none."""
    found = numbers(paths)
    if number is None:
        return found[::-1], []
    return [n for n in reversed(found) if n < number], [n for n in found if n > number]


def _serve_first_sound(paths: Paths, candidates: list[int]) -> Version | None:
    for number in candidates:
        kept = examine(paths, number)
        if kept.version and kept.damage is None:
            _serve(paths, number)
            return kept.version
    return None


def _mend(paths: Paths) -> None:
    """Clear away what a killed publish left, and note what it did not come to note."""
    for pattern in (".*.partial", ".*.expired"):
        for left in (paths.published / "versions").glob(pattern):
            shutil.rmtree(left)
    _fresh(paths).unlink(missing_ok=True)
    _serve_exports(paths)
    _note_serving(paths)


def _expire(paths: Paths, n_days: int) -> None:
    """Remove the versions that are neither among the last nor the last of a recent day.

    Days are those on which something was published: a clock that jumps takes none away.
    """
    whole = [version for version in versions(paths) if _has_size(paths, version)]
    last = whole[-KEEP:]
    last_of_days = {version.day: version.number for version in whole}
    days = sorted((day for day in last_of_days if day), reverse=True)[:n_days]
    keep = {last_of_days[day] for day in days} | {version.number for version in last}
    for number in set(numbers(paths)) - keep - {served_number(paths)}:
        # What is damaged goes when it would have gone if it were not.
        if last and number < last[0].number:
            # At once out of sight: a kill leaves nothing that looks like a version.
            expired = folder_of(paths, number).with_name(f".{number}.expired")
            folder_of(paths, number).rename(expired)
            shutil.rmtree(expired)


def _has_size(paths: Paths, version: Version) -> bool:
    file = folder_of(paths, version.number) / paths.build.name
    return file.exists() and file.stat().st_size == version.n_bytes


def _keep_days() -> int:
    text = os.environ.get("EVENTMART_KEEP_DAYS") or str(KEEP_DAYS)
    if not text.isdecimal() or len(text) > 5:
        raise UsageError(f"EVENTMART_KEEP_DAYS: {text!r} is no number of days")
    return int(text)


def _note_serving(paths: Paths) -> None:
    """Note what is served now, if that is not what was noted last."""
    known = servings(paths)
    if len(known) == len(noted_servings(paths)):
        return
    line = json.dumps({"number": known[-1].number, "since": known[-1].since.isoformat()})
    with servings_file(paths).open("a+b") as file:
        # A line that a power cut left half written ends here.
        file.seek(max(0, file.tell() - 1))
        is_cut = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * is_cut + f"{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    sync(paths.published)
