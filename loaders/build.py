"""Build what has landed, test and publish it with its docs: dbt, and then our own part."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path

from loaders import publish as publishing
from loaders.disclosure import disclose, read_disclosure
from loaders.errors import EventmartError
from loaders.paths import Paths
from loaders.publish import PROJECT, DamagedError
from loaders.published import Version

RUN_RESULTS = PROJECT / "target" / "run_results.json"


def build(paths: Paths) -> tuple[Version, bool] | None:
    """Build and publish; None if what is published was made of this very landing.

    Raises:
        EventmartError: if dbt fails; readers keep the version before.
    """
    # Before a build that takes its time, and may fail.
    with suppress(DamagedError):
        publishing.repair(paths)
    if publishing.is_up_to_date(paths):
        # What was tested is what is there: dbt finds that no row is to be written.
        _dbt(paths, "run")
        return None
    # Unit tests prove the logic and not the data: `make test` runs them.
    _dbt(paths, "build", "--exclude-resource-type", "unit_test")
    published = publishing.publish(paths, RUN_RESULTS)
    _dbt(paths, "docs", "generate", "--static", "--no-compile")
    partial = paths.published / ".docs.html"
    shutil.copyfile(PROJECT / "target" / "static_index.html", partial)
    partial.replace(paths.published / "docs.html")
    return published


def build_redefined(paths: Paths) -> tuple[Version, bool] | None:
    """Build if the project changed, and no delivery came, since what is published.

    So that what other definitions move is on record apart from what deliveries move.
    """
    return build(paths) if publishing.is_redefined(paths) else None


def build_as_of(paths: Paths, day: date) -> Path:
    """Build, from what the deliveries up to the end of a day say, a file of its own.

    Returns:
        The file, with marts and reports as readers would have them.

    Raises:
        EventmartError: if dbt fails.
    """
    folder = Paths(paths.data / "as_of" / str(day), paths.inbox)
    shutil.rmtree(folder.data, ignore_errors=True)
    only = ("--resource-type", "seed", "--resource-type", "model")
    variables = f"{{as_of_date: '{day}'}}"
    _dbt(folder, "build", *only, "--vars", variables, landing=paths.landing)
    publishing.strip(folder.build)
    disclosure = read_disclosure(RUN_RESULTS.with_name("manifest.json"))
    disclose(folder.build, folder.intermediate, disclosure)
    folder.intermediate.unlink()
    return folder.build


def _dbt(paths: Paths, command: str, *arguments: str, landing: Path | None = None) -> None:
    """Run dbt on this project, with its own output to the terminal."""
    # What DuckDB makes is a file, and no folder for it.
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    dbt = Path(sys.executable).with_name("dbt")
    environment = os.environ | {
        "EVENTMART_DATA": str(paths.data),
        "EVENTMART_LANDING": str(landing or paths.landing),
        "DBT_PROFILES_DIR": str(PROJECT),
    }
    call = [str(dbt), "--quiet", "--no-use-colors", command, *arguments]
    done = subprocess.run(call, cwd=PROJECT, env=environment, check=False)  # noqa: S603
    if done.returncode:
        raise EventmartError(
            f"dbt {command} failed; what it said stands above and in "
            f"{PROJECT / 'logs' / 'dbt.log'}"
        )
