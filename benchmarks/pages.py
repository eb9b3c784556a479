"""Time writing the pages, and weigh them, beside their budgets.

    python benchmarks/pages.py --scale 1

Demo data is landed, built and published; then the pages are written again, three times.
Prints a table and writes it to docs/performance.md.
"""

import argparse
import resource
import shutil
import statistics
from pathlib import Path

import duckdb
from common import dbt, eventmart, scratch, write_section
from playwright.sync_api import sync_playwright

from loaders.pages.site import About, read_texts, write_site
from loaders.publishing.privacy import read_disclosure, read_settings
from loaders.sql import literal, quoted

# Kilobytes of a page, of script and style, of a page's data, of all; seconds by scale.
PAGE, CODE, DATA, SITE = 80, 60, 900, 8000
SECONDS = {"default": 5, "real": 20}
# Accidents in the explorer; milliseconds until it can be used, and from filter to paint.
N_ACCIDENTS, USABLE, MEDIAN, WORST = 125_000, 1000, 50, 120
FILTERS = [
    "kind=impaired",
    "week=7-9-0-4",
    "by=residents",
    "places=baker,cbd",
    "compare=year",
    "by=area&sort=-area",
    "",
    "kind=hit_and_run&week=15-18-0-4",
    "week=0-23-5-6&by=residents",
    "compare=baker&kind=serious",
]
PAINTS = """async (filters) => {
    const taken = [];
    for (const filter of [...filters, ...filters]) {
        await new Promise((done) => setTimeout(done, 50));
        const start = performance.now();
        eventmart.explorer.go(filter);
        // A message after the frame's callbacks is handled once it is painted.
        await new Promise((done) => requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = done;
            port2.postMessage(0);
        }));
        taken.push(performance.now() - start);
    }
    return taken;
}"""


def kilobytes(files: list[Path]) -> float:
    """The size of files."""
    return sum(file.stat().st_size for file in files) / 1000


def _processor_seconds(data: Path) -> float:
    """What `eventmart site` takes of the processors, whatever else they do."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    eventmart(data, "site")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(data: Path, scale: float) -> list[tuple[str, float, float]]:
    """What the pages take: a name, the figure, and its budget."""
    eventmart(data, "init")
    eventmart(data, "demo", "--scale", str(scale))
    eventmart(data, "land")
    dbt(data, "build", "--exclude-resource-type", "unit_test")
    target = data / "target"
    eventmart(data, "publish", "--run-results", target / "run_results.json")
    target.rename(data / "build" / "target")
    seconds = [_processor_seconds(data) for _ in range(3)]
    site = data / "published" / "site"
    pages = [file for file in site.rglob("*.html") if file.is_file()]
    # What the heaviest page loads.
    common = [site / "site.js", site / "site.css", site / "explorer.css"]
    code = [*common, site / "explorer.js"]
    held = [file for file in site.glob("data/*.js") if "points" not in file.name]
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
        *explored(data),
    ]


def explored(data: Path) -> list[tuple[str, float, float]]:
    """The explorer of accidents, of as many accidents as a real city has in some years."""
    file, folder = data / "many.duckdb", data / "many"
    shutil.copy((data / "published" / "eventmart.duckdb").resolve(), file)
    with duckdb.connect(str(file)) as connection:
        connection.execute(
            "insert into marts.fct_incidents "
            "select incidents.* replace (uuid() as incident_key) "
            "from marts.fct_incidents as incidents cross join range(1000) limit "
            "? - (select count(*) from marts.fct_incidents)",
            [N_ACCIDENTS],
        )
    texts = read_texts(data / "build" / "target" / "manifest.json")
    only = {"accidents": texts["accidents"]}
    about = About(1, "0" * 64, 1, 5, True)
    write_site(file, folder, data / "published" / "exports", only, about)
    chromium = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        opened = []
        for _ in range(5):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto((folder / "accidents.html").as_uri())
            opened.append(
                page.evaluate(
                    "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
                )
            )
        runs = [page.evaluate(PAINTS, FILTERS) for _ in range(3)]
        browser.close()
    held = [file for file in folder.glob("data/*.js") if "points" not in file.name]
    taken = runs[0]
    # What other programs of the machine take is in some runs, and not in all.
    least = [min(times) for times in zip(*runs, strict=True)]
    late = kilobytes([folder / "data" / "accident_points.js"])
    return [
        (f"data of {N_ACCIDENTS:,} accidents, kB", kilobytes(held), DATA),
        ("their points, loaded late, kB", late, DATA),
        ("explorer usable, ms", statistics.median(opened), USABLE),
        ("filter to paint, median of 20, ms", statistics.median(taken), MEDIAN),
        ("filter to paint, worst of 20, ms", max(taken), WORST),
        ("the same, each the least of three, median, ms", statistics.median(least), MEDIAN),
        ("the same, each the least of three, worst, ms", max(least), WORST),
    ]


def hidden(data: Path) -> tuple[int, int, int]:
    """Of the rows of all exports: how many there are, are small, and hide for others."""
    n = n_small = n_hidden = 0
    published = data / "published"
    relations = read_disclosure(data / "build" / "target" / "manifest.json").relations
    with duckdb.connect(str(published / "eventmart.duckdb"), read_only=True) as connection:
        for report in relations:
            if report.schema != "reports" or report.cell is None:
                continue
            file = published / "exports" / f"{report.name}.parquet"
            limit = read_settings().least_count
            is_small = " or ".join(
                f"({quoted(name)} > 0 and {quoted(name)} < {limit})"
                for name in report.cell.counts
            )
            found = connection.execute(
                f"select count(*), count(*) filter ({is_small}), "
                f"(select count(*) filter (is_suppressed) from {literal(str(file))}) "
                f"from reports.{quoted(report.name)}"
            ).fetchall()[0]
            n, n_small, n_hidden = n + found[0], n_small + found[1], n_hidden + found[2]
    return n, n_small, n_hidden - n_small


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.02)
    scale = parser.parse_args().scale
    with scratch() as folder:
        measured = measure(folder, scale)
        n, n_small, n_for_others = hidden(folder)
    lines = [
        f"Demo data of scale {scale:g}; processor seconds of the command, median of three,",
        "with its start. Milliseconds are wall time.",
        "",
        "| | measured | budget |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {figure:,.1f} | {budget:,} |" for name, figure, budget in measured),
        "",
        f"Of {n:,} rows of exports that count people, {n_small:,} are hidden for a small",
        f"count, and {n_for_others:,} for another's sake.",
    ]
    write_section("Pages", lines)


if __name__ == "__main__":
    main()
