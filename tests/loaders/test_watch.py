"""Watching: it survives what goes wrong, and builds what has landed."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from loaders.cli import polling
from loaders.cli.landing import _seconds
from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.errors import BusyError, EventmartError
from loaders.publishing import run_dbt
from loaders.publishing.build import build
from loaders.publishing.lock import locked
from tests.lab import make_feed
from tests.loaders import test_publish
from tests.manifest import write_record

project = test_publish.project


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps; the pauses are noted."""
    pauses: list[float] = []
    monkeypatch.setattr(polling.time, "sleep", pauses.append)  # type: ignore[attr-defined]
    monkeypatch.setattr(polling.time, "monotonic", lambda: 0.0)  # type: ignore[attr-defined]
    return pauses


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def steps(*todo: Callable[[], None]) -> Callable[[], None]:
    left = iter([*todo, stop])
    return lambda: next(left)()


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_a_step_is_taken_at_each_time(clock: list[float]) -> None:
    taken: list[int] = []
    polling.repeat(steps(lambda: taken.append(1), lambda: taken.append(2)), 60)
    assert (taken, clock) == ([1, 2], [60, 60])


def test_failures_are_said_and_slow_it_down(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fail = failing(OSError("no disk"))
    polling.repeat(steps(fail, fail, lambda: None, *[fail] * 6), 60)
    assert clock == [120, 240, 60, 120, 240, 480, 900, 900, 900]
    assert caplog.messages[:2] == ["failed: no disk", "next try in 120 seconds"]


def test_a_busy_warehouse_is_no_failure(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    polling.repeat(steps(failing(BusyError("in use"))), 60)
    assert (clock, caplog.messages) == ([60], ["in use"])


@pytest.mark.fault("delivery.unforeseen")
@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("odd"), RuntimeError(), UnicodeEncodeError("utf-8", "", 0, 1, "")],
)
def test_a_mistake_of_ours_is_not_hidden_and_ends_nothing(
    clock: list[float], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    taken: list[int] = []
    polling.repeat(steps(failing(error), lambda: taken.append(1)), 60)
    assert (taken, clock) == ([1], [120, 60])
    (said,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert said.getMessage() == f"failed: {error!r}"
    # With where it was.
    assert "test_watch.py" in caplog.text


@pytest.mark.fault("process.sigterm")
@pytest.mark.parametrize("error", [RuntimeError("Query interrupted"), OSError("cut off")])
def test_a_signal_stops_it_whatever_it_turns_into(
    clock: list[float], error: Exception
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    cleaned: list[bool] = []

    def step() -> None:
        try:
            stop()
        except KeyboardInterrupt:
            # A second signal does not disturb the way out.
            stop()
            cleaned.append(True)
            raise error from None

    polling.repeat(step, 60)
    assert (clock, cleaned) == ([], [True])
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("7", 7)]
)
def test_times_are_read(text: str, seconds: int) -> None:
    assert _seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "1d", "-5s", "1.5s", "s"])
def test_times_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        _seconds(text)


# ---------------------------------------------------------------- building


