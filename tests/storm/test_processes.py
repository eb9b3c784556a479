"""Several processes, signals, clocks and folders that are not as they should be."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from loaders.landing.database import Owner, open_landing
from tests.storm.driver import (
    ROOT,
    Storm,
    check_clean,
    csv_of,
    state,
    unshare,
    write_home,
)

pytestmark = pytest.mark.long

FILES = {
    "things/2024-01-01.csv": csv_of("1,x,y", "2,x,y"),
    "views/2024-01-10.csv": csv_of("1,2024-01-09,a", "2,2024-01-08,a"),
}


def environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "EVENTMART_DATA": str(home / "data"),
        "EVENTMART_INBOX": str(home / "inbox"),
    }


@contextmanager
def stopped(home: Path, moment: str) -> Iterator[subprocess.Popen[str]]:
    """A real `eventmart land` that stands still at a moment of its landing."""
    script = (
        "import sys\n"
        "from loaders.landing import land\n"
        "from loaders.cli.main import main\n"
        f"real = land.{moment}\n"
        "def wait(*args):\n"
        "    print('here', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    return real(*args)\n"
        f"land.{moment} = wait\n"
        f"main(['--feeds', {str(home / 'feeds.yml')!r}, 'land'], prog_name='eventmart')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment(home),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_home(tmp_path / "home", FILES)


# ---------------------------------------------------------------- one writer


@pytest.mark.fault("process.two_loaders", "process.reader_during_landing")
def test_a_second_loader_says_who_holds_the_warehouse_or_waits(
    storm: Storm, home: Path
) -> None:
    with stopped(home, "parse") as first:
        busy = storm(home, "land")
        assert busy["code"] == 5
        said = busy["err"]
        assert f"error: {home}/data/landing.duckdb is in use by `eventmart land` " in said
        assert f"(pid {first.pid}, " in said
        assert time.strftime("since %Y-%m-%d %H:", time.gmtime()) in said
        assert "wait for it with --wait SECONDS" in said
        assert "Traceback" not in said
        reader = storm(home, "status")
        assert reader["code"] == 5
        assert "`eventmart land`" in reader["err"]
        assert 5 <= reader["seconds"] < 10

        waiting = subprocess.Popen(
            [
                *(sys.executable, "-m", "loaders", "--feeds", home / "feeds.yml"),
                *("land", "--wait", "60"),
            ],
            env=environment(home),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(1)
        assert waiting.poll() is None
        assert first.stdin
        first.stdin.write("\n\n")
        first.stdin.close()
        assert first.wait(timeout=60) == 0
        out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert out == "unchanged   2 files that were already processed\n"
    check_clean(home / "data")


@pytest.mark.fault("process.two_loaders")
@pytest.mark.parametrize("command", ["init", "land", "accept"])
def test_every_command_that_writes_waits_no_longer_than_told(
    storm: Storm, home: Path, command: str
) -> None:
    storm(home, "init")
    words = ["7", "--by", "me", "--why", "so"] if command == "accept" else []
    with duckdb.connect(str(home / "data/landing.duckdb")):
        result = storm(home, command, *words, "--wait", "0.5")
    assert result["code"] == 5
    assert 0.5 <= result["seconds"] < 3


@pytest.mark.fault("process.stale_lock")
def test_the_lock_of_a_killed_landing_is_taken_over(storm: Storm, home: Path) -> None:
    with stopped(home, "parse") as first:
        first.kill()
        first.wait()
        assert (home / "data/landing.duckdb.owner").exists()
        # Another that holds it is not taken for the one that died.
        with duckdb.connect(str(home / "data/landing.duckdb")):
            busy = storm(home, "land")
        assert busy["code"] == 5
        assert f"(pid {os.getpid()})" in busy["err"]
        assert "eventmart land" not in busy["err"]
    (home / "data/landing.duckdb.owner").write_text("{ half wri")
    with duckdb.connect(str(home / "data/landing.duckdb")):
        assert f"(pid {os.getpid()})" in storm(home, "land")["err"]
    assert storm(home, "land")["code"] == 0
    check_clean(home / "data")


def test_a_user_without_a_name_can_land(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert f"(pid {os.getpid()}, user 12345 on " in str(Owner.this("eventmart land"))


@pytest.mark.fault("process.two_loaders")
def test_a_landing_during_a_build_says_who_reads(storm: Storm, home: Path) -> None:
    storm(home, "init")
    # As dbt does: another database, landing attached for reading.
    script = (
        "import duckdb, sys\n"
        f"duckdb.execute(\"attach '{home}/data/landing.duckdb' as landing (read_only)\")\n"
        "print('held', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    program = home / "dbt"
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    with subprocess.Popen(
        [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as build:
        assert build.stdout
        assert build.stdout.readline() == "held\n"
        busy = storm(home, "land")
        assert busy["code"] == 5
        assert f"is in use by `dbt` (pid {build.pid})" in busy["err"]
        assert storm(home, "status")["code"] == 0
        build.communicate("\n")
    assert storm(home, "land")["code"] == 0


@pytest.mark.full
@pytest.mark.fault("process.two_loaders", "process.reader_during_landing")
def test_landings_during_a_build_wait_or_say_busy(
    tmp_path: Path, report: Callable[[str, str], None]
) -> None:
    words = {"EVENTMART_DATA": str(tmp_path / "data")}
    build = ["make", "build", "SCALE=0.002"]
    surroundings = {k: v for k, v in os.environ.items() if k != "EVENTMART_INBOX"} | words
    land = [sys.executable, "-m", "loaders", "land", "purchases"]
    header = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
    codes: Counter[int] = Counter()
    with subprocess.Popen(
        build, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as building:
        assert building.stdout
        while building.poll() is None:
            n = codes.total()
            file = tmp_path / f"extra {n}.csv"
            file.write_text(f"{header}1,2,card {n},2017-12-06 22:06:36-08,20\n")
            landed = subprocess.run(
                [*land, file], cwd=ROOT, env=surroundings, capture_output=True, text=True
            )
            codes[landed.returncode] += 1
            if landed.returncode == 5:
                assert "is in use by `" in landed.stderr
            time.sleep(0.3)
        told = building.stdout.read().decode()
    # It has what it needs, or says that it has not and leaves what is published alone.
    if building.returncode:
        assert "lock" in told or "in use by" in told, told
        assert not list((tmp_path / "data/published").glob("*"))
    assert set(codes) == {0, 5}, codes
    subprocess.run(build, cwd=ROOT, env=surroundings, check=True, capture_output=True)
    with open_landing(tmp_path / "data/landing.duckdb", read_only=True) as landing:
        (n,) = landing.execute(
            "select count(*) from raw.deliveries where uri like ? and status = 'landed'",
            [f"{tmp_path}/extra %"],
        ).fetchall()[0]
    assert n == codes[0]
    report(
        "Kills, full disks and power",
        f"{codes.total()} landings during `make build`: {codes[0]} landed, {codes[5]} said "
        f"busy and named the build; the build ended with {building.returncode}, the next "
        "one with 0",
    )


# ---------------------------------------------------------------- interrupted


@pytest.mark.fault("process.sigterm")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["parse", "ledger.enter"])
def test_an_interrupted_landing_leaves_nothing_and_says_so(
    storm: Storm, home: Path, number: signal.Signals, moment: str
) -> None:
    with stopped(home, moment) as first:
        first.send_signal(number)
        _, err = first.communicate(timeout=30)
        assert first.returncode == 128 + number
    assert err == "interrupted: finished work is kept, unfinished work was rolled back\n"
    check_clean(home / "data")
    with open_landing(home / "data/landing.duckdb", read_only=True) as landing:
        assert landing.execute("select * from raw.deliveries").fetchall() == []
    assert storm(home, "land")["code"] == 0
    assert set(state(home / "data")["things"].values()) == {1}


@pytest.mark.fault("process.sigterm")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_stops_a_statement_within_seconds(
    storm: Storm, home: Path, number: signal.Signals
) -> None:
    rows = (f"{n},x{n % 977},{n * n}" for n in range(40_000))
    (home / "inbox/things/2024-01-02.csv").write_bytes(csv_of(*rows))
    undisturbed = storm(home, "land", trace=str(home / "trace"))
    labels = (home / "trace").read_text().splitlines()
    loads = [
        n
        for n, label in enumerate(labels)
        if "parsed_delivery._load > execute c_call" in label
    ]
    final = state(home / "data")
    subprocess.run(["rm", "-r", home / "data"], check=True)
    # Of the second file of things: the big one.
    late = {"step": loads[1], "after": 0.005, "signal": number}
    stopped = storm(home, "land", kill=late)
    assert stopped["code"] == 128 + number
    assert "interrupted" in stopped["err"]
    assert "Traceback" not in stopped["err"]
    assert stopped["seconds"] < undisturbed["seconds"] + 2
    # What had landed before it may still stand in DuckDB's log.
    left = {path.name for path in (home / "data").iterdir()}
    assert left <= {"landing.duckdb", "landing.duckdb.wal", "drops"}
    assert storm(home, "land")["code"] == 0
    check_clean(home / "data")
    assert state(home / "data") == final


# ---------------------------------------------------------------- clocks


@pytest.mark.fault("process.clock")
def test_a_clock_that_goes_back_changes_no_order(storm: Storm, home: Path) -> None:
    day = 86_400
    for n, shift in enumerate([0, -400 * day, 400, -day]):
        files = {f"lists/{n}.csv": csv_of("always,,", f"{n},,")}
        assert storm(write_home(home, files), "land", clock=shift)["code"] == 0
    with open_landing(home / "data/landing.duckdb", read_only=True) as landing:
        times = landing.execute(
            "select finished_at, started_at from raw.deliveries order by delivery_seq"
        ).fetchall()
        finished = [time for time, _ in times]
        assert finished == sorted(finished)
        assert all(started <= end for end, started in times)
        # The newest list is the one that came last, whatever the clock said then.
        newest = landing.execute(
            "select uri from raw.deliveries where feed = 'lists' "
            "order by as_of desc, delivery_seq desc"
        ).fetchall()
        assert [Path(uri).stem for (uri,) in newest] == ["3", "2", "1", "0"]


# ---------------------------------------------------------------- folders


@pytest.mark.fault("process.unwritable")
def test_a_data_folder_may_have_any_name(storm: Storm, tmp_path: Path) -> None:
    plain = write_home(tmp_path / "plain", FILES)
    odd = write_home(tmp_path / "two words, naïve 'quoted' %s {x} ünï\u202e\n", FILES)
    for home in (plain, odd):
        assert storm(home, "land")["code"] == 0
        assert storm(home, "status")["code"] == 0
        check_clean(home / "data")
    one, other = state(plain / "data"), state(odd / "data")
    assert one["things"] == other["things"]
    assert one["views"] == other["views"]


@pytest.mark.fault("process.unwritable")
def test_a_read_only_disk_is_said_with_its_path(home: Path, tmp_path: Path) -> None:
    if subprocess.run([*unshare(), "true"], check=False).returncode:
        pytest.skip("no mount namespace is permitted here")
    data = home / "data"
    data.mkdir()
    mount = f'mount -t tmpfs -o ro tmpfs {data} && exec "$@"'
    storm = Storm(*unshare(), "sh", "-c", mount, "sh")
    try:
        for command in ("land", "init"):
            refused = storm(home, command)
            assert refused["code"] == 1
            assert str(data) in refused["err"]
            assert "Read-only file system" in refused["err"]
            assert "Traceback" not in refused["err"]
    finally:
        storm.close()


@pytest.mark.fault("process.unwritable")
def test_no_permission_is_said_with_its_path(storm: Storm, home: Path) -> None:
    (home / "data").mkdir()
    (home / "data/drops").write_text("a file where a folder should be")
    refused = storm(home, "land")
    assert refused["code"] == 1
    assert f"{home}/data/drops" in refused["err"]
    (home / "data/drops").unlink()
    assert storm(home, "land")["code"] == 0
