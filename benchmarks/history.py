"""Time whether builds and landings follow the delivery, and not the history.

    python benchmarks/history.py --sizes 1,10,30 --window 4 --rounds 3

- A delivery that changes 10,000 requests, in facts of so many million: what dbt takes for
  the fact, for all that it is built from, and for the fact's data tests; publishing apart,
  once.
- A window of so many million requests, delivered again with 1 % changed: landing it, in
  alternating runs with landing it whole and merging it by hand, and with a rebuild.

Prints tables and writes them to docs/performance.md. Run it on a machine that does nothing
else, with room for about 3 GB a million.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import duckdb
from common import ROOT, machine, run, write_section

N_CHANGED = 10_000
FACT = "fct_service_requests"
TESTS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
MODELS = (f"+{FACT}", "+dim_request_types", "+dim_neighborhoods")
# What one would write by hand: whole into a table beside it, merged by what never changes
# in a request. The first time, and with `rebuild`, the table is simply made.
BY_HAND = """
import sys, duckdb
file, database, how = sys.argv[1:]
with duckdb.connect(database) as connection:
    connection.execute("set preserve_insertion_order = false")
    read = "select * from read_csv(?, all_varchar = true)"
    if how == "rebuild":
        connection.execute(f"create or replace table requests as {read}", [file])
        sys.exit()
    connection.execute(f"create or replace table fresh as {read}", [file])
    columns = [name for name, *_ in connection.execute("describe fresh").fetchall()]
    keys = ["Case Summary", "Case Created dttm", "Case Source", "Agency"]
    on = " and ".join(f'held."{key}" = fresh."{key}"' for key in keys)
    values = ", ".join(f'"{name}" = fresh."{name}"' for name in columns)
    connection.execute(
        f"merge into requests as held using fresh on ({on}) "
        f"when matched then update set {values} when not matched then insert "
        "when not matched by source then delete"
    )
    connection.execute("drop table fresh")
