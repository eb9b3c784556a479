"""Time writing the pages, and weigh them, beside their budgets.

    python benchmarks/pages.py --scale 1

Demo data is landed, built and published; then the pages are written again, three times.
Prints a table and writes it to docs/performance.md.
"""

import argparse
import statistics
from pathlib import Path

from common import dbt, eventmart, scratch, write_section

# Kilobytes of a page, of script and style, of a page's data, of all; seconds by scale.
PAGE, CODE, DATA, SITE = 80, 60, 900, 8000
SECONDS = {"default": 5, "real": 20}


def kilobytes(files: list[Path]) -> float:
    """The size of files."""
    return sum(file.stat().st_size for file in files) / 1000


def measure(data: Path, scale: float) -> list[tuple[str, float, float]]:
    """What the pages take: a name, the figure, and its budget."""
    eventmart(data, "init")
    eventmart(data, "demo", "--scale", str(scale))
    eventmart(data, "land")
    dbt(data, "build", "--exclude-resource-type", "unit_test")
    target = data / "target"
    eventmart(data, "publish", "--run-results", target / "run_results.json")
    target.rename(data / "build" / "target")
    seconds = [eventmart(data, "site").seconds for _ in range(3)]
    site = data / "published" / "site"
    pages = [file for file in site.rglob("*.html") if file.is_file()]
    code = [*site.glob("*.js"), *site.glob("*.css")]
    held = list(site.glob("data/*.js"))
    everything = [file for file in site.rglob("*") if file.is_file()]
    return [
        (
            "all pages, s",
            statistics.median(seconds),
            SECONDS["real" if scale >= 1 else "default"],
        ),
        ("largest page, kB", max(kilobytes([page]) for page in pages), PAGE),
        ("script and style, kB", kilobytes(code), CODE),
        ("data of a page, kB", kilobytes(held), DATA),
        ("site, kB", kilobytes(everything), SITE),
    ]


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.02)
    scale = parser.parse_args().scale
    with scratch() as folder:
        measured = measure(folder, scale)
    lines = [
        f"Demo data of scale {scale:g}; seconds of the whole command, median of three.",
        "",
        "| | measured | budget |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {figure:,.1f} | {budget:,} |" for name, figure, budget in measured),
    ]
    write_section("Pages", lines)


if __name__ == "__main__":
    main()
