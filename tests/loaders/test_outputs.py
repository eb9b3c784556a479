"""Commands that write where they are told leave alone what they were not told of."""

import hashlib
import json
import os
import shutil
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import demo
from demo.truth import Delivery, Truth
from loaders.cli.main import main
from loaders.cli.outputs import check_place, new_file
from loaders.config.paths import Paths
from loaders.errors import UsageError
from tests.lab import Run

HEADER = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
BAD = "1,2\n3,4\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two rejects, copied for each test."""
    home = tmp_path_factory.mktemp("outputs") / "home"
    file = home / "inbox" / "purchases" / "x.csv"
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + "1,2,c,2017-12-06 22:06:36-08,20\n" * 20 + BAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENTMART_DATA", str(home / "data"))
        patch.setenv("EVENTMART_INBOX", str(home / "inbox"))
        assert CliRunner().invoke(main, ["land"]).exit_code == 0
    return home


@pytest.fixture
def run(run: Run, base: Path, paths: Paths, tmp_path: Path) -> Run:
    """Run a command beside a data folder with two rejects and a published version."""
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    version = paths.published / "versions" / "000001"
    version.mkdir(parents=True)
    (version / "eventmart.duckdb").write_bytes(b"a version")
    (paths.published / "eventmart.duckdb").hardlink_to(version / "eventmart.duckdb")
    return run


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


OWN = {
    "landing": "data/landing.duckdb",
    "wal": "data/landing.duckdb.wal",
    "published": "data/published/eventmart.duckdb",
    "version": "data/published/versions/000001/eventmart.duckdb",
    "manifest": "data/published/versions/000001/manifest.json",
    "new_version": "data/published/versions/000002",
    "drop": "data/drops/0.gz",
    "lock": "data/build.lock",
    "new": "data/out.csv",
    "climbs": "inbox/../data/landing.duckdb",
    "link": "link_to_landing",
    "link_folder": "link_to_data/out.csv",
    "folder": "data",
}


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize("force", [False, True], ids=["asks", "forces"])
@pytest.mark.parametrize("place", OWN.values(), ids=OWN)
def test_nothing_is_written_into_a_data_folder(
    run: Run, paths: Paths, tmp_path: Path, place: str, force: bool
) -> None:
    (tmp_path / "link_to_landing").symlink_to(paths.landing)
    (tmp_path / "link_to_data").symlink_to(paths.data)
    with pytest.raises(UsageError, match="is in a data folder of eventmart"):
        check_place(paths, Path(place), force=force)


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize(
    "call", [("rejects", "--export"), ("rejects", "--sheet"), ("answers", "--out")]
)
def test_no_command_writes_into_a_data_folder(
    run: Run, paths: Paths, tmp_path: Path, call: tuple[str, str]
) -> None:
    before = hashes(tmp_path)
    for place in ("data/landing.duckdb", "data/published/eventmart.duckdb", "data/new"):
        refused = run(*call, place, "--force", code=2).output
        assert refused.startswith(f"error: {place}: is in a data folder of eventmart")
        assert refused.count("\n") == 1
    assert hashes(tmp_path) == before


