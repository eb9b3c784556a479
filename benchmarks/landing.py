"""Time landings beside DuckDB's bare `create table as`, in alternating runs.

    python benchmarks/landing.py --megabytes 1000 --rounds 3

Prints a table of wall times, their ratios to the bare read and the peaks of memory, and
writes it to docs/performance.md. Run it on a machine that does nothing else.
"""

import argparse
import gzip
import shutil
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path

import duckdb
from common import machine, run, write_section

Runs = dict[str, list[tuple[float, float]]]  # name -> wall seconds and peak MiB
MEMORY_LIMIT = "1GB"
# What everybody would write; the reference of all ratios.
BARE = """
import sys, duckdb
with duckdb.connect(sys.argv[2], config={"memory_limit": sys.argv[3]}) as connection:
    connection.execute(
        "create table t as select * from read_csv(?, all_varchar = true)", [sys.argv[1]]
    )
"""


def write_purchases(path: Path, megabytes: int) -> None:
    """Write a CSV of kiosk purchases of about this size; the same each time."""
    n_rows = megabytes * 1_000_000 // 123
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            """
            create table cards as
            select i, to_base64(unhex(string_agg(md5(i || ':' || j), ''))) as card_hash
            from range(50000) as cards (i), range(4) as parts (j)
            group by i
            """
        )
        connection.execute(
            """
            copy (
                select
                    cast(hash(n, 1) % 1000 as integer) as kiosk_id,
                    cast(2000 + hash(n, 2) % 330 as integer) as product_id,
                    card_hash,
                    strftime(
                        timestamp '2017-01-01' + to_seconds(n * 4), '%Y-%m-%d %H:%M:%S-07'
                    ) as date_time,
                    cast(hash(n, 2) % 46 as integer) as fc_number
                -- One in a hundred is the second unit of the purchase before it.
                from (select n - (n % 100 = 99)::int as n from range(?) as purchases (n))
                inner join cards on hash(n, 3) % 50000 = i
            ) to '{path}' (header)
            """.replace("{path}", str(path)),
            [n_rows],
        )


def measure(
    folder: Path, megabytes: int, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Alternate the ways of reading; each starts from nothing, in a process of its own."""
    plain = folder / "purchases.csv"
    write_purchases(plain, megabytes)
    with plain.open("rb") as source, gzip.open(folder / "p.csv.gz", "wb", 6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    with zipfile.ZipFile(folder / "p.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "purchases.csv")
    shutil.copyfile(plain, folder / "again.csv")
    found: Runs = {}
    data, bare = folder / "data", folder / "bare.duckdb"
    for _ in range(rounds):
        for name, file in (
            ("bare DuckDB", plain),
            ("landed", plain),
            ("seen again", folder / "again.csv"),
            ("landed from gz", folder / "p.csv.gz"),
            ("landed from zip", folder / "p.zip"),
        ):
            if name != "seen again":
                shutil.rmtree(data, ignore_errors=True)
            bare.unlink(missing_ok=True)
            command = (
                [sys.executable, "-c", BARE, str(file), str(bare), MEMORY_LIMIT]
                if file is plain and name.startswith("bare")
                else [sys.executable, "-m", "loaders", "land", "purchases", str(file)]
            )
            taken = run(
                command, EVENTMART_DATA=str(data), EVENTMART_MEMORY_LIMIT=MEMORY_LIMIT
            )
            found.setdefault(name, []).append(taken)
            print(f"{name:<16}{taken[0]:8.1f} s{taken[1]:8.0f} MiB", flush=True)
    return found


def table(found: Runs) -> list[str]:
    """Medians, ratios to the bare read in the same round, and the highest peaks."""
    lines = [
        "| | wall, median | ratio to bare, median (range) | peak memory |",
        "| --- | --- | --- | --- |",
    ]
    bare = [seconds for seconds, _ in found["bare DuckDB"]]
    for name, runs in found.items():
        walls = [seconds for seconds, _ in runs]
        ratios = [wall / reference for wall, reference in zip(walls, bare, strict=True)]
        lines.append(
            f"| {name} | {statistics.median(walls):.1f} s | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | "
            f"{max(peak for _, peak in runs):,.0f} MiB |"
        )
    return lines


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="of the plain CSV")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.megabytes, options.rounds)
    write_section(
        "Landing",
        [
            f"By `make bench`: a CSV of {options.megabytes:,} MB of purchases, memory",
            f"limit {MEMORY_LIMIT}.",
            f"{machine()}; {options.rounds} alternating",
            "rounds, each run in a process of its own with its start-up. Bare is",
            "`create table as select * from read_csv(..., all_varchar = true)`, of the "
            "plain file.",
            "",
            *table(found),
        ],
    )


if __name__ == "__main__":
    main()
