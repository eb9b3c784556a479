"""Time deliveries into the facts of purchases, and worked queries, at up to 100 million.

    python benchmarks/purchases.py --scale 1 --rounds 3 --runs 20

- Deliveries of 100,000 purchases into facts of 1, 10 and 100 million, by turns: what dbt
  takes for the fact, for its data tests, and for all models: its dimensions and what they
  are built from.
- On the largest: queries that scan the fact, beside the same on a bare table, which DuckDB
  makes of the text, sorted by hand; and the sizes of the files.
- On the one before it: queries of analyses/ that read reports.

`--histories 10 100` leaves out the largest. Prints tables and writes them to
docs/performance.md. Run it on a machine that does nothing else, with room for about 0.5 GB
a million of all sizes together.
"""

import argparse
import re
import statistics
import sys
import time
from pathlib import Path

import duckdb
from common import (
    ROOT,
    Taken,
    dbt,
    dbt_results,
    eventmart,
    machine,
    scratch,
    spread,
    write_section,
)
from landing import write_purchases

N_DELIVERED = 100_000
# How many times as many are held.
HISTORIES = (10, 100, 1_000)
N_IN_A_FILE = 10_000_000
# Of a build, and of an incremental one.
MEMORY_LIMIT, SMALL_MEMORY_LIMIT = "8GB", "500MB"
FACT = "marts.fct_purchases"
MODELS = (
    *("+fct_purchases", "+dim_kiosks", "+dim_products", "+dim_customers"),
    *("+dim_dates", "+dim_times_of_day", "+fct_deliveries"),
)
TESTS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
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
# What one would make of the text by hand, for these queries; and what takes no thought.
BARE = """
    create table purchases as
    select
        kiosk_id, product_id, card_hash as customer_key, fc_number,
        cast(substr(date_time, 1, 19) as timestamp) as purchased_at,
        cast(purchased_at as date) as purchase_date,
        extract(hour from purchased_at) as purchase_hour
    from landing.raw.purchases
    order by purchase_date, kiosk_id
"""
NAIVE = """
    create table purchases as
    select kiosk_id, product_id, card_hash, date_time, fc_number
    from landing.raw.purchases
"""


def analysis(name: str) -> str:
    """A worked query."""
    return (ROOT / "analyses" / f"{name}.sql").read_text()


def land(data: Path, first: int, n_rows: int, of: int) -> None:
    """Land some of so many purchases, as they come; files and what is kept are removed."""
    for start in range(first, first + n_rows, N_IN_A_FILE):
        file = data.parent / f"purchases_{start}.csv"
        write_purchases(file, min(N_IN_A_FILE, first + n_rows - start), start, of)
        eventmart(data, "land", "purchases", file)
        file.unlink()
        for kept in (data / "drops").iterdir():
            kept.unlink()


def deliver(
    data: Path, first: int, n_delivered: int, of: int
) -> tuple[float, float, float, float]:
    """Seconds of the fact, of all models and of the fact's tests, and the peak in MiB."""
    land(data, first, n_delivered, of)
    taken = dbt(
        data,
        *("build", "--select", *MODELS, *TESTS),
        EVENTMART_MEMORY_LIMIT=SMALL_MEMORY_LIMIT,
    )
    seconds = {r["unique_id"]: r["execution_time"] for r in dbt_results(data)}
    models = sum(t for name, t in seconds.items() if name.startswith("model."))
    tests = sum(
        t
        for name, t in seconds.items()
        if name.startswith("test.") and "fct_purchases" in name
    )
    return seconds["model.eventmart.fct_purchases"], models, tests, taken.peak_mib


def make_table(data: Path, target: Path, query: str) -> None:
    """Make a table of what has landed."""
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach '{data / 'landing.duckdb'}' as landing (read_only)")
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


def query_reports(data: Path, size: int, n_runs: int) -> list[str]:
    """Build the reports that worked queries read, and time these."""
    read = {
        table
        for name in ON_REPORTS
        for table in re.findall(r"(?:marts|reports)\.(\w+)", analysis(name))
    }
    only = ("--resource-type", "seed", "--resource-type", "model")
    select = ("--select", *(f"+{table}" for table in sorted(read)))
    dbt(data, "build", *only, *select, EVENTMART_MEMORY_LIMIT=MEMORY_LIMIT)
    lines = [f"| query on a report of {size:,} purchases | p50 |", "| --- | --- |"]
    file = data / "build" / "eventmart.duckdb"
    with duckdb.connect(str(file), read_only=True) as connection:
        for name in ON_REPORTS:
            (wall,) = p50(connection, [analysis(name)], n_runs)
            lines.append(f"| `{name}` | {wall:.1f} ms |")
    return lines


