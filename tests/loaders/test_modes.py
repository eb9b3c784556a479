"""Who else may read what lies in the data folder: nobody, but for what is published."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.config.permissions import UMASK
from loaders.errors import UsageError
from loaders.landing.database import open_landing
from loaders.publishing import privacy
from loaders.publishing.build import publish_built
from loaders.publishing.privacy import read_settings
from loaders.publishing.serving import rollback
from tests.loaders.test_exports import build, paths, results

__all__ = ["paths", "results"]  # fixtures


@pytest.fixture(params=[0o000, 0o022, 0o027], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """What others than the owner may do, of each path, below a folder, that they reach."""
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in sorted(folder.rglob("*"))
        if path.lstat().st_mode & 0o077 and not path.is_symlink()
    }


def open_paths(paths: Paths) -> set[str]:
    """The names in the data folder that others may look into."""
    return {Path(name).parts[0] for name in modes(paths.data)}


def land(paths: Paths, file: Path) -> None:
    arguments = ["land", "purchases", str(file), "--as-of", "2018-01-02"]
    environment = {"EVENTMART_DATA": str(paths.data), "EVENTMART_INBOX": str(paths.inbox)}
    result = CliRunner().invoke(main, arguments, env=environment)
    assert result.exit_code == 0, result.output


@pytest.fixture
def purchases(tmp_path: Path) -> Path:
    file = tmp_path / "purchases.csv"
    file.write_text(
        "kiosk_id,product_id,card_hash,date_time,fc_number\n"
        "1,2,abc,2018-01-01 10:00:00-08,3\n1,2\n"
    )
    return file


@pytest.mark.fault("hostile.other_users")
def test_what_lands_is_its_owners_alone_whatever_the_umask(
    tmp_path: Path, purchases: Path, umask: int
) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "inbox")
    for command in ("init", "land"):
        if command == "land":
            land(paths, purchases)
        else:
            CliRunner().invoke(main, ["init"], env={"EVENTMART_DATA": str(paths.data)})
        assert open_paths(paths) == set()
    assert any(paths.drops.iterdir())
    # Only while it works: what others write afterwards is as they like.
    assert os.umask(umask) == umask


@pytest.mark.fault("hostile.other_users")
def test_what_stands_beside_the_landing_while_it_is_open_is_its_owners_alone(
    tmp_path: Path, umask: int
) -> None:
    with open_landing(tmp_path / "landing.duckdb") as landing:
        landing.execute("create table numbers as select * from range(1000)")
        landing.execute("insert into numbers from range(1000)")
        names = {path.name for path in tmp_path.iterdir()}
        assert {"landing.duckdb.owner", "landing.duckdb.wal"} <= names
        subprocess.run(["touch", tmp_path / "spooled"], check=True)
        assert modes(tmp_path) == {}
    assert umask == os.umask(umask)


@pytest.mark.fault("hostile.other_users")
def test_what_an_earlier_version_left_open_is_closed_by_the_next_command(
    tmp_path: Path, purchases: Path, umask: int
) -> None:
    del umask
    paths = Paths(tmp_path / "data", tmp_path / "inbox")
    land(paths, purchases)
    for folder in ("build/target", "spool", "as_of/2018-01-01/build", "published", "demo"):
        (paths.data / folder).mkdir(parents=True, exist_ok=True)
        (paths.data / folder / "file").touch()
    (paths.data / "build.lock").touch()
    (paths.drops / "link").symlink_to(purchases)
    for path in (paths.data, *paths.data.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    with open_landing(paths.landing, read_only=True):
        pass
    assert open_paths(paths) == {"published", "demo"}
    # What a link in there points at is not ours.
    assert stat.S_IMODE(purchases.stat().st_mode) & 0o600 == 0o600
    before = modes(tmp_path)
    (paths.data / "build" / "eventmart.duckdb").touch(0o644)
    with open_landing(paths.landing, read_only=True):
        pass
    assert modes(tmp_path) == before


@pytest.mark.fault("hostile.other_users")
@pytest.mark.parametrize(
    ("settings", "folder", "file"),
    [
        ({}, 0o755, 0o644),
        ({"EVENTMART_READERS": "group"}, 0o750, 0o640),
        ({"EVENTMART_READERS": "owner"}, 0o700, 0o600),
        ({"EVENTMART_PERSONAL_COLUMNS": "keep"}, 0o700, 0o600),
        (
            {"EVENTMART_PERSONAL_COLUMNS": "keep", "EVENTMART_READERS": "group"},
            0o750,
            0o640,
        ),
    ],
    ids=["umask", "group", "owner", "personal", "personal_for_group"],
)
def test_what_is_published_is_read_by_whom_the_operator_says(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    folder: int,
    file: int,
) -> None:
    monkeypatch.setattr(privacy, "UMASK", 0o022)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    publish_built(paths, results())
    found = {
        str(path.relative_to(paths.published)): stat.S_IMODE(path.lstat().st_mode)
        for path in (paths.published, *paths.published.rglob("*"))
        if not path.is_symlink() and path.name != ".tested-inputs"
    }
    assert {"eventmart.duckdb", "served.jsonl", "versions/000001/exports"} <= found.keys()
    for name, mode in found.items():
        is_folder = (paths.published / name).is_dir()
        assert (name, oct(mode)) == (name, oct(folder if is_folder else file))


@pytest.mark.fault("hostile.other_users")
def test_a_version_keeps_its_readers(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "UMASK", 0o022)
    monkeypatch.setenv("EVENTMART_PERSONAL_COLUMNS", "keep")
    publish_built(paths, results())
    monkeypatch.delenv("EVENTMART_PERSONAL_COLUMNS")
    build(paths, 2)
    publish_built(paths, results())
    served = paths.published / "eventmart.duckdb"
    assert stat.S_IMODE(served.stat().st_mode) == 0o644
    rollback(paths)
    # Card hashes are in it: that it is served again makes it nobody else's.
    assert stat.S_IMODE(served.stat().st_mode) == 0o600


def test_nobody_else_reads_a_version_before_it_is_stripped(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from loaders.publishing import publish as publishing

    seen: list[int] = []

    def strip(file: Path) -> None:
        seen.append(stat.S_IMODE(file.parent.stat().st_mode))

    monkeypatch.setattr(publishing, "strip", strip)
    publish_built(paths, results())
    assert seen == [0o700]


@pytest.mark.parametrize("text", ["0644", "all", "Owner"])
def test_readers_that_there_are_none_of_are_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("EVENTMART_READERS", text)
    with pytest.raises(UsageError, match="none of owner, group, everyone"):
        read_settings()


def test_a_folder_of_somebody_else_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drops").mkdir(0o755)
    with open_landing(tmp_path / "landing.duckdb"):
        pass
    (tmp_path / "drops").chmod(0o755)

    def refuse(*_: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refuse)
    with open_landing(tmp_path / "landing.duckdb", read_only=True) as landing:
        assert landing.execute("select 1").fetchall() == [(1,)]
    assert os.umask(UMASK) == UMASK
