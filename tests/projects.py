"""The whole path, as a person walks it: demo, land, dbt build, publish."""

import json
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner, Result
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.publishing.lock import locked

if TYPE_CHECKING:
    from tests.path.compiled import Compiled

ROOT = Path(__file__).parents[1]
SCALE = 0.005
# Where intermediates are found by name alone, beside what names its schema.
SEARCH_PATH = "eventmart.main,intermediate.intermediate"
# A folder in which what tests need first is ready, for who tests often: tests/mutants/.
READY = "EVENTMART_TESTS_READY"
# What dbt has read of the project.
_parsed: list[Manifest] = []


@dataclass(frozen=True)
class Project:
    """One data folder, worked on through the same commands that people use."""

    paths: Paths

    def _enter(self) -> None:
        os.environ["EVENTMART_DATA"] = str(self.paths.data)
        os.environ["EVENTMART_INBOX"] = str(self.paths.inbox)

    def eventmart(self, *arguments: str | Path) -> Result:
        self._enter()
        return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="eventmart")

    def land(self, *arguments: str | Path) -> str:
        result = self.eventmart("land", *arguments)
        assert result.exit_code == 0, result.output
        return result.output

    def invoke(self, *arguments: str) -> dbtRunnerResult:
        """Run dbt, whatever comes of it.

        Reading the project takes dbt far longer than most calls, so each process of
        tests does it once. Variables are another matter: what they say may be read then.
        """
        self._enter()
        call = [*arguments, "--project-dir", ROOT, "--profiles-dir", ROOT, "--quiet"]
        # What nobody reads of it would take a tenth of its time.
        call += ["--target-path", self.paths.target, "--log-level-file", "none"]
        try:
            if not _parsed and "--vars" not in arguments:
                parse = ["parse", "--no-write-json", *map(str, call[len(arguments) :])]
                _parsed.append(dbtRunner().invoke(parse).result)
            manifest = None if "--vars" in arguments else _parsed[0]
            return dbtRunner(manifest).invoke([str(part) for part in call])
        finally:
            # dbt keeps its files open for the next call; others want them meanwhile.
            DuckDBConnectionManager.close_all_connections()

    def dbt(self, *arguments: str) -> int:
        """Run dbt; returns how many rows its models and seeds wrote."""
        result = self.invoke(*arguments)
        failed = [
            f"{r.node.unique_id}: {r.status}: {r.message}"
            for r in getattr(result.result, "results", [])
            if r.status not in ("success", "pass", "no-op")
        ]
        # As text, of which nothing is left out however many have failed.
        assert result.success, str(result.exception or "\n".join(failed))
        done = getattr(result.result, "results", [])
        return sum(one.adapter_response.get("rows_affected", 0) for one in done)

    def run(self, *arguments: str) -> int:
        """Load seeds and run models, without tests; returns how many rows that wrote."""
        only = ("--resource-type", "seed", "--resource-type", "model")
        # Writing what dbt knows of the project takes longer than a run of a few models.
        return self.dbt("build", *only, "--no-write-json", *arguments)

    def publish(self) -> Path:
        run_results = self.paths.target / "run_results.json"
        result = self.eventmart("publish", "--run-results", run_results)
        assert result.exit_code == 0, result.output
        return self.paths.published / "eventmart.duckdb"

    def published(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            str(self.paths.published / "eventmart.duckdb"), read_only=True
        )

    def unpublished(self) -> duckdb.DuckDBPyConnection:
        """What was built, with the intermediates beside it, known by name alone."""
        connection = duckdb.connect(str(self.paths.build), read_only=True)
        connection.execute(f"attach '{self.paths.intermediate}' (read_only)")
        connection.execute(f"set search_path = '{SEARCH_PATH}'")
        return connection


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def new_project(folder: Path, inbox: Path | None = None) -> Project:
    project = Project(Paths(folder, inbox or folder / "demo"))
    result = project.eventmart("init")
    assert result.exit_code == 0, result.output
    return project


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Demo deliveries, written once and only read from."""
    from demo import generate

    if READY in os.environ:
        return Path(os.environ[READY]) / "inbox"
    folder = tmp_path_factory.mktemp("demo") / "inbox"
    generate(folder, SCALE, 1)
    return folder


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> "Compiled":
    """The project's SQL, compiled by the first process of tests that needs it."""
    from tests.path.compiled import compile_project

    folder = tmp_path_factory.getbasetemp()
    if READY in os.environ:
        folder = Path(os.environ[READY])
    elif "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    file = folder / "compiled.pickle"
    with locked(folder / "compiled.lock", "compiles", patience=600):
        if not file.exists():
            file.write_bytes(pickle.dumps(compile_project(folder / "compiled")))
    return pickle.loads(file.read_bytes())


@pytest.fixture(scope="session")
def manifest(compiled: "Compiled") -> Manifest:
    """What dbt has read of the project, to be compiled among others."""
    return _parsed[0]


@pytest.fixture(scope="session")
def built(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the demo has been landed, built and published. Read only."""
    if READY in os.environ:
        return Project(Paths(Path(os.environ[READY]) / "built", demo))
    project = new_project(tmp_path_factory.mktemp("built"), demo)
    project.land()
    result = project.eventmart("build")
    assert result.exit_code == 0, result.output
    return project


@pytest.fixture(scope="session")
def truth(demo: Path) -> dict:
    return json.loads((demo / "truth.json").read_text())


@pytest.fixture(scope="session")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the real files have been landed and built. Read only."""
    project = new_project(tmp_path_factory.mktemp("real"))
    for feed in ("service_requests", "accidents"):
        project.land(feed, *sorted((real_data / feed).iterdir()))
    # Snapshots say nothing of their date; the day of the run would be another each day.
    (boundaries,) = (real_data / "boundaries").iterdir()
    project.land("neighborhoods", boundaries, "--as-of", "2017-01-01")
    products = real_data / "purchases" / "product_info.csv"
    project.land("products", products, "--as-of", "2018-09-25")
    project.dbt("build", "--exclude-resource-type", "unit_test")
    return project
