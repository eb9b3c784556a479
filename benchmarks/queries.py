"""Timing worked queries: on facts beside a bare table, on reports, and what files take."""

import re
import statistics
import time
from pathlib import Path

import duckdb
from common import BUILD_MEMORY_LIMIT, ROOT, dbt

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


def make_table(data: Path, target: Path, query: str) -> None:
    """Make a table of landed rows."""
    with duckdb.connect(str(target)) as connection:
        connection.execute(f"set memory_limit = '{BUILD_MEMORY_LIMIT}'")
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
    dbt(data, "build", *only, *select, EVENTMART_MEMORY_LIMIT=BUILD_MEMORY_LIMIT)
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
