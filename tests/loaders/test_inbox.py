"""What lies in the inbox: odd names land, odd files harm no other, nothing is unseen."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from loaders.cli import polling
from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.errors import EventmartError
from loaders.landing import ingest
from loaders.landing.database import open_landing
from tests.lab import make_feed

FEEDS = {
    "things": ("things/*.csv", "things/*.csv.gz"),
    "others": ("others/[a-m]*.csv", "others/deep/*.csv"),
}
GOOD = "a,b,c\n{},,\n"


@pytest.fixture
def settings(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of two feeds, `things` and `others`."""
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    entries = {
        name: make_feed(sources=sources).model_dump(
            mode="json", exclude_none=True, exclude={"name"}
        )
        for name, sources in FEEDS.items()
    }
    file = tmp_path / "feeds.yml"
    file.write_text(yaml.safe_dump({"feeds": entries}))
    return file


@pytest.fixture
def run(settings: Path) -> Callable[..., Result]:
    def invoke(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["--feeds", str(settings), *arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


def drop(paths: Paths, name: str | bytes, text: str = GOOD) -> Path:
    path = paths.inbox / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.format(path.parent.name + str(len(path.name))))
    return path


def uris(paths: Paths) -> list[tuple[str, str]]:
    with open_landing(paths.landing, read_only=True) as landing:
        return landing.execute(
            "select status, uri from raw.deliveries order by delivery_seq"
        ).fetchall()


# ---------------------------------------------------------------- odd names

ODD = [
    b"things/r\xe9sum\xe9.csv",
    b"things/\xff\xfe.csv",
    b"things/cut \xe2\x82.csv",
    b"things/half \xed\xa0\x80.csv",  # half of a pair of surrogates
    b"things/new\nline\r\t\x1b[31m.csv",
    "things/\u202egnp.csv".encode(),
    b"things/" + b"x" * 251 + b".csv",
    b"things/" + b"\xe9" * 251 + b".csv",
    b"things/100%E9 %s {}.csv",
    b"things/back\\xe9slash\\.csv",
]


@pytest.mark.fault("delivery.odd_name")
@pytest.mark.parametrize("name", ODD, ids=lambda name: repr(name)[9:30])
def test_a_file_lands_whatever_its_name_is(
    run: Callable[..., Result], paths: Paths, name: bytes
) -> None:
    drop(paths, name)
    drop(paths, "others/good.csv")
    output = run("land").output
    assert [line.split()[0] for line in output.splitlines()] == ["landed", "landed"]
    assert all(char.isprintable() for char in output.replace("\n", ""))
    assert run("land").output.startswith("unchanged   2 files")
    run("status")


@pytest.mark.fault("delivery.odd_name")
def test_names_that_look_alike_are_two(run: Callable[..., Result], paths: Paths) -> None:
    drop(paths, b"things/\xe9.csv")
    drop(paths, b"things/\xe8 .csv")
    drop(paths, "things/%E9.csv")
    drop(paths, "things/\\xe9.csv")
    run("land")
    found = [uri for _, uri in uris(paths)]
    assert len(set(found)) == 4
    assert f"file://{paths.inbox}/things/%E9.csv" in found
    assert f"{paths.inbox}/things/%E9.csv" in found


@pytest.mark.fault("delivery.odd_name")
def test_what_is_wrong_with_an_odd_name_is_said_and_kept(
    run: Callable[..., Result], paths: Paths
) -> None:
    drop(paths, b"things/\xe9.csv", '"')
    drop(paths, b"things/\xe8.csv.gz", "not a gzip")
    drop(paths, "others/good.csv")
    output = run("land", code=4).output
    assert "archive_broken: \\udce8.csv.gz: its name ends in .gz" in output
    assert sorted(status for status, _ in uris(paths)) == ["failed", "failed", "landed"]
    assert "still failed" in run("land", code=4).output
    assert "%E9.csv" in run("status").output
    gone = os.fsdecode(b"gone \xe9.csv")
    assert "gone \\udce9.csv: no such file" in run("land", "things", gone, code=2).output


# ---------------------------------------------------------------- one of many

UNFORESEEN = [
    ZeroDivisionError("of ours"),
    RuntimeError("a library's"),
    RecursionError("too deep"),
    UnicodeEncodeError("utf-8", "\udce9", 0, 1, "surrogates not allowed"),
    duckdb.InvalidInputException("odd data"),
    duckdb.ConversionException("odd values"),
    OSError(5, "Input/output error"),
    AssertionError(),
]
OF_ALL = [
    MemoryError(),
    EventmartError("of all"),
    duckdb.IOException("the database is gone"),
    duckdb.OutOfMemoryException("no memory"),
    duckdb.FatalException("database has been invalidated"),
    OSError(28, "No space left on device"),
    RuntimeError("TransactionContext Error: No space left on device"),
    KeyboardInterrupt(),
]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Let the landing of files of a name fail."""
    honest = ingest.land_file

    def land_file(*arguments: Any, **more: Any) -> Any:
        if more["uri"].endswith(name):
            raise error
        return honest(*arguments, **more)

    monkeypatch.setattr(ingest, "land_file", land_file)


@pytest.mark.fault("delivery.unforeseen")
@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda error: type(error).__name__)
def test_whatever_one_file_raises_is_its_own_failure(
    run: Callable[..., Result],
    paths: Paths,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    for name in "123":
        drop(paths, f"things/{name}.csv", f"a,b,c\n{name},,\n")
    with monkeypatch.context() as patch:
        failing(patch, "2.csv", error)
        output = run("land", code=4).output
        assert f"unexpected_error: {type(error).__name__}" in output
        assert "still failed" in run("land", code=4).output
    assert sorted(status for status, _ in uris(paths)) == ["failed", "landed", "landed"]
    assert run("land").output.startswith("landed")


@pytest.mark.fault("delivery.unforeseen")
@pytest.mark.parametrize("error", OF_ALL, ids=lambda error: type(error).__name__)
def test_what_concerns_all_stops_all(
    settings: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    drop(paths, "things/1.csv")
    drop(paths, "things/2.csv")
    failing(monkeypatch, "1.csv", error)
    result = CliRunner().invoke(main, ["--feeds", str(settings), "land"])
    assert result.exit_code not in (0, 4)
    assert uris(paths) == []


# ---------------------------------------------------------------- what is not taken


@pytest.mark.fault("delivery.not_taken")
def test_the_case_of_a_name_does_not_matter(
    run: Callable[..., Result], paths: Paths
) -> None:
    names = [
        *("things/A.CSV", "things/b.Csv", "THINGS/c.csv", "others/Deep/D.csv"),
        *("others/Apple.CSV", "others/m.csv"),
    ]
    for name in names:
        drop(paths, name, f"a,b,c\n{name},,\n")
    output = run("land").output
    assert [line.split()[0] for line in output.splitlines()] == ["landed"] * len(names)
    folder = paths.inbox / "things"
    assert "A.CSV" in run("land", "things", str(folder)).output


@pytest.mark.fault("delivery.not_taken")
def test_what_is_not_taken_is_said_by_kind_with_what_to_do(
    run: Callable[..., Result], paths: Paths
) -> None:
    taken = ["things/1.csv", "others/deep/2.csv"]
    for name in (
        *taken,
        *("root.csv", "unknown/x.csv", "unknown/deep/x.CSV", "thing/x.csv"),
        *("things/x.txt", "things/x.xlsx", "things/no_extension", "things/x.csv.bz2"),
        *("others/z.csv", "things/2024/x.csv", "things/x.csv/x.csv"),
        *("things/y.XLS", "z.parquet", "others/deep/z.ods", "unknown/z.json"),
    ):
        drop(paths, name)
    for name in ("things/old.csv", "root.link"):
        (paths.inbox / name).symlink_to(paths.inbox / "gone")
    for _ in range(2):
        lines = [
            line for line in run("land").output.splitlines() if line.startswith("not taken")
        ]
        assert [line.partition(";")[0] for line in lines] == [
            "not taken   2 files: root.link, things/old.csv: a link, or in a linked folder",
            "not taken   2 files: things/2024/x.csv, things/x.csv/x.csv: in a folder that "
            "feed things does not read (things/*.csv, things/*.csv.gz)",
            "not taken   1 file: others/z.csv: its name is not one that feed others "
            "expects (others/[a-m]*.csv, others/deep/*.csv)",
            "not taken   3 files: things/no_extension, things/x.csv.bz2, things/x.txt: its "
            "name is not one that feed things expects (things/*.csv, things/*.csv.gz)",
            "not taken   5 files: others/deep/z.ods, things/x.xlsx, things/y.XLS and 2 "
            "more: its name is not that of a CSV file",
            "not taken   4 files: root.csv, thing/x.csv, unknown/deep/x.CSV and 1 more: "
            "not in the folder of a feed",
        ]
    assert len(uris(paths)) == len(taken)
    of_one = run("land", "others").output.splitlines()
    assert [line.split(": ")[1] for line in of_one if "not taken" in line] == [
        "others/z.csv",
        "others/deep/z.ods",
    ]


@pytest.mark.fault("delivery.not_taken")
def test_an_inbox_of_nothing_but_other_files_says_so(
    run: Callable[..., Result], paths: Paths
) -> None:
    drop(paths, b"new\n\xe9.csv")
    output = run("land", code=2).output
    assert output.startswith("not taken   1 file: new\\n\\udce9.csv: not in the folder")
    assert "has no file of others, things" in output.splitlines()[1]


@pytest.mark.fault("delivery.not_taken", "delivery.being_written")
def test_unfinished_uploads_are_neither_taken_nor_said(
    run: Callable[..., Result], paths: Paths, settings: Path
) -> None:
    names = (
        *(".hidden.csv", "x.csv.part", "x.csv.TMP", "x.csv.crdownload", "x.csv~"),
        *(".git/x.csv", "x.csv.filepart"),
    )
    for name in names:
        drop(paths, f"things/{name}")
    settings.write_text(settings.read_text().replace("things/*.csv.gz", "things/**/*"))
    assert "not taken" not in run("land", "things", code=2).output
    drop(paths, "things/x.csv")
    assert run("land").output.startswith("landed ")
    assert run("land", "things", str(paths.inbox / "things")).output.count("\n") == 1


@pytest.mark.fault("delivery.not_taken")
def test_a_warehouse_in_the_inbox_is_not_looked_into(
    run: Callable[..., Result], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.inbox / "data"))
    drop(paths, "things/x.csv")
    assert "not taken" not in run("land").output


@pytest.mark.fault("delivery.not_taken")
def test_a_folder_that_cannot_be_listed_is_said(
    run: Callable[..., Result], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(paths, "things/x.csv")
    drop(paths, "closed/x.csv")
    honest = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path)

    monkeypatch.setattr("os.scandir", scandir)
    assert "not taken   1 file: closed: cannot be opened" in run("land").output


@pytest.mark.fault("delivery.unforeseen", "process.unwritable")
def test_a_file_in_a_folder_that_may_not_be_entered_is_one_failure(
    run: Callable[..., Result], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(paths, "things/x.csv")
    drop(paths, "others/closed.csv")
    drop(paths, "others/closed.txt")
    honest = Path.stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        if path.stem == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return honest(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    output = run("land", code=4).output
    assert "not taken   1 file: others/closed.txt" in output
    assert "unreadable: " in output
    assert sorted(status for status, _ in uris(paths)) == ["failed", "landed"]


@pytest.mark.fault("delivery.not_taken", "delivery.odd_name", "delivery.unforeseen")
def test_a_watch_survives_all_of_it_and_says_it_once(
    settings: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(paths, b"things/\xe9.csv")
    drop(paths, "things/bad.csv")
    drop(paths, "root.csv")
    failing(monkeypatch, "bad.csv", ZeroDivisionError("odd"))
    polls: list[Callable[[], object]] = [
        lambda: None,
        lambda: None,
        lambda: drop(paths, "things/late.txt"),
        lambda: None,
    ]
    steps = iter(polls)

    def sleep(_: float) -> None:
        try:
            next(steps)()
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(polling.time, "sleep", sleep)  # type: ignore[attr-defined]
    result = CliRunner().invoke(main, ["--feeds", str(settings), "watch"])
    said = [line for line in result.stdout.splitlines() if line.startswith("not taken")]
    assert [line.split(": ")[1] for line in said] == ["root.csv", "things/late.txt"]
    assert result.stdout.count("1 failed, 1 landed; 1 new rows") == 1
    assert result.stderr.count("unexpected_error: ZeroDivisionError") == 1
