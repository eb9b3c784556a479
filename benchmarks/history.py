"""Time whether builds and landings follow the delivery, and not the history.

    python benchmarks/history.py --scale 1 --rounds 3

- A window of 4 million requests, delivered again with 1 % changed: landing it, in
  alternating runs with landing it whole and merging that, and with what a user would pick
  instead; rebuilding the fact apart, once.
- A delivery that changes 10,000 requests, in facts of 1, 10 and 30 million: what dbt takes
  for the fact, for all that it is built from, and for the fact's data tests; publishing
  apart, once.

`--only again` or `--only history` is one of both; `--histories 100 1000` leaves out the
largest. Prints tables and writes them to docs/performance.md. Run it on a machine that does
nothing else, with room for about 3 GB a million.
"""

import argparse
import shutil
import statistics
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

import duckdb
from common import (
    Taken,
    alternate,
    dbt,
    dbt_results,
    eventmart,
    machine,
    run,
    scratch,
    table,
    write_section,
)
from peer import PEERS, Peer, available

N_REQUESTS = 4_000_000
N_CHANGED = 10_000
# How many times as many are held.
HISTORIES = (100, 1_000, 3_000)
FACT = "fct_service_requests"
TESTS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
MODELS = (f"+{FACT}", "+dim_request_types", "+dim_neighborhoods")
# Rows of the landing's own, merged by what tells them apart at least cost.
MERGE = """
    merge into held.raw.service_requests as held
    using whole.raw.service_requests as whole using (_row_hash, _copy)
    when not matched then insert
    when not matched by source then delete;
    checkpoint held
"""
# What tells the requests of such a window apart, and never changes.
KEYS = ("Case Summary", "Case Created dttm", "Case Source", "Agency")


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


def land_window(
    folder: Path, data: Path, n_requests: int, n_changed: int, day: int
) -> None:
    """Write the window of a day, land it, and remove it."""
    file = folder / "window.csv"
    write_window(file, n_requests, n_changed, day)
    as_of = f"2016-01-0{day + 2}"
    eventmart(data, "land", "service_requests", file, "--as-of", as_of)
    file.unlink()


def build_against_history(
    folder: Path, n_changed: int, histories: list[int], rounds: int
) -> list[str]:
    """The table of what a delivery of so many changed rows takes, by size of history."""
    found: dict[int, list[tuple[float, float, float]]] = {}
    build_files: dict[int, int] = {}
    publishing = ""
    for times in histories:
        size = times * n_changed
        data = folder / f"history_{size}"
        eventmart(data, "init")
        land_window(folder, data, size, n_changed, day=0)
        dbt(data, "build", "--select", *MODELS, *TESTS)
        land_window(folder, data, size, n_changed, day=1)
        kept = folder / "kept"
        shutil.copytree(data / "build", kept)
        for _ in range(rounds):
            shutil.rmtree(data / "build")
            shutil.copytree(kept, data / "build")
            dbt(data, "build", "--select", *MODELS, *TESTS)
            taken = {r["unique_id"]: r["execution_time"] for r in dbt_results(data)}
            fact = taken[f"model.eventmart.{FACT}"]
            models = sum(t for name, t in taken.items() if name.startswith("model."))
            tests = sum(
                t for name, t in taken.items() if name.startswith("test.") and FACT in name
            )
            found.setdefault(size, []).append((fact, models, tests))
            print(f"{size:,}: {fact:.2f} {models:.2f} {tests:.2f}", flush=True)
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
            f"| {size:,} | {fact:.2f} s | {models:.2f} s | {tests:.2f} s "
            f"| {(fact + tests) / smallest:.2f} | {build_files[size] / 1e6:,.0f} MB |"
        )
    return [*lines, "", publishing]


def _time_publishing(data: Path) -> str:
    """Build all there is, and time the publishing of that by itself."""
    dbt(data, "build", "--exclude-resource-type", "unit_test")
    results = data / "target" / "run_results.json"
    seconds = eventmart(data, "publish", "--run-results", results).seconds
    n_bytes = (data / "published" / "eventmart.duckdb").stat().st_size
    return (
        f"Publishing a whole build of the smallest, {n_bytes / 1e6:,.0f} MB, with its "
        f"exports: {seconds:.1f} s, {n_bytes / seconds / 1e6:,.0f} MB a second, the start "
        "of the command included."
    )


def landing_again(
    folder: Path, n_requests: int, rounds: int, peers: list[Peer]
) -> list[str]:
    """The table of what it takes to land a window again of which 1 % has changed."""
    files = [folder / f"{day}.csv" for day in range(2)]
    for day, file in enumerate(files):
        write_window(file, n_requests, n_requests // 100, day)
    data, kept = folder / "data", folder / "kept"
    eventmart(kept, "init")
    eventmart(kept, "land", "service_requests", files[0], "--as-of", "2016-01-02")

    def landed_again() -> Taken:
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(kept, data)
        return eventmart(
            data, "land", "service_requests", files[1], "--as-of", "2016-01-03"
        )

    def landed_whole_and_merged() -> Taken:
        whole, held = folder / "whole", folder / "held.duckdb"
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copyfile(kept / "landing.duckdb", held)
        landed = eventmart(
            whole, "land", "service_requests", files[1], "--as-of", "2016-01-03"
        )
        attach = f"attach '{held}' as held; attach '{whole / 'landing.duckdb'}' as whole; "
        merged = run(
            [Path(sys.executable).with_name("duckdb"), "-bail", "-c", attach + MERGE]
        )
        return Taken(
            landed.seconds + merged.seconds,
            max(landed.peak_mib, merged.peak_mib),
            held.stat().st_size,
        )

    def delivered(peer: Peer, turns: Iterator[Path]) -> Taken:
        # To and fro: each turn changes as many requests as the other.
        return peer.deliver(next(turns), peer.place(folder), *KEYS, n_rows=n_requests)

    ways: dict[str, Callable[[], Taken]] = {
        "landed again": landed_again,
        "landed whole, and merged": landed_whole_and_merged,
    }
    for peer in peers:
        turns = cycle(files)
        delivered(peer, turns)
        ways[peer.title] = partial(delivered, peer, turns)
    ways["bare DuckDB, all anew"] = partial(
        Peer(PEERS[0]).deliver_into_nothing, files[1], folder, *KEYS, n_rows=n_requests
    )
    found = alternate(ways, rounds)
    return [*table(found, "landed again"), "", _time_rebuild(data)]


def _time_rebuild(data: Path) -> str:
    """Build the fact from a landing, and build it once more from nothing."""
    call = ("run", "--select", f"+{FACT}")
    dbt(data, "seed")
    first = dbt(data, *call)
    again = dbt(data, *call, "--full-refresh")
    return (
        f"`{FACT}` with all that it is built from: {first.seconds:.1f} s the first time, "
        f"{again.seconds:.1f} s rebuilt (`dbt run --full-refresh`); each once, dbt's start "
        f"included; {again.peak_mib:,.0f} MiB."
    )


def main() -> None:
    """Measure, print, and write the sections of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="1: a window of 4 million")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("again", "history"))
    parser.add_argument(
        "--histories",
        nargs="+",
        type=int,
        default=HISTORIES,
        help="how many times as many as are changed are held",
    )
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    options = parser.parse_args()
    if options.only != "history":
        peers, missing = available(*options.peers)
        n_requests = round(N_REQUESTS * options.scale)
        with scratch() as folder:
            lines = landing_again(folder, n_requests, options.rounds, peers)
        write_section(
            "A window delivered again",
            [
                f"By `make bench SCALE={options.scale:g}`: {n_requests:,} requests, 1 % of "
                f"which changed; {machine()};",
                f"{options.rounds} alternating rounds. Landed whole is by the same "
                "command,",
                "into an empty folder, and merged by hash in DuckDB. Bare DuckDB reads all",
                "into a table beside it and merges; dlt merges by key; pandas copies into",
                "a staging table, PostgreSQL upserts what differs and deletes what is",
                "gone; PySpark and polars overwrite. Of these none has a memory limit,",
                "counts, keeps or refuses.",
                "",
                *lines,
                *([""] if missing else []),
                *missing,
            ],
        )
    if options.only != "again":
        n_changed = round(N_CHANGED * options.scale)
        with scratch() as folder:
            lines = build_against_history(
                folder, n_changed, options.histories, options.rounds
            )
        write_section(
            "A delivery into facts of any size",
            [
                f"By `make bench SCALE={options.scale:g}`: {n_changed:,} requests of a "
                "window changed;",
                f"{machine()};",
                f"medians of {options.rounds} builds from the same state.",
                "",
                *lines,
            ],
        )


if __name__ == "__main__":
    main()
