"""Which version readers see: served, rolled back, repaired, by one process at a time."""

import fcntl
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.config.paths import Paths
from loaders.disk import make_folder, sync
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.publishing.inputs import forget_inputs
from loaders.publishing.privacy import read_settings
from loaders.publishing.versions import (
    EXPORTS,
    SITE,
    Version,
    examine,
    folder_of,
    noted_servings,
    numbers,
    part_link,
    part_of,
    served_damage,
    served_number,
    servings,
    servings_file,
    writings,
)

_log = logging.getLogger(__name__)


class DamagedError(EventmartError):
    """What readers see is damaged, and nothing kept can take its place."""


def rollback(paths: Paths) -> Version:
    """Serve the version before the one served now, until something new is built.

    Raises:
        UsageError: if there is none, or none that is sound.
        BusyError: if another process publishes.
    """
    if numbers(paths):
        with alone(paths):
            clean_up(paths)
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
    with alone(paths):
        clean_up(paths)
        damage = served_damage(paths)
        if damage is None:
            return None
        # What it was made of is to be published again.
        forget_inputs(paths)
        older, newer = _around(paths, served_number(paths))
        # One after it was rolled back from, but is better than none.
        if version := _serve_first_sound(paths, older + newer):
            _log.warning("published: %s; version %d is served", damage, version.number)
            return version
    raise DamagedError(
        f"{paths.published}: {damage}, and no undamaged version is kept; run: make build"
    )


@contextmanager
def alone(paths: Paths) -> Iterator[None]:
    """Be the only one that publishes; a lock on the folder, which dies with its process."""
    make_folder(paths.published)
    handle = os.open(paths.published, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{paths.published}: another process publishes; try again when it has "
                "finished"
            ) from error
        yield
        # Each version for its own readers, also if the next ones have others.
        for path in (paths.published, folder_of(paths, 0).parent, servings_file(paths)):
            if path.exists():
                mode = 0o777 if path.is_dir() else 0o666
                path.chmod(mode & ~read_settings().mask)
    finally:
        os.close(handle)


def serve(paths: Paths, number: int) -> None:
    """Let readers see a version from now on."""
    served = paths.published / paths.build.name
    fresh = _fresh(paths)
    fresh.unlink(missing_ok=True)
    os.link(folder_of(paths, number) / paths.build.name, fresh)
    fresh.replace(served)
    serve_parts(paths)
    sync(paths.published)
    _note_serving(paths)


def _fresh(paths: Paths) -> Path:
    """The name of the file that is about to be served."""
    return paths.published / f".{paths.build.name}.fresh"


def serve_parts(paths: Paths) -> None:
    """Let readers see exports and pages of the version that they see, if it has any."""
    number = served_number(paths)
    for part in (EXPORTS, SITE):
        wanted = None if number is None else part_of(paths, number, part)
        if part_link(paths, part) == wanted:
            continue
        link, fresh = paths.published / part, paths.published / f".{part}.fresh"
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
            serve(paths, number)
            return kept.version
    return None


def clean_up(paths: Paths) -> None:
    """Clear away what a killed publish left, and note what it did not come to note."""
    for pattern in (".*.partial", ".*.expired", "*/.*.partial"):
        for left in (paths.published / "versions").glob(pattern):
            shutil.rmtree(left)
    _fresh(paths).unlink(missing_ok=True)
    serve_parts(paths)
    for number in numbers(paths):
        for outdated in writings(paths, number, SITE)[:-1]:
            shutil.rmtree(outdated)
    _note_serving(paths)


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
