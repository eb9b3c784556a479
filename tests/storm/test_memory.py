"""Files, and logs of killed landings, that are larger than the memory allowed."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loaders.landing.database import open_landing
from tests.storm.driver import Storm, check_clean, write_home

Report = Callable[[str, str], None]
HEADING = "Kills, full disks and power"
LIMIT = {"EVENTMART_MEMORY_LIMIT": "256MB"}
CHECKPOINT = "warehouse.open_landing > execute c_call"


def write_purchases(path: Path, n_bytes: int) -> int:
    """A file of rows as long as those of purchases, none twice; returns how many."""
    rng, n = random.Random(path.name), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as target:
        target.write("a,b,c\n")
        while target.tell() < n_bytes:
            for i in range(n, n + 10_000):
                key, card = f"{path.stem} {i}", f"{rng.getrandbits(350):088x}"
                target.write(f"{key},{card},2017-12-06 22:06:{i % 60:02}-08\n")
            n += 10_000
    return n


def n_rows(data: Path) -> int:
    with open_landing(data / "landing.duckdb", read_only=True) as landing:
        found = landing.execute("select count(*), count(distinct a) from raw.things")
        (n, n_distinct), *_ = found.fetchall()
    assert n == n_distinct
    return int(n)


@pytest.mark.fault("process.memory_limit")
def test_the_memory_limit_is_a_setting(storm: Storm, tmp_path: Path) -> None:
    home = write_home(tmp_path, {"things/2024-01-01.csv": b"a\n1\n"})
    for wrong in ("lots", "12", "3 parsecs"):
        refused = storm(home, "land", environment={"EVENTMART_MEMORY_LIMIT": wrong})
        assert refused["code"] == 2
        assert f"error: EVENTMART_MEMORY_LIMIT: '{wrong}' is not a size" in refused["err"]
    assert storm(home, "land", environment={"EVENTMART_MEMORY_LIMIT": "64MB"})["code"] == 0


@pytest.mark.fault("process.memory_limit")
def test_what_is_spilled_stays_in_the_data_folder_and_is_swept(
    storm: Storm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = write_home(tmp_path, {})
    assert storm(home, "init")["code"] == 0
    for name, value in LIMIT.items():
        monkeypatch.setenv(name, value)
    own = home / f"data/landing.duckdb.tmp.{os.getpid()}"
    with open_landing(home / "data/landing.duckdb") as landing:
        settings = landing.execute(
            "select current_setting('temp_directory'), current_setting('memory_limit')"
        ).fetchall()
        assert settings == [(str(own), "244.1 MiB")]
    folder = home / "data/landing.duckdb.tmp.12345"
    folder.mkdir()
    (folder / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"left by a kill")
    (home / "data/spool").mkdir()
    (home / "data/spool/plain").write_bytes(b"left by a kill")
    assert storm(home, "init")["code"] == 0
    assert {path.name for path in (home / "data").iterdir()} == {
        "build",
        "landing.duckdb",
    }


@pytest.mark.full
@pytest.mark.fault("process.memory_limit")
def test_a_file_larger_than_memory_lands(
    storm: Storm, tmp_path: Path, report: Report
) -> None:
    home = write_home(tmp_path, {})
    path = home / "inbox/things/2024-01-01.csv"
    n = write_purchases(path, 300_000_000)
    landed: dict[str, Any] = storm(home, "land", environment=LIMIT)
    assert landed["code"] == 0, landed
    assert n_rows(home / "data") == n
    check_clean(home / "data")
    peak = landed["peak_bytes"]
    assert peak < 900_000_000
    report(
        HEADING,
        f"{path.stat().st_size / 1e6:.0f} MB of CSV ({n:,} rows) under a memory limit of "
        f"256 MB: peak {peak / 1e6:.0f} MB resident, the mapped file included",
    )


@pytest.mark.full
@pytest.mark.fault("process.memory_limit", "process.kill")
def test_a_log_larger_than_memory_is_replayed(
    storm: Storm, tmp_path: Path, report: Report
) -> None:
    home = write_home(tmp_path, {})
    n = sum(
        write_purchases(home / f"inbox/things/2024-01-0{day}.csv", 10_000_000)
        for day in range(1, 9)
    )
    # DuckDB folds its log in at 16 MB: unless it is killed before.
    late = {"settings": {"checkpoint_threshold": "10GB"}}
    assert storm(home, "land", trace=str(home / "trace"), **late)["code"] == 0
    labels = (home / "trace").read_text().splitlines()
    (last,) = [i for i, x in enumerate(labels) if CHECKPOINT in x]
    shutil.rmtree(home / "data")
    assert storm(home, "land", kill={"step": last}, **late)["code"] == -9
    log = (home / "data/landing.duckdb.wal").stat().st_size
    small = {"EVENTMART_MEMORY_LIMIT": "64MB"}
    assert log > 64_000_000
    assert storm(home, "status", environment=small)["code"] == 0
    again = storm(home, "land", environment=small)
    assert again["code"] == 0, again
    assert n_rows(home / "data") == n
    check_clean(home / "data")
    peak = again["peak_bytes"]
    report(
        HEADING,
        f"a killed landing's log of {log / 1e6:.0f} MB, opened under a memory limit of "
        f"64 MB: {n:,} rows there, peak {peak / 1e6:.0f} MB resident",
    )