"""


def write_window(path: Path, n_requests: int, n_changed: int, day: int) -> None:
    """Write a year of requests, evenly spread; the last ones closed by the second day.

    Those of a month back are closed one after the other, as closings go.
    """
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"""
            copy (
                select
                    'Request ' || n as "Case Summary",
                    if(is_open, 'New', 'Closed - Answer Provided') as "Case Status",
                    ['Phone', 'Email', 'Walk-in'][1 + n % 3] as "Case Source",
                    strftime(created_at, '%m/%d/%Y') as "Case Created Date",
                    strftime(created_at, '%m/%d/%Y %I:%M:%S %p') as "Case Created dttm",
                    if(is_open, null, strftime(closed_at, '%m/%d/%Y'))
                        as "Case Closed Date",
                    if(is_open, null, strftime(closed_at, '%m/%d/%Y %I:%M:%S %p'))
                        as "Case Closed dttm",
                    'N' as "First Call Resolution",
                    80200 + n % 60 as "Customer Zip Code",
                    n % 9000 || ' N Main St' as "Incident Address 1",
                    null as "Incident Address 2",
                    null as "Incident Intersection 1",
                    null as "Incident Intersection 2",
                    80200 + n % 50 as "Incident Zip Code",
                    -104.9 - (n % 997) / 10000.0 as "Longitude",
                    39.7 + (n % 991) / 10000.0 as "Latitude",
                    'Agency ' || n % 20 as "Agency",
                    null as "Division", null as "Major Area",
                    ['Request', 'Complaint', 'Inquiry'][1 + n % 3] as "Type",
                    null as "Topic",
                    1 + n % 11 as "Council District",
                    1 + n % 6 as "Police District",
                    'Baker' as "Neighborhood"
                from (
                    select
                        n,
                        created_at,
                        created_at + to_seconds(86400 + n * 7919 % 864000) as closed_at,
                        n >= ?
                        and not (n % 5 = 0 and n < ? + 5 * ?) as is_open
                    from (
                        select
                            n,
                            timestamp '2015-01-02'
                            + to_milliseconds(n * 31536000000 // ?) as created_at
                        from range(?) as requests (n)
                    )
                )
            ) to '{path}' (header)
            """,
            # Of the last month all are open, and those that have just been closed.
            [
                n_requests - n_requests // 12,
                n_requests - n_requests // 12,
                n_changed if day else 0,
                n_requests,
                n_requests,
            ],
        )


def eventmart(data: Path, *arguments: str | Path) -> float:
    """Run the command line; its wall time."""
    call = [sys.executable, "-m", "loaders", *map(str, arguments)]
    return run(call, EVENTMART_DATA=str(data))[0]


def dbt(data: Path, *arguments: str) -> dict[str, float]:
    """Run dbt; the seconds of each node, and all in all, by its own clock."""
    call = [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments]
    call += ["--project-dir", str(ROOT), "--target-path", str(data / "target")]
    call += ["--log-path", str(data / "logs")]
    run(call, EVENTMART_DATA=str(data), DBT_PROFILES_DIR=str(ROOT))
    results = json.loads((data / "target" / "run_results.json").read_text())["results"]
    return {result["unique_id"]: result["execution_time"] for result in results}


def build_against_history(folder: Path, millions: list[float], rounds: int) -> list[str]:
    """The table of what a delivery of 10,000 changed rows takes, by size of history."""
    found: dict[float, list[tuple[float, float, float]]] = {}
    build_files: dict[float, float] = {}
    publishing = ""
    for size in millions:
        data = folder / f"history_{size:g}"
        n_requests = int(size * 1_000_000)
        for day in range(2):
            write_window(folder / f"{day}.csv", n_requests, N_CHANGED, day)
        eventmart(data, "init")
        eventmart(
            data, "land", "service_requests", folder / "0.csv", "--as-of", "2016-01-02"
        )
        dbt(data, "build", "--select", *MODELS, *TESTS)
        eventmart(
            data, "land", "service_requests", folder / "1.csv", "--as-of", "2016-01-03"
        )
        kept = folder / "kept"
        shutil.copytree(data / "build", kept)
        for _ in range(rounds):
            shutil.rmtree(data / "build")
            shutil.copytree(kept, data / "build")
            taken = dbt(data, "build", "--select", *MODELS, *TESTS)
            fact = taken[f"model.eventmart.{FACT}"]
            models = sum(t for name, t in taken.items() if name.startswith("model."))
            tests = sum(
                t for name, t in taken.items() if name.startswith("test.") and FACT in name
            )
            found.setdefault(size, []).append((fact, models, tests))
            print(f"{size:g} M: {fact:.2f} {models:.2f} {tests:.2f}", flush=True)
        build_files[size] = (data / "build" / "eventmart.duckdb").stat().st_size
        publishing = publishing or _time_publishing(data)
        shutil.rmtree(kept)
        shutil.rmtree(data)
    lines = [
        "| requests held | the fact | with all it is built from | its data tests "
        "| fact and tests, to the smallest | build file |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    smallest = None
    for size, runs in found.items():
        fact, models, tests = (
            statistics.median(column) for column in zip(*runs, strict=True)
        )
        smallest = smallest or fact + tests
        lines.append(
            f"| {size:g} million | {fact:.2f} s | {models:.2f} s | {tests:.2f} s "
            f"| {(fact + tests) / smallest:.2f} | {build_files[size] / 1e6:,.0f} MB |"
        )
    return [*lines, "", publishing]


def _time_publishing(data: Path) -> str:
    """Build all there is, and time the publishing of that by itself."""
    dbt(data, "build", "--exclude-resource-type", "unit_test")
    seconds = eventmart(
        data, "publish", "--run-results", data / "target" / "run_results.json"
    )
    n_bytes = (data / "published" / "eventmart.duckdb").stat().st_size
    return (
        f"Publishing a whole build of the smallest, {n_bytes / 1e6:,.0f} MB, with its "
        f"exports: {seconds:.1f} s, {n_bytes / seconds / 1e6:,.0f} MB a second, the start "
        "of the command included."
    )


def landing_again(folder: Path, millions: float, rounds: int) -> list[str]:
    """The table of what it takes to land a window again of which 1 % has changed."""
    n_requests = int(millions * 1_000_000)
    files = [folder / f"{day}.csv" for day in range(2)]
    for day, file in enumerate(files):
        write_window(file, n_requests, n_requests // 100, day)
    data, kept, by_hand = folder / "data", folder / "kept", folder / "by_hand.duckdb"
    eventmart(kept, "init")
    eventmart(kept, "land", "service_requests", files[0], "--as-of", "2016-01-02")
    script = [sys.executable, "-c", BY_HAND]
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        by_hand.unlink(missing_ok=True)
        run([*script, str(files[0]), str(by_hand), "rebuild"])
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(kept, data)
        for name, seconds in (
            (
                "landed again",
                lambda: eventmart(
                    data, "land", "service_requests", files[1], "--as-of", "2016-01-03"
                ),
            ),
            (
                "read whole and merged",
                lambda: run([*script, str(files[1]), str(by_hand), "merge"])[0],
            ),
            (
                "read into a new table",
                lambda: run([*script, str(files[1]), str(by_hand), "rebuild"])[0],
            ),
        ):
            found.setdefault(name, []).append(seconds())
            print(f"{name:<24}{found[name][-1]:8.1f} s", flush=True)
    lines = ["| | wall, median | to landing again |", "| --- | --- | --- |"]
    for name, walls in found.items():
        ratios = [w / ours for w, ours in zip(walls, found["landed again"], strict=True)]
        lines.append(
            f"| {name} | {statistics.median(walls):.1f} s "
            f"| {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    return lines


def main() -> None:
    """Measure, print, and write the sections of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1,10,30", help="millions of requests held")
    parser.add_argument("--window", type=float, default=4, help="millions of requests")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = landing_again(Path(folder), options.window, options.rounds)
    write_section(
        "A window delivered again",
        [
            f"By `make bench-history`: {options.window:g} million requests, 1 % changed; "
            f"{machine()};",
            f"{options.rounds} alternating rounds. By hand: DuckDB, all text, nothing "
            "counted, kept or refused.",
            "",
            *lines,
        ],
    )
    sizes = [float(size) for size in options.sizes.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        lines = build_against_history(Path(folder), sizes, options.rounds)
    write_section(
        "A delivery into facts of any size",
        [
            f"By `make bench-history`: {N_CHANGED:,} requests of a window changed; "
            f"{machine()};",
            f"medians of {options.rounds} builds from the same state.",
            "",
            *lines,
        ],
    )


if __name__ == "__main__":
    main()
