"""Time worked queries, and look at the size of the file, at so many purchases.

    python benchmarks/queries.py --scale 1 --runs 20

- Queries of analyses/ that read reports, in a build of the purchases.
- Queries that scan the facts, beside the same on a bare table: what DuckDB makes of the CSV
  by itself, sorted by date and kiosk by hand.

Prints tables and writes them to docs/performance.md. Run it on a machine that does nothing
else, with room for about 1 GB a million.
"""

import argparse
import re
import statistics
import time
from pathlib import Path

import duckdb
from common import (
    ROOT,
    Taken,
    dbt,
    eventmart,
    machine,
    scratch,
    write_section,
)
from landing import write_purchases
from peer import Peer

N_PURCHASES = 100_000_000
FACT = "marts.fct_purchases"
ON_REPORTS = (
    *("top_products", "top_kiosks", "best_product_of_each_part_of_the_day"),
    *("purchases_by_part_of_the_day", "kiosk_states", "customers_who_come_back"),
    *("days_between_visits", "shared_cards", "products_bought_again"),
    "products_bought_together",
)
WEEKDAYS = "purchases_by_weekday_and_month"
# What people ask of the facts where no report answers.
ON_FACTS = {
    "top products of all": f"""
        select product_id, count(*) as n_purchases from {FACT}
        group by product_id order by n_purchases desc, product_id limit 10
    """,
    "top products by the hour": f"""
        select purchase_hour, product_id, count(*) as n_purchases from {FACT}
        group by purchase_hour, product_id
        order by n_purchases desc, purchase_hour, product_id limit 10
    """,
    "kiosks in the last 7 days": f"""
        select kiosk_id, count(*) as n_purchases from {FACT}
        where purchase_date > (select max(purchase_date) - 7 from {FACT})
        group by kiosk_id order by n_purchases desc, kiosk_id limit 10
    """,
    "a kiosk by day": f"""
        select purchase_date, count(*) as n_purchases from {FACT}
        where kiosk_id = '17' group by purchase_date order by purchase_date
    """,
    "customers by month": f"""
        select date_trunc('month', purchase_date) as purchase_month,
            count(distinct customer_key) as n_customers
        from {FACT} group by purchase_month order by purchase_month
    """,
}


def analysis(name: str) -> str:
    """A worked query."""
    return (ROOT / "analyses" / f"{name}.sql").read_text()


def build(data: Path, file: Path) -> Taken:
    """Land the purchases and build what the queries read."""
    eventmart(data, "init")
    eventmart(data, "land", "purchases", file)
    read = {
        table
        for name in (*ON_REPORTS, WEEKDAYS)
        for table in re.findall(r"(?:marts|reports)\.(\w+)", analysis(name))
    }
    only = ("--resource-type", "seed", "--resource-type", "model")
    return dbt(data, "build", *only, "--select", *(f"+{table}" for table in sorted(read)))


def make_bare_table(file: Path, target: Path) -> None:
    """What one would make of the CSV by hand, for these queries."""
    query = f"""
        set preserve_insertion_order = false;
        create table purchases as
        select
            kiosk_id, product_id, card_hash as customer_key, fc_number,
            cast(date_time[:19] as timestamp) as purchased_at,
            cast(purchased_at as date) as purchase_date,
            extract(hour from purchased_at) as purchase_hour
        from read_csv('{file}', types = {{'date_time': 'varchar'}})
        order by purchase_date, kiosk_id
    """
    with duckdb.connect(str(target)) as connection:
        connection.execute(query)


def p50(
    connection: duckdb.DuckDBPyConnection, queries: list[str], n_runs: int
) -> list[float]:
    """Milliseconds of each query, run by turns; the first turn warms up."""
    found: list[list[float]] = [[] for _ in queries]
    for _ in range(n_runs + 1):
        for walls, query in zip(found, queries, strict=True):
            began = time.perf_counter()
            connection.execute(query).fetchall()
            walls.append((time.perf_counter() - began) * 1000)
    return [statistics.median(walls[1:]) for walls in found]


def measure(folder: Path, n_rows: int, n_runs: int) -> list[str]:
    """Both tables and the sizes."""
    file, data, bare = folder / "p.csv", folder / "data", folder / "bare.duckdb"
    write_purchases(file, n_rows)
    peer = Peer("bare_duckdb")
    naive = peer.deliver(file, peer.place(folder), n_rows=n_rows)
    peer.place(folder).unlink()
    make_bare_table(file, bare)
    built = build(data, file)
    lines = ["| query on a report | p50 |", "| --- | --- |"]
    file_built = data / "build" / "eventmart.duckdb"
    with duckdb.connect(str(file_built), read_only=True) as connection:
        connection.execute(f"attach '{bare}' as bare (read_only)")
        for name in ON_REPORTS:
            (wall,) = p50(connection, [analysis(name)], n_runs)
            lines.append(f"| `{name}` | {wall:.1f} ms |")
        lines += [
            *("", "| query on the facts | p50 | on the bare table | ratio |"),
            "| --- | --- | --- | --- |",
        ]
        for name, query in {WEEKDAYS: analysis(WEEKDAYS), **ON_FACTS}.items():
            ours, reference = p50(
                connection, [query, query.replace(FACT, "bare.purchases")], n_runs
            )
            title = f"`{name}`" if name == WEEKDAYS else name
            lines.append(
                f"| {title} | {ours:.1f} ms | {reference:.1f} ms | {ours / reference:.2f} |"
            )
        # What a table takes of a file is whole blocks.
        ((fact_bytes,),) = connection.execute(
            "select count(distinct block_id) * 262144 "
            f"from pragma_storage_info('{FACT}') where block_id >= 0"
        ).fetchall()
    sizes = [
        ("the CSV", file.stat().st_size),
        ("naive: a table of all columns as text", naive.n_bytes or 0),
        ("the bare table, typed and sorted", bare.stat().st_size),
        ("the build that readers see: facts, marts, reports", file_built.stat().st_size),
        (f"of which `{FACT}`", fact_bytes),
        ("intermediate tables", (built.n_bytes or 0) - file_built.stat().st_size),
        ("landing", (data / "landing.duckdb").stat().st_size),
    ]
    lines += ["", "| file | size | to naive |", "| --- | --- | --- |"]
    lines += [
        f"| {name} | {n_bytes / 1e6:,.0f} MB | {n_bytes / sizes[1][1]:.2f} |"
        for name, n_bytes in sizes
    ]
    return [
        f"{n_rows:,} purchases, built in {built.seconds:.0f} s with "
        f"{built.peak_mib:,.0f} MiB.",
        "",
        *lines,
    ]


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="1: 100 million purchases")
    parser.add_argument("--runs", type=int, default=20, help="of each query")
    options = parser.parse_args()
    with scratch() as folder:
        lines = measure(folder, round(N_PURCHASES * options.scale), options.runs)
    write_section(
        "Queries",
        [
            f"By `make bench SCALE={options.scale:g}`; {machine()};",
            f"{options.runs} runs of each query in one connection, after one to warm up,",
            "by turns with the same on the bare table.",
            *lines,
        ],
    )


if __name__ == "__main__":
    main()
