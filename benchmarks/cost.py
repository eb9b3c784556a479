"""Time the whole path at three sizes, and say what a thousand times the largest means.

    python benchmarks/cost.py --scale 1

Demo data of a tenth, three tenths and all of the scale is landed, built with all data
tests, published and built again, each once. What a thousand times as much takes is the
straight line through the two larger points, where what grows outweighs what is fixed.
Prints a table and writes it to docs/performance.md. Run it on a machine that does nothing
else, with room for about 6 GB for each unit of scale.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import Taken, by_command, dbt, eventmart, scratch, write_section

TENTHS = (1, 3, 10)
TIMES = 1000


@dataclass(frozen=True)
class Point:
    """What the whole path takes at one size; bytes are those that stay."""

    scale: float
    delivered_bytes: int
    landing: Taken
    landing_bytes: int
    building: Taken
    publishing: Taken
    published_bytes: int
    again: Taken


def walk(data: Path, scale: float) -> Point:
    """Land, build and publish demo data of this size."""
    eventmart(data, "init")
    eventmart(data, "demo", "--scale", str(scale))
    landing = eventmart(data, "land")
    building = dbt(data, "build", "--exclude-resource-type", "unit_test")
    results = data / "target" / "run_results.json"
    publishing = eventmart(data, "publish", "--run-results", results)
    again = dbt(data, "run")
    return Point(
        scale=scale,
        delivered_bytes=n_bytes_below(data / "demo"),
        landing=landing,
        landing_bytes=(landing.n_bytes or 0) + n_bytes_below(data / "drops"),
        building=building,
        publishing=publishing,
        published_bytes=n_bytes_below(data / "published" / "versions"),
        again=again,
    )


def n_bytes_below(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def hours(seconds: float) -> str:
    """Seconds, or hours where they are many."""
    return f"{seconds / 3600:,.1f} h" if seconds >= 3600 else f"{seconds:,.1f} s"


def gigabytes(n: float) -> str:
    """Bytes in GB."""
    return f"{n / 1e9:,.2f} GB"


# Title, figure, and how it is written. Peaks of memory are bounded by DuckDB's limit, and
# follow no line.
COLUMNS: tuple[tuple[str, Callable[[Point], float], Callable[[float], str]], ...] = (
    ("delivered", lambda p: p.delivered_bytes, gigabytes),
    ("landing", lambda p: p.landing.seconds, hours),
    ("building", lambda p: p.building.seconds, hours),
    ("publishing", lambda p: p.publishing.seconds, hours),
    ("again, nothing changed", lambda p: p.again.seconds, hours),
    ("landing and kept bytes", lambda p: p.landing_bytes, gigabytes),
    ("build", lambda p: p.building.n_bytes or 0, gigabytes),
    ("published", lambda p: p.published_bytes, gigabytes),
)


def measured(point: Point) -> str:
    """The row of the measured figures."""
    cells = [write(figure(point)) for _, figure, write in COLUMNS]
    peaks = [f"{taken.peak_mib:,.0f} MiB" for taken in (point.landing, point.building)]
    return f"| {point.scale:g} | {' | '.join([*cells, *peaks])} |"


def projected(smaller: Point, larger: Point, scale: float) -> str:
    """The row of another scale, by the straight line through two points.

    Where what is fixed outweighs what grows, two points say nothing of a line.
    """
    cells = []
    for _, figure, write in COLUMNS:
        low, high = figure(smaller), figure(larger)
        slope = (high - low) / (larger.scale - smaller.scale)
        beyond = high + slope * (scale - larger.scale)
        cells.append(write(beyond) if high > 1.5 * low else "mostly fixed")
    return f"| {scale:g}, projected | {' | '.join([*cells, '', ''])} |"


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="of the largest")
    options = parser.parse_args()
    points = []
    for tenths in TENTHS:
        with scratch() as folder:
            points.append(walk(folder, options.scale * tenths / 10))
        print(measured(points[-1]), flush=True)
    write_section(
        "Cost, measured and projected",
        [
            f"{by_command()};",
            "the demo's files, landed, built with all data tests, published with all",
            "exports, and built again, each once. Demo data of scale 1 is 1.1 million",
            "purchases and the rest.",
            "",
            f"| scale | {' | '.join(title for title, *_ in COLUMNS)} "
            "| peak, landing | peak, building |",
            "| ---" * (len(COLUMNS) + 3) + " |",
            *map(measured, points),
            projected(*points[-2:], options.scale * TIMES),
        ],
        is_recorded=options.scale == 1,
    )


if __name__ == "__main__":
    main()