def query_facts(data: Path, size: int, n_runs: int) -> list[str]:
    """Time queries of the fact beside the same on a bare table, and compare the sizes."""
    naive, bare = data.parent / "naive.duckdb", data.parent / "bare.duckdb"
    file = data / "build" / "eventmart.duckdb"
    make_table(data, naive, NAIVE)
    n_naive = naive.stat().st_size
    naive.unlink()
    make_table(data, bare, BARE)
    lines = [
        f"| query on the fact of {size:,} purchases | p50 | on the bare table | ratio |",
        "| --- | --- | --- | --- |",
    ]
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute(f"attach '{bare}' as bare (read_only)")
        for name, query in {WEEKDAYS: analysis(WEEKDAYS), **ON_FACTS}.items():
            ours, reference = p50(
                connection, [query, query.replace(FACT, "bare.purchases")], n_runs
            )
            title = f"`{name}`" if name == WEEKDAYS else name
            lines.append(
                f"| {title} | {ours:.1f} ms | {reference:.1f} ms | {ours / reference:.2f} |"
            )
    sizes = {
        "naive: a table of all columns as text": n_naive,
        "the bare table, typed and sorted": bare.stat().st_size,
        "the build that readers see: the fact and its dimensions": file.stat().st_size,
        "intermediate tables": (data / "build" / "intermediate.duckdb").stat().st_size,
        "landing": (data / "landing.duckdb").stat().st_size,
    }
    bare.unlink()
    lines += [
        "",
        f"| file of {size:,} purchases | size | to naive |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {n_bytes / 1e6:,.0f} MB | {n_bytes / n_naive:.2f} |"
        for name, n_bytes in sizes.items()
    ]
    return lines


def measure(
    folder: Path, n_delivered: int, histories: list[int], rounds: int, n_runs: int
) -> tuple[list[str], list[str]]:
    """The table of deliveries by size of history, and those of queries."""
    sizes = [times * n_delivered for times in histories]
    places = {size: folder / str(size) for size in sizes}
    first: dict[int, Taken] = {}
    for size, data in places.items():
        eventmart(data, "init")
        land(data, 0, size, size)
        first[size] = dbt(
            data,
            *("build", "--select", *MODELS, *TESTS),
            EVENTMART_MEMORY_LIMIT=MEMORY_LIMIT,
        )
        seconds, peak = first[size].seconds, first[size].peak_mib
        print(f"{size:,}: {seconds:.0f} s, {peak:,.0f} MiB", flush=True)
    # By turns, as the speed of a machine may change within hours; to and fro, as what runs
    # before may tell on what runs after it.
    found: dict[int, list[tuple[float, float, float, float]]] = {s: [] for s in sizes}
    for number in range(rounds):
        for size in sizes[:: -1 if number % 2 else 1]:
            found[size].append(
                deliver(places[size], size + number * n_delivered, n_delivered, size)
            )
            figures = " ".join(f"{figure:.2f}" for figure in found[size][-1])
            print(f"{size:,}: {figures}", flush=True)
    deliveries = [
        "| purchases held | the first build | the fact | its data tests "
        "| both, to the smallest (range) | all models, summed | peak memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    smallest = [fact + tests for fact, _, tests, _ in found[sizes[0]]]
    for size, runs in found.items():
        fact, models, tests, _ = (
            statistics.median(column) for column in zip(*runs, strict=True)
        )
        peak = max(peak for *_, peak in runs)
        ratios = [
            (fact + tests) / least
            for (fact, _, tests, _), least in zip(runs, smallest, strict=True)
        ]
        deliveries.append(
            f"| {size:,} | {first[size].seconds:,.0f} s, {first[size].peak_mib:,.0f} MiB "
            f"| {fact:.2f} s | {tests:.2f} s "
            f"| {spread(ratios)} | {models:.2f} s | {peak:,.0f} MiB |"
        )
    on_facts, on_reports = sizes[-1], sizes[-2:][0]
    n_more = rounds * n_delivered
    # Facts first: where there is one size only, reports are built beside them.
    queries = [
        "",
        *query_facts(places[on_facts], on_facts + n_more, n_runs),
        "",
        *query_reports(places[on_reports], on_reports + n_more, n_runs),
    ]
    return deliveries, queries


def main() -> None:
    """Measure, print, and write the sections of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--scale", type=float, default=1, help="1: deliveries of 100,000 purchases"
    )
    parser.add_argument(
        "--histories",
        nargs="+",
        type=int,
        default=HISTORIES,
        help="how many times as many as are delivered are held",
    )
    parser.add_argument("--rounds", type=int, default=3, help="deliveries into each")
    parser.add_argument("--runs", type=int, default=20, help="of each query")
    options = parser.parse_args()
    n_delivered = round(N_DELIVERED * options.scale)
    command = " ".join(["benchmarks/purchases.py", *sys.argv[1:]])
    with scratch() as folder:
        deliveries, queries = measure(
            folder, n_delivered, options.histories, options.rounds, options.runs
        )
    write_section(
        "Purchases into facts of any size",
        [
            f"By `{command}`:",
            f"{n_delivered:,} purchases, the next in time, to days that are not older;",
            f"{machine()};",
            f"medians of {options.rounds} deliveries, by turns into each, to and fro, with",
            f"a memory limit of {SMALL_MEMORY_LIMIT}, their ratios within a turn,",
            "and their highest peak. All models are the fact,",
            "its dimensions and what they are built from; two run at once. The first build",
            f"has a memory limit of {MEMORY_LIMIT}, dbt's start, and tests that read all.",
            "",
            *deliveries,
        ],
    )
    write_section(
        "Queries",
        [
            f"By `{command}`; {machine()};",
            f"{options.runs} runs of each query in one connection, after one to warm up,",
            "by turns with the same on the bare table.",
            *queries,
        ],
    )


if __name__ == "__main__":
    main()
