"""What the benchmarks share: timing commands, a section of docs/performance.md."""

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
# Of builds of all that has landed.
BUILD_MEMORY_LIMIT = "8GB"
# Keys of one data folder are those of another.
os.environ["EVENTMART_CUSTOMER_SECRET"] = "of the benchmarks, and so no secret"


@dataclass(frozen=True)
class Taken:
    """What a run took: wall time, peak memory, and the bytes that it left, if known."""

    seconds: float
    peak_mib: float
    n_bytes: int | None = None


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a while; open to PostgreSQL, which may run as another user."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run(command: list[str | Path], **environment: str) -> Taken:
    """Run a command; its wall time, and its peak memory with all that it started."""
    os.sync()  # what others wrote is not ours to wait for
    with _watched_memory() as peaks:
        began = time.perf_counter()
        done = subprocess.run(command, env={**os.environ, **environment}, check=False)
        seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return Taken(seconds, max(peaks))


def eventmart(data: Path, *arguments: str | Path, **environment: str) -> Taken:
    """Run the command line on a data folder; what is left is the landing database.

    The bytes that it keeps as they came are not counted: peers keep none.
    """
    call = [sys.executable, "-m", "loaders", *arguments]
    taken = run(call, EVENTMART_DATA=str(data), **environment)
    return replace(taken, n_bytes=(data / "landing.duckdb").stat().st_size)


def dbt(data: Path, *arguments: str, **environment: str) -> Taken:
    """Run dbt on a data folder; what is left are its two databases."""
    call = [Path(sys.executable).with_name("dbt"), "--quiet", *arguments]
    call += ["--project-dir", ROOT, "--target-path", data / "target"]
    call += ["--log-path", data / "logs"]
    its_own = {"EVENTMART_DATA": str(data), "DBT_PROFILES_DIR": str(ROOT)}
    taken = run(call, **its_own, **environment)
    n_bytes = sum(file.stat().st_size for file in (data / "build").glob("*.duckdb"))
    return replace(taken, n_bytes=n_bytes)


def dbt_results(data: Path) -> list[dict[str, Any]]:
    """What dbt noted of each node of its last run."""
    return json.loads((data / "target" / "run_results.json").read_text())["results"]


@contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Look five times a second at the memory of all processes below this one, in MiB."""
    peaks, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            peaks.append(sum(map(_memory_of, _processes_below(os.getpid()))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        is_over.set()
        watcher.join()


def _processes_below(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                yield child
                yield from _processes_below(child)


def _memory_of(pid: int) -> float:
    """A process's memory, with its part of shared memory; 0 once it is gone."""
    with suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        if found := re.search(r"^Pss: +(\d+)", text, re.MULTILINE):
            return int(found[1]) / 1024
    return 0


def alternate(ways: dict[str, Callable[[], Taken]], rounds: int) -> dict[str, list[Taken]]:
    """Run each way in each round, and say at once what it took."""
    found: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken = way()
            found[name].append(taken)
            print(f"{name:<28}{taken.seconds:8.1f} s{taken.peak_mib:8.0f} MiB", flush=True)
    return found


def table(found: dict[str, list[Taken]], reference: str) -> list[str]:
    """Medians, ratios to the reference in the same round, and the highest peaks."""
    lines = [
        f"| | wall, median | to {reference}, median (range) | peak memory | on disk |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, runs in found.items():
        ratios = [
            taken.seconds / other.seconds
            for taken, other in zip(runs, found[reference], strict=True)
        ]
        n_bytes = runs[-1].n_bytes
        lines.append(
            f"| {name} | {statistics.median(taken.seconds for taken in runs):.1f} s "
            f"| {spread(ratios)} "
            f"| {max(taken.peak_mib for taken in runs):,.0f} MiB "
            f"| {'' if n_bytes is None else f'{n_bytes / 1e6:,.0f} MB'} |"
        )
    return lines


def spread(ratios: list[float]) -> str:
    """The median of ratios and their range."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def by_command() -> str:
    """The command that measures, and what it measured on."""
    command = " ".join([f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"By `{command}`, on {os.cpu_count()} cores ({platform.machine()}), "
        f"{memory:.0f} GiB of memory, DuckDB {duckdb.__version__}, "
        f"Python {platform.python_version()}"
    )


def write_section(heading: str, lines: list[str], *, is_recorded: bool = True) -> None:
    """Print a section of docs/performance.md, and put it there; the others stay.

    Args:
        heading: its heading.
        lines: its text.
        is_recorded: whether it was measured at the size that the document is for; what
            was not is printed alone, so that it never replaces what was.
    """
    print("\n".join(["", f"## {heading}", "", *lines]))
    if not is_recorded:
        print(f"\nmeasured at another size: {DOCUMENT.name} stays as it is")
        return
    text = DOCUMENT.read_text() if DOCUMENT.exists() else "# Performance\n"
    intro, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    found = dict(part.split("\n", 1) for part in parts)
    found[heading] = "\n" + "\n".join(lines) + "\n"
    sections = [f"## {name}\n{body.rstrip()}\n" for name, body in sorted(found.items())]
    DOCUMENT.write_text("\n".join([intro.rstrip() + "\n", *sections]))
