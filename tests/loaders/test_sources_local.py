"""Files that are still being written, that come in masses, and standard input."""

import gzip
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.landing import ingest, land
from loaders.landing.database import open_landing
from loaders.landing.ingest import Taken
from loaders.sources import local
from loaders.sources.base import scratch_file
from tests.conftest import ROOT
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]


def csv(*numbers: int) -> str:
    return "a,b,c\n" + "".join(f"{number},,\n" for number in numbers)


def take(things: Lab) -> list[Taken]:
    return [
        ingest.take(things.warehouse, things.feed, offer)
        for offer in ingest.configured(things.feed, things.files)
    ]


@pytest.fixture
def settings(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings of a feed `things`, with its surroundings."""
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    (paths.inbox / "things").mkdir(parents=True)
    feed = make_feed(sources=("things/*.csv", "things/2*.csv"))
    entry = feed.model_dump(mode="json", exclude_none=True, exclude={"name"})
    file = tmp_path / "feeds.yml"
    file.write_text(yaml.safe_dump({"feeds": {"things": entry}}))
    return file


def run(settings: Path, *arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(main, ["--feeds", str(settings), *arguments], **more)


def rows(paths: Paths) -> list[str]:
    with open_landing(paths.landing, read_only=True, patience=10) as connection:
        found = connection.execute("select a from raw.things order by cast(a as int)")
        return [a for (a,) in found.fetchall()]


# ---------------------------------------------------------------- being written


@pytest.mark.fault("delivery.being_written")
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_a_file_that_changes_while_it_is_read_does_not_land(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    things = lab(sources=("*",))
    pack = gzip.compress if name.endswith(".gz") else bytes
    path = things.file(pack(csv(1).encode()), name)
    honest = land.receive

    def receive(*arguments: Any) -> Any:
        drop = honest(*arguments)
        with path.open("ab") as file:
            file.write(pack(b"2,,\n"))
        return drop

    monkeypatch.setattr(land, "receive", receive)
    (taken,) = take(things)
    assert [(e.status, e.reason) for e in taken.entries] == [("failed", "being_written")]
    assert f"{name}: changed while it was read" in str(taken.entries[0].detail)
    assert things.counts() == (0, 0, 0)
    monkeypatch.undo()
    (taken,) = take(things)
    assert (taken.entries[0].status, taken.entries[0].n_new) == ("landed", 2)
    assert take(things) == [Taken([], is_new=False)]


@pytest.mark.fault("delivery.being_written")
def test_a_file_that_is_gone_once_it_is_read_does_not_land(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab(sources=("*",))
    path = things.file(csv(1))
    honest = land.receive

    def receive(*arguments: Any) -> Any:
        drop = honest(*arguments)
        path.unlink()
        return drop

    monkeypatch.setattr(land, "receive", receive)
    (taken,) = take(things)
    assert taken.entries[0].reason == "being_written"
    assert things.counts() == (0, 0, 0)


@pytest.mark.fault("delivery.being_written")
def test_whoever_writes_on_while_we_read_loses_nothing(lab: Labs) -> None:
    """A writer appends line after line, half a line at a time, to the file we poll."""
    things = lab(sources=("*.csv",))
    path = things.file("a,b,c\n")

    def write() -> None:
        with path.open("a", buffering=1) as file:
            for number in range(150):
                file.write(f"{number},one")
                file.flush()
                time.sleep(0.002)
                file.write(",\n")

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        take(things)
    take(things)
    # Half a line may have looked like a whole one, or been held: no whole one is lost.
    landed = [(a, b) for a, b, _ in things.rows()]
    assert {(str(number), "one") for number in range(150)} <= set(landed)
    assert take(things) == [Taken([], is_new=False)]
    things.check_laws()


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_between_landing_and_stamp_is_harmless(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    things = lab(sources=("*.csv",))
    things.file(csv(1))
    honest = ingest.ledger.put_stamp

    def crash(*arguments: Any, **more: Any) -> None:
        if after:
            honest(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("loaders.landing.ledger.put_stamp", crash)
        with pytest.raises(KeyboardInterrupt):
            take(things)
    statuses = [entry.status for taken in take(things) for entry in taken.entries]
    assert statuses == ([] if after else ["seen_again"])
    assert things.rows() == [("1", None, None)]
    assert not list(things.warehouse.paths.data.glob("fetched/*"))


# ---------------------------------------------------------------- many


@pytest.mark.fault("delivery.backfill")
@pytest.mark.parametrize("n_files", [100, pytest.param(2000, marks=pytest.mark.full)])
def test_many_small_files_in_any_order_interrupted_end_the_same(
    lab: Labs,
    monkeypatch: pytest.MonkeyPatch,
    report: Callable[[str, str], None],
    n_files: int,
) -> None:
    things = lab(sources=("*.csv",))
    numbers = list(range(n_files))
    random.Random(1).shuffle(numbers)
    for place, number in enumerate(numbers):
        things.file(csv(number, number + 1), f"{place:04}.csv")
    honest = land.ledger.enter
    calls = 0

    def enter(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % (n_files // 3) == 0:
            raise KeyboardInterrupt
        return honest(*arguments)

    monkeypatch.setattr("loaders.landing.ledger.enter", enter)
    n_interrupted, began = 0, time.monotonic()
    while True:
        try:
            take(things)
            break
        except KeyboardInterrupt:
            n_interrupted += 1
    assert n_interrupted == 3
    assert len(things.ledger()) == n_files
    found = things.rows("cast(a as int)")
    assert found == [(str(n), None, None) for n in range(n_files + 1)]
    if n_files > 1000:
        seconds = time.monotonic() - began
        figure = f"{n_files:,} files in {n_interrupted + 1} runs, {seconds:.0f} seconds"
        report("A backfill of tiny files in any order, interrupted", figure)
    else:
        things.check_laws()


@pytest.mark.fault("hostile.glob")
def test_a_file_of_two_patterns_is_taken_once(settings: Path, paths: Paths) -> None:
    (paths.inbox / "things" / "2.csv").write_text(csv(2))
    (paths.inbox / "things" / "[2].csv").write_text(csv(3))
    assert len(run(settings, "land").output.splitlines()) == 2
    assert rows(paths) == ["2", "3"]


@pytest.mark.parametrize("source", ["*.csv", "."])
def test_files_come_in_the_order_of_their_names(tmp_path: Path, source: str) -> None:
    names = [f"{number}.csv" for number in "5382907146"]
    for name in names:
        (tmp_path / name).write_text(csv(1))
    offers = local.named(str(tmp_path / source), make_feed(sources=("things/*.csv",)))
    assert [offer.uri.rpartition("/")[2] for offer in offers] == sorted(names)


@pytest.mark.fault("hostile.glob")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../x.csv", "x.csv"),
        ("..", "delivery"),
        ("/", "delivery"),
        ("", "delivery"),
        (".hidden", "hidden"),
        ("a b;rm -rf *.csv.gz", "a_b_rm_-rf__.csv.gz"),
        ("x" * 300 + ".zip", "x" * 96 + ".zip"),
        ("a\\..\\b\0.csv", "a_.._b_.csv"),
    ],
)
def test_a_name_from_outside_is_no_path(tmp_path: Path, name: str, expected: str) -> None:
    assert scratch_file(tmp_path, name) == tmp_path / expected


# ---------------------------------------------------------------- standard input


def test_standard_input_lands(settings: Path, paths: Paths) -> None:
    given = ("land", "things", "-", "--as-of", "2024-01-02")
    result = run(settings, *given, input=gzip.compress(csv(1, 2).encode()))
    assert result.output.startswith("landed      things            stdin  as of 2024-01-02")
    assert rows(paths) == ["1", "2"]
    assert run(settings, *given, input=csv(1, 2)).output.startswith("seen_again")
    assert run(settings, *given, input="").output == (
        "empty       things            stdin  no_bytes\n"
    )


def test_standard_input_needs_a_date(settings: Path, paths: Paths) -> None:
    result = run(settings, "land", "things", "-", input=csv(1))
    assert result.exit_code == 2
    assert "standard input has no file name with a date; give --as-of" in result.output
    assert run(settings, "watch", "things", "-").exit_code == 2


def test_standard_input_may_hold_its_date(settings: Path, paths: Paths) -> None:
    document = yaml.safe_load(settings.read_text())
    document["feeds"]["things"]["as_of"] = {"newest": ["b"], "formats": ["%Y-%m-%d"]}
    settings.write_text(yaml.safe_dump(document))
    result = run(settings, "land", "things", "-", input="a,b,c\n1,2024-05-06,\n")
    assert "as of 2024-05-06" in result.output


# ---------------------------------------------------------------- stopping


def start(settings: Path, *arguments: str) -> subprocess.Popen[str]:
    call = [sys.executable, "-m", "loaders", "--feeds", str(settings), *arguments]
    return subprocess.Popen(
        call, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.fault("process.sigterm")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watch_lands_what_comes_and_stops_when_told(
    settings: Path, paths: Paths, number: signal.Signals
) -> None:
    with start(settings, "watch", "things", "--every", "1s") as watch:
        assert watch.stdout
        for day in (1, 2):
            (paths.inbox / "things" / f"{day}.csv").write_text(csv(day))
            assert watch.stdout.readline().endswith("  1 landed; 1 new rows\n")
            # Between the polls, anybody may open what has landed.
            assert rows(paths) == [str(n) for n in range(1, day + 1)]
        watch.send_signal(number)
        assert watch.wait(5) == 0
        assert watch.stderr
        assert watch.stdout.read() == ""
        # All that may have happened: we looked just when it wanted to.
        assert all("is in use by" in line for line in watch.stderr)


@pytest.mark.fault("process.sigterm")
@pytest.mark.parametrize("command", ["watch", "land"])
def test_a_landing_that_is_stopped_leaves_nothing_half(
    settings: Path, paths: Paths, command: str
) -> None:
    # Quoted line breaks take the slow way, so that there is time to stop.
    lines = "".join(f'{n},"x\ny",\n' for n in range(60_000))
    (paths.inbox / "things" / "x.csv").write_text("a,b,c\n" + lines)
    every = ("--every", "1s") if command == "watch" else ()
    with start(settings, command, "things", *every) as process:
        spool = paths.spool / "clean.csv"
        deadline = time.monotonic() + 30
        while not (spool.exists() and spool.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)
    assert code == (0 if command == "watch" else 128 + signal.SIGTERM)
    assert rows(paths) == []
    assert run(settings, "land", "things").output.startswith("landed ")
    assert len(rows(paths)) == 60_000


@pytest.mark.fault("process.sigterm", "delivery.http_retry")
def test_a_watch_stops_while_a_server_keeps_it_waiting(
    settings: Path, paths: Paths
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.csv"
        with start(settings, "watch", "things", url) as watch:
            connection, _ = silent.accept()
            connection.recv(100)
            # Until it waits for the answer.
            time.sleep(0.5)
            watch.terminate()
            assert watch.wait(5) == 0
            connection.close()
    assert rows(paths) == []


@pytest.mark.fault("process.two_loaders")
def test_a_watch_waits_for_the_next_poll_while_another_lands(
    settings: Path, paths: Paths
) -> None:
    (paths.inbox / "things" / "1.csv").write_text(csv(1))
    script = (
        "import duckdb, sys, pathlib\n"
        f"pathlib.Path({str(paths.data)!r}).mkdir(exist_ok=True)\n"
        f"connection = duckdb.connect({str(paths.landing)!r})\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        with start(settings, "watch", "--every", "1s") as watch:
            assert watch.stderr
            assert watch.stdout
            assert "is in use by `python" in watch.stderr.readline()
            holder.stdin.close()
            assert watch.stdout.readline().endswith("  1 landed; 1 new rows\n")
            watch.terminate()
            assert watch.wait(5) == 0
