"""What the benchmarks compare with is the same thing, and is there as a whole."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.projects import ROOT, Project

pytestmark = pytest.mark.xdist_group("built")

KEYS = ("Case Summary", "Case Created dttm", "Case Source", "Agency")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of benchmarks/ by its name."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    before = set(sys.modules)
    yield import_module
    for name in set(sys.modules) - before:
        if str(ROOT / "benchmarks") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_the_script_by_hand_makes_what_dbt_builds(
    module: Any, built: Project, tmp_path: Path
) -> None:
    build, target = module("build"), tmp_path / "by_hand.duckdb"
    taken = build.build_by_hand(built.paths.data, target)
    assert taken.seconds > 0
    assert taken.n_bytes == target.stat().st_size
    assert build.differing_tables(built.paths.data, target) == []


def test_a_window_merged_by_hand_holds_every_request_once(
    module: Any, tmp_path: Path
) -> None:
    files = [tmp_path / f"{day}.csv" for day in range(2)]
    for day, file in enumerate(files):
        module("window").write_window(file, 12_000, 100, day)
    peer = module("peer").Peer("bare_duckdb")
    for file in files:
        place = peer.place(tmp_path)
        assert peer.deliver(file, place, *KEYS, n_rows=12_000).n_bytes
    with module("duckdb").connect(str(place)) as connection:
        closed = 'select count("Case Closed Date") from '
        read = f"read_csv('{files[1]}', all_varchar = true)"
        held, delivered = (
            connection.execute(closed + relation).fetchone()
            for relation in ("landed", read)
        )
    assert held == delivered


def test_on_each_day_so_many_more_requests_of_a_window_are_closed(
    module: Any, tmp_path: Path
) -> None:
    window, n_closed = module("window"), []
    for day in range(6):
        window.write_window(tmp_path / "window.csv", 6_000, 100, day)
        read = f"read_csv('{tmp_path / 'window.csv'}', all_varchar = true)"
        closed = 'select count("Case Closed Date") from '
        ((n,),) = module("duckdb").sql(closed + read).fetchall()
        n_closed.append(n - 5_500)
    assert n_closed == [0, 100, 200, 300, 400, 500]
    with pytest.raises(SystemExit, match="too few are open to close 101 a day"):
        window.write_window(tmp_path / "window.csv", 6_000, 101, 1)


def test_deliveries_are_compared_with_those_into_the_smallest_in_the_same_turn(
    module: Any,
) -> None:
    history, taken = module("history"), module("common").Taken
    built = history.Built
    lines = history.table(
        {10: taken(20.4, 1000), 100: taken(200.4, 2000)},
        {
            10: [built(1, 1, 5, 300), built(2, 2, 9, 400)],
            100: [built(1, 2, 6, 500), built(2, 4, 8, 450)],
        },
    )
    assert lines[2:] == [
        "| 10 | 20 s, 1,000 MiB | 1.50 s | 1.50 s | 1.00 (1.00 to 1.00) | 7.00 s "
        "| 400 MiB |",
        "| 100 | 200 s, 2,000 MiB | 1.50 s | 3.00 s | 1.50 (1.50 to 1.50) | 7.00 s "
        "| 500 MiB |",
    ]


def test_a_peer_that_lacks_rows_is_no_reference(module: Any, tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    peer = module("peer").Peer("bare_duckdb")
    with pytest.raises(SystemExit, match=r"holds 2 rows of .*, not 3"):
        peer.deliver(file, peer.place(tmp_path), n_rows=3)


def test_memory_is_that_of_what_a_command_starts_too(module: Any) -> None:
    code = "import time; held = bytearray(200 << 20); time.sleep(1)"
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    taken = module("common").run([sys.executable, "-c", inner])
    assert 200 < taken.peak_mib < 400


def test_a_peer_that_cannot_run_is_named_with_its_reason(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found, missing = module("peer").available("pyspark_parquet")
    assert found == []
    assert missing == ["PySpark local to Parquet cannot run here: there is no Java."]


def test_what_grows_is_projected_and_what_is_mostly_fixed_is_not(module: Any) -> None:
    cost, taken = module("cost"), module("common").Taken
    smaller, larger = (
        cost.Point(
            scale=scale,
            delivered_bytes=round(scale * 1e9),
            landing=taken(seconds=10 + 90 * scale, peak_mib=1),
            landing_bytes=round(scale * 2e9),
            building=taken(seconds=1000 + 10 * scale, peak_mib=1, n_bytes=round(5e9)),
            publishing=taken(seconds=1 + 9 * scale, peak_mib=1),
            published_bytes=round(scale * 1e9),
            again=taken(seconds=20, peak_mib=1),
        )
        for scale in (0.3, 1)
    )
    assert cost.projected(smaller, larger, 1000) == (
        "| 1000, projected | 1,000.00 GB | 25.0 h | mostly fixed | 2.5 h | mostly fixed "
        "| 2,000.00 GB | mostly fixed | 1,000.00 GB |  |  |"
    )


@pytest.mark.parametrize("is_recorded", [True, False])
def test_what_is_measured_at_another_size_is_never_recorded(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    common, document = module("common"), tmp_path / "performance.md"
    monkeypatch.setattr(common, "DOCUMENT", document)
    document.write_text("# Performance\n\n## Landing\n\nbefore\n")
    common.write_section("Landing", ["now"], is_recorded=is_recorded)
    assert ("now" in document.read_text()) == is_recorded
    assert ("before" in document.read_text()) != is_recorded


def test_small_files_hold_every_purchase_once(module: Any, tmp_path: Path) -> None:
    module("small_files").write_files(tmp_path / "many", 4)
    files = sorted((tmp_path / "many").iterdir())
    rows = [row for file in files for row in file.read_text().splitlines()[1:]]
    whole = (tmp_path / "many.csv").read_text().splitlines()[1:]
    assert [len(file.read_text().splitlines()) for file in files] == [4] * 4
    assert rows == whole
