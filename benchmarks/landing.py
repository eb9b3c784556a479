"""Time landings beside what a user would pick instead, in alternating runs.

    python benchmarks/landing.py --scale 1 --rounds 3

Prints a table of wall times, their ratios to DuckDB's bare read, peaks of memory and sizes
on disk, and writes it to docs/performance.md; last, what a file of ten times the size
takes, once. Run it on a machine that does nothing else, with room for forty of the file.
"""

import argparse
import gzip
import shutil
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
from common import Taken, alternate, by_command, eventmart, scratch, table, write_section
from peer import PEERS, Peer, available

MEMORY_LIMIT = "1GB"
N_PURCHASES = 8_130_000  # 1 GB
N_BYTES = 123  # of each


def write_purchases(path: Path, n_rows: int, first: int = 0, of: int = 0) -> None:
    """Write a CSV of so many kiosk purchases, from one on of more; the same each time."""
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
                        timestamp '2017-01-01' + to_milliseconds(n * ?),
                        '%Y-%m-%d %H:%M:%S-07'
                    ) as date_time,
                    cast(hash(n, 2) % 46 as integer) as fc_number
                -- One in a hundred is the second unit of the purchase before it.
                from (
                    select n - (n % 100 = 99)::int as n from range(?, ?) as purchases (n)
                )
                inner join cards on hash(n, 3) % 50000 = i
            ) to '{path}' (header)
            """.replace("{path}", str(path)),
            # Nine years at most: dates that are yet to come would be held.
            [min(4000, 9 * 365 * 86_400_000 // (of or n_rows)), first, first + n_rows],
        )


def landed(data: Path, file: Path) -> Taken:
    """Land a file into a data folder."""
    return eventmart(data, "land", "purchases", file, EVENTMART_MEMORY_LIMIT=MEMORY_LIMIT)


def landed_anew(data: Path, file: Path) -> Taken:
    """Land a file into an empty data folder."""
    shutil.rmtree(data, ignore_errors=True)
    return landed(data, file)


def landed_ten_times(n_rows: int) -> str:
    """Land a file ten times as large, and say what that takes."""
    with scratch() as folder:
        file = folder / "purchases.csv"
        write_purchases(file, 10 * n_rows)
        taken = landed_anew(folder / "data", file)
        size = file.stat().st_size
    return (
        f"A CSV of {size / 1e6:,.0f} MB lands in {taken.seconds:,.0f} s, once, with a peak "
        f"of {taken.peak_mib:,.0f} MiB."
    )


def ways(folder: Path, peers: list[Peer], n_rows: int) -> dict[str, Callable[[], Taken]]:
    """What is timed, in order; each in processes of its own."""
    plain, again = folder / "purchases.csv", folder / "again.csv"
    packed = {"gz": folder / "p.csv.gz", "zip": folder / "p.zip"}
    shutil.copyfile(plain, again)
    with plain.open("rb") as source, gzip.open(packed["gz"], "wb", 6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    with zipfile.ZipFile(packed["zip"], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, plain.name)
    data = folder / "data"
    return {
        **{
            peer.title: partial(
                peer.deliver_into_nothing,
                plain,
                folder,
                n_rows=n_rows,
                MEMORY_LIMIT=MEMORY_LIMIT,
            )
            for peer in peers
        },
        "landed": partial(landed_anew, data, plain),
        "seen again": partial(landed, data, again),
        **{
            f"landed from {kind}": partial(landed_anew, data, file)
            for kind, file in packed.items()
        },
    }


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="1: a CSV of 1 GB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=PEERS, choices=PEERS)
    options = parser.parse_args()
    peers, missing = available(*dict.fromkeys((PEERS[0], *options.peers)))
    with scratch() as folder:
        n_rows = round(N_PURCHASES * options.scale)
        write_purchases(folder / "purchases.csv", n_rows)
        found = alternate(ways(folder, peers, n_rows), options.rounds)
    ten_times = landed_ten_times(n_rows)
    write_section(
        "Landing",
        [
            f"{by_command()};",
            f"a CSV of {n_rows:,} purchases, {N_BYTES * n_rows / 1e6:,.0f} MB;",
            f"{options.rounds} alternating rounds, each run in its own processes, with",
            "their start-up. eventmart and bare DuckDB have a memory limit of",
            f"{MEMORY_LIMIT}; the others have none, land text unchanged, and keep neither",
            "bytes nor a ledger.",
            "",
            *table(found, peers[0].title),
            "",
            ten_times,
            *([""] if missing else []),
            *missing,
        ],
        is_recorded=options.scale == 1,
    )


if __name__ == "__main__":
    main()
