"""What the loader's tests share: an empty warehouse, a lab in it, and the commands."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from loaders.cli.main import main
from loaders.config.feeds import Feed
from loaders.config.paths import Paths
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.schema import create_tables
from tests.lab import Lab, Run, make_feed


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "data", tmp_path / "inbox")


@pytest.fixture(scope="session")
def empty_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A landing database without feeds, of which each test gets a copy."""
    path = tmp_path_factory.mktemp("empty") / "landing.duckdb"
    with open_landing(path) as landing:
        create_tables(landing, {})
    return path


@pytest.fixture
def warehouse(paths: Paths, empty_landing: Path) -> Iterator[Warehouse]:
    paths.data.mkdir(parents=True)
    shutil.copyfile(empty_landing, paths.landing)
    with open_landing(paths.landing) as landing:
        # Small work is done sooner by one.
        landing.execute("set threads = 1")
        yield Warehouse(landing, paths)


@pytest.fixture
def lab(warehouse: Warehouse, tmp_path: Path) -> Callable[..., Lab]:
    """Make a lab for a feed of these settings: see `make_feed`."""

    def make(feed: Feed | None = None, **settings: Any) -> Lab:
        return Lab(warehouse, feed or make_feed(**settings), tmp_path / "files")

    return make


@pytest.fixture
def run(paths: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command; its output is what a person sees, both streams."""
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke
