"""Time landing a window again beside what a user would pick instead.

    python benchmarks/window.py --scale 1 --rounds 3

A window of 4 million requests is delivered again with 1 % changed: landing it, in
alternating runs with landing it whole and merging that, and with what a user would pick
instead; rebuilding the fact apart, once. Prints tables and writes them to
docs/performance.md. Run it on a machine that does nothing else, with room for about 3 GB a
million.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from pathlib import Path

import duckdb
from common import (
    Taken,
    alternate,
    by_command,
    dbt,
    eventmart,
    run,
    scratch,
    table,
    write_section,
)
from peer import PEERS, Peer, available

N_REQUESTS = 4_000_000
FACT = "fct_service_requests"
# Rows of the landing's own, merged by the columns that identify them at least cost.
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
    """Write a year of requests, evenly spread, as it is after so many days, 0 to 5.

    Those of the last month are open at first. On each day so many of them are closed, one
    in five of the oldest.
    """
    if 5 * n_changed > n_requests // 12:
        sys.exit(
            f"of {n_requests:,} requests too few are open to close {n_changed:,} a day"
        )
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
                        and not (n % 5 < ? and n < ? + 5 * ?) as is_open
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
            [
                n_requests - n_requests // 12,
                day,
                n_requests - n_requests // 12,
                n_changed,
                n_requests,
                n_requests,
            ],
        )


def landing_again(
    folder: Path, n_requests: int, rounds: int, peers: list[Peer]
) -> list[str]:
    """The table of times to land a window again of which 1 % has changed."""
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
        # Forward and back: each turn changes as many requests as the other.
        return peer.deliver(next(turns), peer.place(folder), *KEYS, n_rows=n_requests)

    ways: dict[str, Callable[[], Taken]] = {
        "landed again": landed_again,
        "landed whole, and merged": landed_whole_and_merged,
    }
    for peer in peers:
        turns = cycle(files)
        delivered(peer, turns)
        ways[peer.title] = partial(delivered, peer, turns)
    ways["bare DuckDB, from scratch"] = partial(
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
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="1: a window of 4 million")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    options = parser.parse_args()
    peers, missing = available(*options.peers)
    n_requests = round(N_REQUESTS * options.scale)
    with scratch() as folder:
        lines = landing_again(folder, n_requests, options.rounds, peers)
    write_section(
        "A window delivered again",
        [
            f"{by_command()};",
            f"{n_requests:,} requests, 1 % of which changed;",
            f'{options.rounds} alternating rounds. "Landed whole" runs the same command',
            "into an empty folder, then merges by hash in DuckDB. Bare DuckDB reads the",
            "file into a second table and merges; dlt merges by key; pandas copies into",
            "a staging table, and PostgreSQL updates changed rows and deletes missing",
            "ones; PySpark and polars overwrite. None of these has a memory limit,",
            "counts records, keeps the bytes, or rejects records.",
            "",
            *lines,
            *([""] if missing else []),
            *missing,
        ],
        is_recorded=options.scale == 1,
    )


if __name__ == "__main__":
    main()
