"""Building: one at a time, with its progress, and what is wrong in one message."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from dbt.adapters.duckdb.credentials import Attachment, DuckDBCredentials

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing import chain
from loaders.landing.database import open_landing
from loaders.publishing.build import build, build_redefined
from loaders.publishing.dbt_plugin import Plugin
from loaders.publishing.progress import Progress
from tests.conftest import ROOT
from tests.loaders import test_publish, test_watch

project = test_publish.project
dbt = test_watch.dbt
# The one that runs: the fixture `dbt` has another in its place.
PYTHON = sys.executable
Calls = Callable[[], list[list[str]]]
Run = Callable[..., Result]


@pytest.fixture
def run(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))

    def invoke(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(
            main, [str(argument) for argument in arguments], prog_name="eventmart"
        )
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@contextmanager
def another(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another process, which has done something and waits."""
    script = f"import sys\n{code}\nprint('done', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [PYTHON, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "done\n"
        yield process
        process.kill()


def builds(paths: Paths) -> str:
    return (
        "from pathlib import Path\n"
        "from loaders.publishing.lock import locked\n"
        f"lock = locked(Path({str(paths.build_lock)!r}), 'builds', command='a build')\n"
        "lock.__enter__()"
    )


def has_open(file: Path) -> str:
    return f"import duckdb\nconnection = duckdb.connect({str(file)!r})"


# ---------------------------------------------------------------- one at a time


@pytest.mark.fault("process.two_builds")
@pytest.mark.parametrize("command", [["build"], ["publish"]])
def test_who_comes_while_another_builds_is_told_in_one_line(
    run: Run, paths: Paths, command: list[str], project: Path
) -> None:
    with another(builds(paths)) as process:
        said = run(*command, code=5).output
        assert said.startswith(f"error: {paths.data}: `a build` (pid {process.pid}, ")
        assert said.endswith(
            "try again when it has finished, or wait for it with --wait SECONDS\n"
        )
        assert said.count("\n") == 1
        started = time.monotonic()
        run(*command, "--wait", "0.3", code=5)
        assert time.monotonic() - started >= 0.3


@pytest.mark.fault("process.two_builds", "process.two_loaders")
@pytest.mark.parametrize("command", [["build"], ["as-of", "2016-01-01"]])
def test_a_build_while_something_lands_is_told_in_one_line(
    run: Run, paths: Paths, command: list[str], project: Path
) -> None:
    with another(has_open(paths.landing)) as process:
        said = run(*command, code=5).output
        assert f"{paths.landing} is in use by `python" in said
        assert f"(pid {process.pid})" in said
        assert said.count("\n") == 1
        started = time.monotonic()
        run(*command, "--wait", "1", code=5)
        assert time.monotonic() - started >= 1


@pytest.mark.fault("process.two_builds")
@pytest.mark.parametrize("command", [["build"], ["publish"]])
def test_a_build_file_that_somebody_has_open_is_told_in_one_line(
    run: Run, paths: Paths, dbt: Calls, command: list[str]
) -> None:
    run("build")
    with another(has_open(paths.build)) as process:
        said = run(*command, code=5).output
        assert f"{paths.build} is in use by `python" in said
        assert f"(pid {process.pid})" in said
        assert said.count("\n") == 1


@pytest.mark.fault("process.two_builds", "process.stale_lock")
def test_a_build_waits_for_another_and_a_killed_one_holds_nothing(
    paths: Paths, dbt: Calls
) -> None:
    with another(builds(paths)) as process:
        with pytest.raises(BusyError, match="`a build`"):
            build(paths)
        process.kill()
        process.wait()
        assert "a build" in paths.build_lock.read_text()
        assert build(paths, patience=5)
    assert paths.build_lock.read_text() == ""


@pytest.mark.fault("process.two_builds")
def test_nothing_lands_while_dbt_works(paths: Paths, dbt: Calls, tmp_path: Path) -> None:
    feeds = test_watch.write_feeds(paths)
    lands = f"{PYTHON} -m loaders --feeds {feeds} land things {tmp_path}/do"
    tries = f"cd {ROOT}\n{lands} 2> {tmp_path}/refusal || echo $? >> {tmp_path}/refusal\n"
    (tmp_path / "do").write_text(tries)
    build(paths)
    said, code = (tmp_path / "refusal").read_text().splitlines()[:2]
    assert f"landing.duckdb is in use by `eventmart build` (pid {os.getpid()}" in said
    assert code == "5"