@pytest.mark.fault("operator.overwrites")
def test_another_data_folder_is_left_alone_too(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other" / "published" / "versions" / "000001" / "eventmart.duckdb"
    other.parent.mkdir(parents=True)
    other.write_text("a version")
    (tmp_path / "other" / "landing.duckdb").write_text("a landing")
    for place in (other, tmp_path / "other" / "landing.duckdb", tmp_path / "other" / "x"):
        run("rejects", "--export", place, "--force", code=2)
    assert other.read_text() == "a version"


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize("option", ["--export", "--sheet"])
def test_a_file_that_is_there_is_replaced_by_force_alone(
    run: Run, paths: Paths, tmp_path: Path, option: str
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("my work of a week")
    # It shares its bytes with another name: that keeps them.
    (tmp_path / "other name").hardlink_to(mine)
    (tmp_path / "link").symlink_to(mine)
    for place in ("mine.csv", "link"):
        said = run("rejects", option, place, code=2).output
        assert "already exists and was not changed" in said
        assert "--force" in said
    assert mine.read_text() == "my work of a week"
    assert "2 rejected" in run("rejects", option, mine, "--force").output
    assert "3,4" in mine.read_text()
    assert stat.S_IMODE(mine.stat().st_mode) == 0o600
    assert (tmp_path / "other name").read_text() == "my work of a week"
    # What is served may have other names, too.
    link = tmp_path / "served"
    link.hardlink_to(paths.published / "eventmart.duckdb")
    run("rejects", option, link, "--force")
    assert (paths.published / "eventmart.duckdb").read_bytes() == b"a version"
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("folder", "is a folder"),
        ("none/out.csv", "its folder does not exist"),
        ("dangling", "is not a regular file"),
        ("socket", "is not a regular file"),
    ],
)
def test_what_is_no_place_for_a_file_is_said(
    run: Run, tmp_path: Path, place: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")  # As a path is too long for one.
        assert why in run("rejects", "--sheet", place, "--force", code=2).output
    assert not (tmp_path / "nowhere").exists()


def test_a_pipe_is_written_to(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    run("rejects", "--export", "pipe")
    reader.join()
    assert found == [BAD.encode()]
    run("rejects", "--export", os.devnull)
    assert Path(os.devnull).is_char_device()


def test_both_outputs_need_a_file_each(run: Run) -> None:
    said = run("rejects", "--export", "a", "--sheet", "./a", code=2).output
    assert "--export and --sheet need two different files" in said
    run("rejects", "--export", "a", "--sheet", "b")


@pytest.mark.fault("operator.overwrites")
def test_a_file_that_comes_while_another_is_written_stays(
    paths: Paths, tmp_path: Path
) -> None:
    file = tmp_path / "out"

    def write() -> None:
        with new_file(paths, file) as stream:
            stream.write(b"ours")
            file.write_bytes(b"theirs")

    with pytest.raises(UsageError, match="already exists and was not changed"):
        write()
    assert file.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.fault("operator.overwrites")
def test_a_failure_leaves_what_was_there(paths: Paths, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_bytes(b"before")

    def write() -> None:
        with new_file(paths, file, force=True) as stream:
            stream.write(b"half of it")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_name_may_be_as_long_as_a_name_can_be(paths: Paths, tmp_path: Path) -> None:
    with new_file(paths, tmp_path / ("n" * 255)) as stream:
        stream.write(b"x")
    assert (tmp_path / ("n" * 255)).stat().st_mode & 0o044  # By the umask, not hidden.


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize("place", ["data", ".", "data/published", "data/new", "/"])
def test_no_demo_is_written_around_a_data_folder(
    run: Run, tmp_path: Path, place: str
) -> None:
    before = hashes(tmp_path)
    # Of the kind that the demo writes, so that nothing else keeps it from there.
    for folder in (tmp_path, tmp_path / "data"):
        (folder / "truth.json").write_text('{"synthetic": true, "deliveries": []}')
    said = run("demo", "--scale", "0.001", "--out", place, "--force", code=2).output
    assert "is in a data folder of eventmart, or contains one" in said
    assert before.items() <= hashes(tmp_path).items()


@pytest.mark.fault("operator.overwrites")
@pytest.mark.parametrize("inbox", ["data", "."])
def test_no_demo_is_written_into_an_inbox_that_holds_the_data(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inbox: str
) -> None:
    before = hashes(tmp_path)
    monkeypatch.setenv("EVENTMART_INBOX", str(tmp_path / inbox))
    run("demo", "--scale", "0.001", code=2)
    assert hashes(tmp_path) == before


@pytest.mark.fault("operator.overwrites")
def test_a_demo_set_is_replaced_but_not_what_somebody_put_into_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def write_one(draft: Path, scale: float, seed: int, _: object) -> Truth:
        (draft / "purchases").mkdir()
        (draft / "purchases" / "x.csv").write_text(HEADER)
        file = {"file": "purchases/x.csv", "member": None, "as_of": "2018-01-01"}
        counts: dict[str, Any] = {"records": 0, "rejected": [], "blank": 0, "set_aside": []}
        said = {"feed": "purchases", "encoding": "utf-8", "layout": "with_fc_number"}
        return Truth(scale, seed, deliveries=[Delivery(**file, **counts, **said)])

    # What takes seconds; that all it writes is listed is a test of the demo.
    monkeypatch.setattr(demo, "_write", write_one)
    out = tmp_path / "set"
    demo.generate(out)
    demo.generate(out, seed=2)
    assert json.loads((out / "truth.json").read_text())["seed"] == 2
    mine = out / "purchases" / "my own.csv"
    mine.write_text(HEADER)
    with pytest.raises(UsageError, match=r"holds 1 files .*, such as purchases/my own.csv"):
        demo.generate(out)
    (out / "link").symlink_to("nowhere")
    with pytest.raises(UsageError, match="holds 2 files that are not of its demo set"):
        demo.generate(out)
    assert mine.exists()
    demo.generate(out, force=True)
    assert not mine.exists()


def test_the_inbox_may_lie_in_the_data_folder(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "data" / "demo")
    check_place(paths, paths.inbox)
    check_place(paths, paths.inbox / "purchases" / "x.csv")
    with pytest.raises(UsageError):
        check_place(paths, paths.inbox / ".." / "drops")