@pytest.fixture
def dbt(
    project: Path, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[list[str]]]:
    """A dbt that notes how it was called, and leaves what a build leaves."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    where = f"{paths.data} {project} {project} {paths.target} {paths.logs} "
    variables = "$EVENTMART_DATA $DBT_PROFILES_DIR $PWD $DBT_TARGET_PATH $DBT_LOG_PATH"
    # What runs the worker: it takes one command after another from a socket.
    script = binaries / "python"
    script.write_text(
        "#!/bin/bash\n"
        'while read -r request <&"$3"; do\n'
        """command=$(sed 's/.*"command": .\\(.*\\).}/\\1/; s/[",]//g' <<< "$request")\n"""
        f'echo "{variables} $command" >> {calls}\n'
        f"echo docs > {paths.target}/static_index.html\n"
        f". {tmp_path}/do $command\n"
        f'echo "{{\\"exit_code\\": $(cat {tmp_path}/code)}}"\n'
        "done\n"
    )
    script.chmod(0o755)
    (tmp_path / "code").write_text("0")
    (tmp_path / "do").touch()
    monkeypatch.setattr("sys.executable", str(script))
    monkeypatch.setattr(run_dbt, "PROJECT", project)
    test_publish.build(paths, "built")
    paths.target.mkdir()
    write_record(paths.target / "run_results.json", test_publish.BUILT, seconds=0.0)

    def called() -> list[list[str]]:
        lines = calls.read_text().splitlines()
        calls.write_text("")
        assert all(line.startswith(where) for line in lines)
        return [line.removeprefix(where).split() for line in lines]

    return called


MODELS = ["build", "--resource-type", "seed", "--resource-type", "model"]
WHOLE = [MODELS, ["docs", "generate", "--static", "--no-compile"]]


def test_a_build_is_tested_published_and_documented(
    paths: Paths, dbt: Callable[..., list[list[str]]]
) -> None:
    published = build(paths)
    assert published
    assert (published[0].number, published[1]) == (1, True)
    assert dbt() == WHOLE
    assert (paths.published / "docs.html").read_text() == "docs\n"
    assert test_publish.content(test_publish.served(paths)) == "built"
    # Where nothing is new, dbt need not say so.
    assert build(paths) is None
    assert dbt() == []


def test_a_build_needs_no_folder_that_others_made(
    paths: Paths, dbt: Callable[..., list[list[str]]]
) -> None:
    shutil.rmtree(paths.build.parent)
    with pytest.raises(EventmartError, match="has no record of a test run"):
        build(paths)
    assert dbt() == WHOLE[:1]


def test_a_build_that_fails_publishes_nothing(
    paths: Paths, dbt: Callable[..., list[list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "code").write_text("1")
    with pytest.raises(EventmartError, match="dbt build failed"):
        build(paths)
    assert dbt() == WHOLE[:1]
    assert not paths.published.exists()


def write_feeds(paths: Paths) -> Path:
    """Settings of one feed, whose files lie in the inbox itself."""
    feed = make_feed(sources=("*.csv",))
    entry = feed.model_dump(mode="json", exclude_none=True, exclude={"name"})
    file = paths.data / "feeds.yml"
    file.write_text(yaml.safe_dump({"feeds": {"things": entry}}))
    return file


def watched(paths: Paths, monkeypatch: pytest.MonkeyPatch, *between: Any) -> Result:
    """Run `watch --build`, with something done after each poll, and then a stop."""
    file = write_feeds(paths)
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    step = steps(*between)
    monkeypatch.setattr(polling.time, "sleep", lambda _: step())  # type: ignore[attr-defined]
    return CliRunner().invoke(main, ["--feeds", str(file), "watch", "--build"])


def test_what_a_watch_lands_is_built_once(
    paths: Paths,
    dbt: Callable[..., list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    paths.inbox.mkdir()
    seen: list[list[list[str]]] = []

    def note() -> None:
        seen.append(dbt())

    def drop() -> None:
        note()
        (paths.inbox / "x.csv").write_text("a,b,c\n1,,\n")

    def fail() -> None:
        note()
        (paths.inbox / "y.csv").write_text("nothing\n1\n")
        (tmp_path / "code").write_text("1")

    def mend() -> None:
        note()
        (tmp_path / "code").write_text("0")

    result = watched(paths, monkeypatch, drop, note, fail, note, mend, note, note)
    assert (result.exit_code, result.exception) == (0, None)
    # Polls: nothing yet but the first build; x is new; x is settled and lands; ...
    assert seen == [WHOLE, [], [MODELS], [], [MODELS], [MODELS], []]
    lines = [line.split("  ")[-1].split(" (")[0] for line in result.stdout.splitlines()]
    again = "nothing new, still published: version 1"
    landed, held = "1 landed; 1 new rows", "1 held; 0 new rows"
    assert lines == ["published version 1", landed, again, held, again]
    assert result.stderr.startswith("held        things            y.csv  delivery 2: ")


@pytest.mark.fault("process.two_builds")
def test_a_watch_takes_a_busy_build_for_busy_and_builds_at_the_next_poll(
    paths: Paths,
    dbt: Callable[..., list[list[str]]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    paths.inbox.mkdir()
    lock = locked(paths.build_lock, "builds here", command="a build")
    lock.__enter__()
    result = watched(paths, monkeypatch, lambda: lock.__exit__(None, None, None))
    assert result.exit_code == 0
    (said,) = caplog.messages
    assert said.startswith(f"{paths.data}: `a build` (pid {os.getpid()}")
    assert dbt() == WHOLE
    assert "published version 1" in result.stdout