@pytest.mark.fault("process.two_builds", "publishing.killed")
def test_dbt_ends_with_a_build_that_is_killed(
    paths: Paths, dbt: Calls, tmp_path: Path, project: Path
) -> None:
    (tmp_path / "do").write_text(f"echo $$ > {tmp_path}/pid\nexec sleep 60\n")
    pid = os.fork()
    if pid == 0:
        build(paths)
        os._exit(0)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    of_dbt = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and Path(f"/proc/{of_dbt}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{of_dbt}").exists()
    (tmp_path / "do").write_text("")
    assert build(paths)


def test_a_database_that_dbt_finds_locked_is_busy(
    run: Run, dbt: Calls, tmp_path: Path
) -> None:
    lock = "IO Error: Could not set lock on file 'x': Conflicting lock is held"
    say(tmp_path, event("MainEncounteredError", "error", f"Encountered an error:\n{lock}"))
    fail(tmp_path, 2)
    said = run("build", code=5).stderr.splitlines()
    assert said[-1] == f"error: the database is in use: {lock}; try again later"


NO_SPACE = os.strerror(errno.ENOSPC)
# As dbt says it, in events and beside them.
FULL = {
    "model": ("LogModelResult", f"IO Error: Could not write all bytes: {NO_SPACE}"),
    "database": ("RunResultError", f"  Runtime Error\n  Failed to write: {NO_SPACE}\n"),
    "manifest": ("MainEncounteredError", f"Encountered:\n[Errno 28] {NO_SPACE}: 'x.json'"),
    "log": (None, f"--- Logging error ---\nOSError: [Errno 28] {NO_SPACE}\nCall stack:"),
    "quota": ("RunResultError", f"IO Error: {os.strerror(errno.EDQUOT)}"),
    "spill": (
        "RunResultError",
        "Out of Memory Error: failed to offload data block of size 256.0 KiB\n"
        "This limit was set by the 'max_temp_directory_size' setting.",
    ),
}


def full_in(tmp_path: Path, command: str, how: str) -> None:
    """Have dbt find a full disk when it is to do this."""
    name, text = FULL[how]
    said = event(name, "error", text) if name else text
    # A result is said once by itself, and again at the end.
    if how == "model":
        said += "\n" + event("RunResultError", "error", text)
    (tmp_path / "lines").write_text(f"{said}\n" * 100)
    (tmp_path / "do").write_text(
        f'case " $* " in *" {command} "*) cat {tmp_path}/lines; exit 1 ;; esac\n'
    )


@pytest.mark.fault("process.disk_full")
@pytest.mark.parametrize("how", FULL)
@pytest.mark.parametrize("command", ["build", "docs"])
def test_a_disk_that_is_full_in_dbt_is_named_once_and_made_up_for(
    run: Run, paths: Paths, dbt: Calls, tmp_path: Path, how: str, command: str
) -> None:
    full_in(tmp_path, command, how)
    said = run("build", code=1).stderr.splitlines()
    errors = [line for line in said if not re.match(r"[a-z ]+: .*\d s$", line)]
    assert len(errors) == 1
    where = rf"\[Errno 28\] {NO_SPACE}: 'dbt {command}'"
    full = rf"error: {paths.data}: the disk is full \({where}\); what has landed "
    assert re.match(full, errors[0])
    assert errors[0].endswith("published are whole; free some space and run it again")
    assert paths.docs.exists() is False
    assert (paths.published / "eventmart.duckdb").exists() == (command == "docs")
    (tmp_path / "do").write_text("")
    run("build")
    assert paths.docs.read_text() == "docs\n"
    assert test_publish.content(test_publish.served(paths)) == "built"


@pytest.mark.fault("process.disk_full")
def test_a_build_of_a_day_that_fills_the_disk_takes_no_room(
    run: Run, paths: Paths, dbt: Calls, tmp_path: Path
) -> None:
    full_in(tmp_path, "build", "database")
    day = paths.data / "as_of" / "2016-01-01"
    with (tmp_path / "do").open("r+") as script:
        rest = script.read()
        script.seek(0)
        script.write(f"mkdir -p {day}/build && echo much > {day}/build/x\n{rest}")
    assert "the disk is full" in run("as-of", "2016-01-01", code=1).stderr
    assert not day.exists()


@pytest.mark.fault("process.disk_full")
def test_a_lock_is_taken_where_its_owner_cannot_be_noted(
    paths: Paths, dbt: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, NO_SPACE)

    monkeypatch.setattr(os, "pwrite", full)
    assert build(paths)


