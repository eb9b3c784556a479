"""Time a full build and one in which nothing changed beside a script written by hand.

    python benchmarks/build.py --scale 1 --rounds 3

The script, peers/build_by_hand.sql, makes the facts of purchases, requests and accidents
and what they refer to from the same landing; that both make the same is looked up first.
What dbt takes to start is timed apart, by a run of one model that has not changed. Prints
a table and writes it to docs/performance.md. Run it on a machine that does nothing else,
with room for about 3 GB for each unit of scale.
"""

import argparse
import shutil
import statistics
import sys
from pathlib import Path

import duckdb
from common import (
    ROOT,
    Taken,
    alternate,
    by_command,
    dbt,
    dbt_results,
    eventmart,
    run,
    scratch,
    table,
    write_section,
)

SECONDS_PER_NODE = 0.04
TABLES = (
    *("fct_purchases", "fct_service_requests", "fct_accidents", "dim_customers"),
    *("dim_kiosks", "dim_products", "dim_request_types", "dim_offenses"),
    "dim_neighborhoods",
)
# Where a row was first read; the order of arrival says which of two equals that is.
PROVENANCE = {"_delivery_seq", "_change_seq", "_line"}
PART = ("--select", *(f"+{name}" for name in TABLES))
ONE_MODEL = "dim_products"
NO_TESTS = ("--resource-type", "seed", "--resource-type", "model")


def build_by_hand(data: Path, target: Path) -> Taken:
    """Run the script on a data folder's landing."""
    target.unlink(missing_ok=True)
    prepare = f"attach '{data / 'landing.duckdb'}' as landing (read_only); "
    prepare += f"set file_search_path = '{ROOT}'"
    script = ROOT / "benchmarks" / "peers" / "build_by_hand.sql"
    command = Path(sys.executable).with_name("duckdb")
    taken = run([command, target, "-bail", "-c", prepare, "-f", script])
    return Taken(taken.seconds, taken.peak_mib, target.stat().st_size)


def build_anew(data: Path) -> Taken:
    """Have dbt build the same from nothing."""
    shutil.rmtree(data / "build", ignore_errors=True)
    (data / "build").mkdir()
    return dbt(data, "build", *NO_TESTS, *PART)


def build_again(data: Path) -> Taken:
    """Have dbt build the same once more, which writes nothing."""
    taken = dbt(data, "run", *PART)
    n_rows = sum(r["adapter_response"].get("rows_affected", 0) for r in dbt_results(data))
    if n_rows:
        sys.exit(f"nothing has changed, and {n_rows:,} rows were written")
    return taken


def differing_tables(data: Path, by_hand: Path) -> list[str]:
    """Tables that the script and dbt do not make alike: rows, and all but provenance."""
    with duckdb.connect() as connection:
        for name, file in (
            ("hand", by_hand),
            ("eventmart", data / "build" / "eventmart.duckdb"),
            ("intermediate", data / "build" / "intermediate.duckdb"),
        ):
            connection.execute(f"attach '{file}' as {name} (read_only)")

        def content(database: str, name: str) -> tuple[list[tuple[str, str]], object]:
            ((schema,),) = connection.execute(
                "select schema_name from duckdb_tables() "
                "where database_name = ? and table_name = ?",
                [database, name],
            ).fetchall()
            relation = f"{database}.{schema}.{name}"
            described = connection.execute(f"describe {relation}").fetchall()
            columns = sorted(
                (column, kind) for column, kind, *_ in described if column not in PROVENANCE
            )
            listed = ", ".join(column for column, _ in columns)
            rows = connection.execute(
                f"select count(*), sum(hash({listed})) from {relation}"
            ).fetchall()
            return columns, rows

        return [
            name
            for name in TABLES
            if content("hand", name)
            != content("intermediate" if name == "dim_customers" else "eventmart", name)
        ]


def measure(data: Path, scale: float, rounds: int) -> list[str]:
    """The table, and what follows from it."""
    eventmart(data, "init")
    eventmart(data, "demo", "--scale", str(scale))
    eventmart(data, "land")
    by_hand = data / "by_hand.duckdb"
    build_by_hand(data, by_hand)
    build_anew(data)
    n_nodes = len(dbt_results(data))
    build_again(data)
    n_models = len(dbt_results(data))
    if differing := differing_tables(data, by_hand):
        sys.exit(f"not the same by hand and by dbt: {', '.join(differing)}")
    found = alternate(
        {
            "by hand": lambda: build_by_hand(data, by_hand),
            "dbt build": lambda: build_anew(data),
            "nothing changed": lambda: build_again(data),
            "dbt's start": lambda: dbt(data, "run", "--select", ONE_MODEL),
        },
        rounds,
    )
    hand, full, unchanged, start = (
        statistics.median(taken.seconds for taken in runs) for runs in found.values()
    )
    at_work = full - start - SECONDS_PER_NODE * (n_nodes - 1)
    per_model = (unchanged - start) / (n_models - 1)
    return [
        *table(found, "by hand"),
        "",
        f"dbt built {n_nodes} nodes. Without its start (a run of one unchanged model, and "
        f"40 ms for each of the others), it takes {at_work / hand:.2f} times as long as "
        f"the script. If nothing changed, each of the other {n_models - 1} models takes "
        f"{per_model * 1000:.0f} ms more than the start, and 0 rows are written.",
    ]


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="of the demo data")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with scratch() as folder:
        lines = measure(folder, options.scale, options.rounds)
    write_section(
        "A full build",
        [
            f"{by_command()};",
            f"demo data of scale {options.scale:g}, landed;",
            f"{options.rounds} alternating rounds. The script and dbt make the same "
            f"{len(TABLES)} tables,",
            "equal in all columns except provenance. dbt also makes the tables that it",
            "needs to build only the next delivery.",
            "",
            *lines,
        ],
        is_recorded=options.scale == 1,
    )


if __name__ == "__main__":
    main()
