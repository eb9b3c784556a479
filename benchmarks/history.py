"""Time deliveries into facts of any size: they are to follow the delivery alone.

    python benchmarks/history.py --scale 1 --rounds 3

- 100,000 purchases, the next in time, into facts of 1, 10 and 100 million. With these are
  timed queries of queries.py: those that scan the fact, on the largest, and those that read
  reports, on the one before it.
- A window of which 10,000 requests have changed, into facts of 1 and 10 million.

Timed is what dbt takes for the fact, for its data tests, and for all models: the fact, what
is counted of it by day, its dimensions, and what they are built from.

`--feed purchases --histories 10 100` leaves out the largest. Prints tables and writes them
to docs/performance.md. Run it on a machine that does nothing else, with room for about
0.6 GB a million purchases, of all sizes together.
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import (
    BUILD_MEMORY_LIMIT,
    Taken,
    by_command,
    dbt,
    dbt_results,
    eventmart,
    scratch,
    spread,
    write_section,
)
from landing import write_purchases
from queries import query_facts, query_reports
from window import write_window

N_IN_A_FILE = 10_000_000
# Of an incremental build.
MEMORY_LIMIT = "500MB"
TESTS = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")


@dataclass(frozen=True)
class Feed:
    """What is delivered, into how many times as many, and what is built of it.

    Delivering takes the data folder, how many are held, how many are delivered, and the
    delivery's number; 0 lands all that are held.
    """

    delivered: str
    fact: str
    others: tuple[str, ...]
    n_delivered: int
    histories: tuple[int, ...]
    deliver: Callable[[Path, int, int, int], None]


@dataclass(frozen=True)
class Built:
    """Seconds that dbt took for a delivery, and the peak of memory in MiB."""

    fact: float
    tests: float
    models: float
    peak_mib: float

    @property
    def scoped(self) -> float:
        """What is to follow the delivery alone."""
        return self.fact + self.tests


def land(data: Path, feed: str, file: Path, *options: str) -> None:
    """Land a file, and remove it and what is kept of it, which no build reads."""
    eventmart(data, "land", feed, file, *options)
    file.unlink()
    for kept in (data / "drops").iterdir():
        kept.unlink()


def deliver_purchases(data: Path, held: int, n_delivered: int, number: int) -> None:
    """Land purchases in the order of time."""
    first = held + (number - 1) * n_delivered if number else 0
    end = first + (n_delivered if number else held)
    for start in range(first, end, N_IN_A_FILE):
        file = data.parent / f"purchases_{start}.csv"
        write_purchases(file, min(N_IN_A_FILE, end - start), start, held)
        land(data, "purchases", file)


def deliver_requests(data: Path, held: int, n_delivered: int, number: int) -> None:
    """Land the window, in which as many more have been closed each time."""
    file = data.parent / "window.csv"
    write_window(file, held, n_delivered, number)
    land(data, "service_requests", file, "--as-of", f"2016-01-0{number + 2}")


FEEDS = {
    "purchases": Feed(
        delivered="purchases, the next in time",
        fact="fct_purchases",
        others=(
            *("dim_kiosks", "dim_products", "dim_customers", "dim_dates"),
            *("dim_times_of_day", "fct_deliveries", "fct_kiosk_days"),
        ),
        n_delivered=100_000,
        histories=(10, 100, 1_000),
        deliver=deliver_purchases,
    ),
    "service_requests": Feed(
        delivered="requests of a window changed, which comes whole",
        fact="fct_service_requests",
        others=("dim_request_types", "dim_neighborhoods"),
        n_delivered=10_000,
        histories=(100, 1_000),
        deliver=deliver_requests,
    ),
}


def build(data: Path, feed: Feed, memory_limit: str) -> tuple[Taken, Built]:
    """Build and test the fact and others; what dbt took, and of that for what."""
    taken = dbt(
        data,
        *("build", "--select", f"+{feed.fact}", *(f"+{name}" for name in feed.others)),
        *TESTS,
        EVENTMART_MEMORY_LIMIT=memory_limit,
    )
    seconds = {r["unique_id"]: r["execution_time"] for r in dbt_results(data)}
    models = {name: t for name, t in seconds.items() if name.startswith("model.")}
    tests = {name: t for name, t in seconds.items() if name.startswith("test.")}
    return taken, Built(
        fact=models[f"model.eventmart.{feed.fact}"],
        tests=sum(t for name, t in tests.items() if feed.fact in name),
        models=sum(models.values()),
        peak_mib=taken.peak_mib,
    )


def prepare(data: Path, feed: Feed, n_delivered: int, held: int) -> Taken:
    """Land what is held, and build it."""
    eventmart(data, "init")
    feed.deliver(data, held, n_delivered, 0)
    first, _ = build(data, feed, BUILD_MEMORY_LIMIT)
    print(f"{held:,}: {first.seconds:.0f} s, {first.peak_mib:,.0f} MiB", flush=True)
    return first


def deliver_by_turns(
    places: dict[int, Path], feed: Feed, n_delivered: int, rounds: int
) -> dict[int, list[Built]]:
    """What each delivery took, by what is held.

    By turns, because the speed of a machine may change within hours; forward and back,
    because a run may affect the one after it.
    """
    found: dict[int, list[Built]] = {held: [] for held in places}
    for number in range(1, rounds + 1):
        for held in list(places)[:: 1 if number % 2 else -1]:
            feed.deliver(places[held], held, n_delivered, number)
            _, built = build(places[held], feed, MEMORY_LIMIT)
            found[held].append(built)
            print(f"{held:,}: {built}", flush=True)
    return found


def table(first: dict[int, Taken], found: dict[int, list[Built]]) -> list[str]:
    """Medians, ratios to the smallest in the same turn, and the highest peaks."""
    lines = [
        "| held | the first build | the fact | its data tests "
        "| both, to the smallest (range) | all models, summed | peak memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    smallest = found[min(found)]
    for held, runs in found.items():
        fact, tests, models = (
            statistics.median(getattr(built, name) for built in runs)
            for name in ("fact", "tests", "models")
        )
        ratios = [
            built.scoped / least.scoped for built, least in zip(runs, smallest, strict=True)
        ]
        peak = max(built.peak_mib for built in runs)
        lines.append(
            f"| {held:,} | {first[held].seconds:,.0f} s, {first[held].peak_mib:,.0f} MiB "
            f"| {fact:.2f} s | {tests:.2f} s | {spread(ratios)} | {models:.2f} s "
            f"| {peak:,.0f} MiB |"
        )
    return lines


def measure(
    name: str, scale: float, histories: list[int] | None, rounds: int, n_runs: int
) -> None:
    """Measure one feed, and write its sections of docs/performance.md."""
    feed, title = FEEDS[name], name.replace("_", " ")
    is_recorded = scale == 1 and not histories
    n_delivered = round(feed.n_delivered * scale)
    sizes = [times * n_delivered for times in sorted(histories or feed.histories)]
    with scratch() as folder:
        places = {held: folder / str(held) for held in sizes}
        first = {
            held: prepare(data, feed, n_delivered, held) for held, data in places.items()
        }
        found = deliver_by_turns(places, feed, n_delivered, rounds)
        write_section(
            f"Deliveries of {title}, into facts of any size",
            [
                f"{by_command()};",
                f"{n_delivered:,} {feed.delivered};",
                f"medians of {rounds} deliveries, into each size in turn, forward and",
                f"back, with a memory limit of {MEMORY_LIMIT}, the ratios within a turn,",
                f'and the highest peak. "All models" are the fact, '
                f"{', '.join(feed.others)},",
                "and the models that they are built from; two run at once. The first build",
                "includes dbt's start and tests that read all rows, and has a limit of",
                f"{BUILD_MEMORY_LIMIT}.",
                "",
                *table(first, found),
            ],
            is_recorded=is_recorded,
        )
        if name == "purchases":
            n_more = rounds * n_delivered
            largest, before = sizes[-1], sizes[-2:][0]
            # Facts first: where there is one size only, reports are built beside them.
            write_section(
                "Queries",
                [
                    f"{by_command()};",
                    f"{n_runs} runs of each query in one connection, after one warm-up,",
                    "alternating with the same query on the bare table.",
                    "",
                    *query_facts(places[largest], largest + n_more, n_runs),
                    "",
                    *query_reports(places[before], before + n_more, n_runs),
                ],
                is_recorded=is_recorded,
            )


def main() -> None:
    """Measure, print, and write the sections of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--scale", type=float, default=1, help="1: deliveries of 100,000 and of 10,000"
    )
    parser.add_argument("--feed", choices=FEEDS, help="that alone")
    parser.add_argument(
        "--histories",
        nargs="+",
        type=int,
        help="how many times as many as are delivered are held",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, choices=range(1, 6), help="deliveries into each"
    )
    parser.add_argument("--runs", type=int, default=20, help="of each query")
    options = parser.parse_args()
    for name in [options.feed] if options.feed else FEEDS:
        measure(name, options.scale, options.histories, options.rounds, options.runs)


if __name__ == "__main__":
    main()
