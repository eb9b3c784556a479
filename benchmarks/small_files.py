"""Time the landing of many small files, as they come from kiosks through a day.

    python benchmarks/small_files.py --scale 1 --rounds 3

Lands a thousand files of three purchases by one command into an empty landing, beside one
such file alone, which is the start-up. Prints what a file takes, and writes it to
docs/performance.md. Run it on a machine that does nothing else.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

from common import Taken, alternate, by_command, scratch, spread, write_section
from landing import landed_anew, write_purchases

N_FILES, N_ROWS = 1_000, 3


def write_files(folder: Path, n_files: int) -> None:
    """Write so many files, each of the next three purchases."""
    folder.mkdir()
    whole = folder.with_suffix(".csv")
    write_purchases(whole, n_files * N_ROWS)
    header, *rows = whole.read_text().splitlines(keepends=True)
    for number in range(n_files):
        own = rows[number * N_ROWS : (number + 1) * N_ROWS]
        (folder / f"{number:06}.csv").write_text(header + "".join(own))


def main() -> None:
    """Measure, print, and write the section of docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="1: a thousand files")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    n_files = max(2, round(N_FILES * options.scale))
    with scratch() as folder:
        write_files(folder / "many", n_files)
        one = folder / "many" / f"{0:06}.csv"
        ways: dict[str, Callable[[], Taken]] = {
            "one file": partial(landed_anew, folder / "data", one),
            f"{n_files:,} files": partial(landed_anew, folder / "data", folder / "many"),
        }
        found = alternate(ways, options.rounds)
    start, whole = found.values()
    each = [
        1000 * (all_.seconds - first.seconds) / (n_files - 1)
        for first, all_ in zip(start, whole, strict=True)
    ]
    write_section(
        "Many small files",
        [
            f"{by_command()};",
            f"files of {N_ROWS} purchases, landed by one command into an empty landing,",
            f"each in a transaction of its own; {options.rounds} alternating rounds. One",
            f"file takes {statistics.median(taken.seconds for taken in start):.1f} s with "
            f"the start-up, {n_files:,} files",
            f"{statistics.median(taken.seconds for taken in whole):.1f} s: "
            f"{spread(each)} ms for each further file, with",
            f"a peak of {max(taken.peak_mib for taken in whole):,.0f} MiB.",
        ],
        is_recorded=options.scale == 1,
    )


if __name__ == "__main__":
    main()
