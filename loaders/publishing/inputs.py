"""What a build is made of: the project's files and settings, and what has landed."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from loaders.config.paths import PROJECT, Paths
from loaders.disk import sync
from loaders.landing import chain
from loaders.landing.database import open_landing
from loaders.landing.schema import migrate
from loaders.publishing.privacy import read_settings
from loaders.publishing.tested import LastRun, Record, is_as_noted, run_noted
from loaders.publishing.versions import (
    EXPORTS,
    SITE,
    current_version,
    examine,
    part_link,
    part_of,
)

_BUILDERS = ("dbt-core", "dbt-duckdb", "duckdb")


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


def is_up_to_date(paths: Paths) -> bool:
    """Whether what readers see was made of just this project and just this landing."""
    noted, current = noted_inputs(paths), current_version(paths)
    return bool(
        current
        and noted.exists()
        and noted.read_text() == inputs_of(paths).text()
        and examine(paths, current.number).damage is None
        and all(
            part_link(paths, part) == part_of(paths, current.number, part)
            for part in (EXPORTS, SITE)
        )
        and paths.build.exists()
        and (last := run_noted(paths))
        and is_as_noted(paths, last)
    )


def is_redefined(paths: Paths) -> bool:
    """Whether what readers see was made of just this landing, but of another project."""
    noted = noted_inputs(paths)
    if not noted.exists():
        return False
    inputs = inputs_of(paths)
    before = noted.read_text().split()
    return before[1:] == [inputs.landing] and before[:1] != [inputs.project]


def _project_files() -> list[Path]:
    """All that dbt reads of this project, data apart."""
    found = [PROJECT / "dbt_project.yml", PROJECT / "profiles.yml"]
    for folder in ("models", "seeds", "macros", "tests"):
        files = (PROJECT / folder).rglob("*.*")
        found += sorted(f for f in files if f.suffix in (".sql", ".yml", ".csv", ".md"))
    return found


def project_digest() -> str:
    """A hash of the project's files and settings, and of what builds it, as of now."""
    digest = hashlib.sha256()
    for file in _project_files():
        digest.update(f"{file.relative_to(PROJECT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(repr(read_settings()).encode())
    # By other versions a build may be another, and its tests may end otherwise.
    digest.update(repr([version(package) for package in _BUILDERS]).encode())
    return digest.hexdigest()


def inputs_of(paths: Paths, tip: str | None = None) -> Inputs:
    """What a build is made of now, or was when this was the tip of the landing."""
    migrate(paths.landing, patience=5)
    with open_landing(paths.landing, read_only=True, patience=5) as landing:
        ((readings,),) = landing.execute(
            "select md5(string_agg(fingerprint, '' order by feed)) from raw.feed_times"
        ).fetchall()
        landed = f"{tip or chain.read_tip(landing)}-{readings}"
    return Inputs(project_digest(), landed)


def note_inputs(paths: Paths, record: Record, last: LastRun, project: str | None) -> None:
    """Note what was tested, unless the project changed since dbt began to read it."""
    inputs = inputs_of(paths, last.tip)
    is_same = inputs.project == project
    if project is None:
        ended = datetime.fromisoformat(record.results["metadata"]["generated_at"])
        began = ended - timedelta(seconds=record.results["elapsed_time"])
        changed = max(file.stat().st_mtime for file in _project_files())
        is_same = changed < began.timestamp()
    if is_same:
        noted_inputs(paths).write_text(inputs.text())


def forget_inputs(paths: Paths) -> None:
    """Forget what was tested, also after a power cut, before anything else is served."""
    noted_inputs(paths).unlink(missing_ok=True)
    sync(paths.published)


def noted_inputs(paths: Paths) -> Path:
    """Where it is noted what the build that readers see was made of."""
    return paths.published / ".tested-inputs"