@pytest.mark.fault("publishing.killed")
def test_docs_that_a_stopped_build_left_out_come_with_the_next(
    paths: Paths, dbt: Calls, tmp_path: Path
) -> None:
    assert build(paths)
    paths.docs.write_text("of the version before")
    assert build(paths) is None
    assert dbt()[-1:] == test_watch.WHOLE[1:]
    assert paths.docs.read_text() == "docs\n"
    assert build(paths) is None
    assert dbt() == []


def test_before_anything_has_landed_a_build_says_so(run: Run, paths: Paths) -> None:
    commands = (["build"], ["as-of", "2016-01-01"], ["status"], ["rejects"])
    for command in commands:
        assert "nothing has landed yet; run: " in run(*command, code=2).output
    assert not paths.data.exists()
    # Nor where the making of landing was cut short.
    with open_landing(paths.landing):
        pass
    for command in commands:
        assert "nothing has landed yet; run: " in run(*command, code=2).output


@pytest.mark.fault("restored.landing")
def test_a_build_says_that_what_is_published_is_of_another_landing(
    paths: Paths, dbt: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    assert build(paths)
    assert not caplog.messages
    test_publish.make_landing_anew(paths)
    test_publish.build(paths, "built anew")
    assert build(paths)
    said = "version 1, which is published, was made from another landing.duckdb than this"
    assert said in caplog.text
    assert "1 of its deliveries are missing here: 7 (things things.csv)" in caplog.text
    assert "everything is built again from this landing" in caplog.text
    assert build(paths) is None


@pytest.mark.fault("restored.changed_by_hand")
def test_nothing_is_built_from_a_ledger_that_was_changed_by_hand(
    paths: Paths, dbt: Calls
) -> None:
    test_publish.change_ledger(paths)
    with pytest.raises(EventmartError, match=r"delivery 1 is not in raw\.deliveries as"):
        build(paths)
    assert dbt() == []


def test_a_landing_of_a_version_without_chains_is_chained_first(
    paths: Paths, dbt: Calls
) -> None:
    assert build(paths)
    with open_landing(paths.landing) as landing:
        landing.execute("drop table raw.ledger_chain")
    assert build_redefined(paths) is None
    with pytest.raises(EventmartError, match="was built from another landing"):
        build(paths)
    with open_landing(paths.landing, read_only=True) as landing:
        assert chain.is_whole(landing)


# ---------------------------------------------------------------- what dbt says


def event(name: str, level: str, message: str, **data: Any) -> str:
    info = {"name": name, "level": level, "msg": message}
    return json.dumps({"info": info, "data": data})


def done(index: int, kind: str, name: str, seconds: float, level: str = "info") -> str:
    total = "num_models" if kind == "test" else "total"
    return event(
        f"Log{kind.title()}Result",
        level,
        f"{index} of 3 {kind}",
        index=index,
        execution_time=seconds,
        node_info={"resource_type": kind, "node_name": name},
        **{total: 3},
    )


def say(tmp_path: Path, *lines: str) -> None:
    """Have dbt say something, whatever it is asked."""
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    (tmp_path / "do").write_text(f"cat {tmp_path}/lines\n")


def fail(tmp_path: Path, code: int) -> None:
    (tmp_path / "code").write_text(str(code))


WORK = [
    event("LogStartLine", "info", "1 of 3 START seed", index=1, total=3),
    done(1, "seed", "aliases", 0.5),
    event("LogHookEndLine", "info", "hook", index=1, total=6, execution_time=1),
    done(2, "model", "fct_things", 2.25),
    done(3, "test", "unique_things", 0.75),
    event("PrintEvent", "info", "rows written: 7"),
]


def test_without_a_terminal_each_part_is_a_line_without_control_characters(
    run: Run, dbt: Calls, tmp_path: Path
) -> None:
    say(tmp_path, *WORK)
    result = run("build")
    lines = result.stderr.splitlines()
    parts = ["dbt build: 3 of 3 done, 0 s", "publishing: 0 s", "docs: 3 of 3 done, 0 s"]
    assert [re.sub(r"\d+ s", "0 s", line) for line in lines[:3]] == parts
    assert "landing 0.0, dbt build " in lines[3]
    assert lines[3].endswith("in dbt, two at a time: seeds 0.5, models 2.2, tests 0.8")
    assert lines[4:] == ["slowest: fct_things 2.2, unique_things 0.8, aliases 0.5"]
    assert result.stdout.startswith("rows written: 7\n")
    assert all(line.isprintable() for line in result.output.splitlines())


def test_a_terminal_shows_how_far_it_is(
    paths: Paths,
    dbt: Calls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    say(tmp_path, *WORK[:4], done(3, "test", "unique_things", 0.75, "error"))
    build(paths, Progress())
    said = capsys.readouterr().err
    states = [re.sub(r"\d+ s", "0 s", text.rstrip(" ")) for text in said.split("\r")]
    assert states.index("dbt build: 0 s") < states.index("dbt build: 1 of 3 done, 0 s")
    assert "dbt build: 3 of 3 done, 1 failed, 0 s\n" in states
    assert states[-1].startswith("docs: 3 of 3 done, 1 failed, ")


def test_a_failing_dbt_says_what_failed_and_no_stack(
    run: Run, paths: Paths, dbt: Calls, tmp_path: Path
) -> None:
    say(
        tmp_path,
        done(1, "test", "unique_things", 0.1, "error"),
        event("RunResultFailure", "error", "Failure in test unique_things"),
        event("RunResultError", "error", "  Got 3 results\x1b[31m"),
        event("MainStackTrace", "error", "Traceback (most recent call last)"),
        "a line that is no event",
    )
    fail(tmp_path, 1)
    said = [
        re.sub(r"\d+ s$", "0 s", line) for line in run("build", code=1).stderr.splitlines()
    ]
    assert said == [
        "Failure in test unique_things",
        "  Got 3 results\\x1b[31m",
        "a line that is no event",
        "dbt build: 1 of 3 done, 1 failed, 0 s",
        f"error: dbt build failed; its output is above and in {paths.logs / 'dbt.log'}",
    ]
    assert not paths.published.exists()


def test_a_dbt_that_is_killed_is_said_to_be(
    paths: Paths, dbt: Calls, tmp_path: Path
) -> None:
    (tmp_path / "do").write_text("kill -9 $$\n")
    with pytest.raises(EventmartError, match="dbt build was killed by signal 9"):
        build(paths)


def test_a_dbt_that_is_not_there_is_said(paths: Paths, dbt: Calls, tmp_path: Path) -> None:
    (tmp_path / "bin" / "python").unlink()
    with pytest.raises(UsageError, match="bin/python: does not exist; install the project"):
        build(paths)


@pytest.mark.fault("publishing.touched")
def test_what_something_else_wrote_to_is_built_anew(
    paths: Paths, dbt: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    build(paths)
    dbt()
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute("insert into marts.fct_things from marts.fct_things")
    # This dbt does not build, so nothing is proven by it.
    with pytest.raises(EventmartError, match="was changed after the last dbt run"):
        build(paths)
    assert dbt() == [[*test_watch.WHOLE[0], "--full-refresh"]]
    assert "another program than dbt: everything is built from scratch" in caplog.text


def test_dbt_finds_an_empty_landing_where_there_is_none(tmp_path: Path) -> None:
    landing = tmp_path / "new" / "landing.duckdb"
    attached = [
        Attachment(path=str(landing), alias="landing", read_only=True),
        Attachment(path=str(tmp_path / "apart" / "x.duckdb"), alias="intermediate"),
    ]
    build = tmp_path / "build" / "eventmart.duckdb"
    credentials = DuckDBCredentials(
        database="eventmart", schema="main", path=str(build), attach=attached
    )
    plugin = Plugin("plugin", {}, credentials)
    for _ in range(2):
        plugin.update_connection_config(credentials, {})
        # As a version without chains leaves it.
        with open_landing(landing) as earlier:
            earlier.execute("drop table raw.ledger_chain")
    plugin.update_connection_config(credentials, {})
    assert build.parent.is_dir()
    with duckdb.connect(str(build)) as connection:
        plugin.configure_connection(connection)
        for attachment in attached:
            connection.execute(attachment.to_sql())
        query = "select count(*) - 1 from landing.raw.ledger_chain"
        assert connection.execute(query).fetchall() == [(0,)]
        query = "select count(*) from landing.raw.purchases"
        assert connection.execute(query).fetchall() == [(0,)]
        connection.execute("create table one as select 1 as one; checkpoint")
        query = f"select n_checkpoints('{build}'), n_checkpoints('/no/file')"
        assert connection.execute(query).fetchall() == [(1, None)]


def test_two_data_folders_share_nothing_that_dbt_keeps(tmp_path: Path) -> None:
    one, two = (Paths(tmp_path / name, tmp_path / "inbox") for name in ("one", "two"))
    for path in (one.target, one.logs, one.build, one.build_lock):
        assert path.is_relative_to(one.data)
    assert one.target != two.target
