"""Time the whole path at three sizes, and say what a thousand times the largest means.

    python benchmarks/cost.py --scale 1

Demo data of a tenth, three tenths and all of the scale is landed, built with all data tests
and built again, each once. What a thousand times as much takes is the straight line through
the two larger points. Prints a table and writes it to docs/performance.md. Run it on a
machine that does nothing else, with room for about 5 GB for each unit of scale.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from common import Taken, dbt, eventmart, machine, scratch, write_section

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
    again: Taken

    def figures(self) -> list[float]:
        """Seconds, GB and MiB, in the order of the columns."""
        return [
            self.delivered_bytes / 1e9,
            self.landing.seconds,
            self.building.seconds,
            self.again.seconds,
            self.landing_bytes / 1e9,
            (self.building.n_bytes or 0) / 1e9,
            self.landing.peak_mib,
            self.building.peak_mib,
        ]


def walk(data: Path, scale: float) -> Point:
    """Land and build demo data of this size."""
    eventmart(data, "init")
    eventmart(data, "demo", "--scale", str(scale))
    landing = eventmart(data, "land")
    building = dbt(data, "build", "--exclude-resource-type", "unit_test")
    again = dbt(data, "run")
    kept = sum(
        file.stat().st_size for file in (data / "drops").rglob("*") if file.is_file()
    )
    delivered = sum(file.stat().st_size for file in (data / "demo").rglob("*.*"))
    return Point(scale, delivered, landing, kept + (landing.n_bytes or 0), building, again)


def line(title: str, figures: list[float]) -> str:
    """A row of the table."""
    delivered, *seconds, landed, built = figures[:6]
    cells = [f"{delivered:,.2f} GB"]
    cells += [f"{n / 3600:,.1f} h" if n >= 3600 else f"{n:,.1f} s" for n in seconds]
    cells += [f"{landed:,.2f} GB", f"{built:,.2f} GB"]
    cells += [f"{mib / 1024:,.1f} GiB" for mib in figures[6:]]
    return f"| {title} | {' | '.join(cells)} |"


def projected(smaller: Point, larger: Point, scale: float) -> list[float]:
    """Each figure at another scale, by the straight line through two points."""
    step = larger.scale - smaller.scale
    return [
        high + (high - low) / step * (scale - larger.scale)
        for low, high in zip(smaller.figures(), larger.figures(), strict=True)
    ]


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="of the largest")
    options = parser.parse_args()
    points = []
    for tenths in TENTHS:
        with scratch() as folder:
            points.append(walk(folder, options.scale * tenths / 10))
        print(line(f"{points[-1].scale:g}", points[-1].figures()), flush=True)
    scale = options.scale * TIMES
    write_section(
        "Cost, measured and projected",
        [
            f"By `make bench SCALE={options.scale:g}`: the demo's files, landed, built "
            f"with all data tests, and built again; {machine()};",
            "each once. Demo data of scale 1 is 1.1 million purchases and the rest.",
            "",
            "| scale | delivered | landing | building | again, nothing changed "
            "| landing and kept bytes | build | peak, landing | peak, building |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
            *(line(f"{point.scale:g}", point.figures()) for point in points),
            line(f"{scale:g}, projected", projected(*points[-2:], scale)),
        ],
    )


if __name__ == "__main__":
    main()
