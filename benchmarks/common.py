"""What the benchmarks share: timing a command, and a section of docs/performance.md."""

import os
import platform
import re
import sys
import time
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"


def run(command: list[str], **environment: str) -> tuple[float, float]:
    """Run a command; its wall time in seconds and its peak memory in MiB."""
    os.sync()  # what others wrote is not ours to wait for
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, {**os.environ, **environment})
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"failed: {' '.join(command)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def machine() -> str:
    """What was measured on."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), DuckDB {duckdb.__version__}, "
        f"Python {platform.python_version()}"
    )


def write_section(heading: str, lines: list[str]) -> None:
    """Print a section of docs/performance.md, and put it there; the others stay."""
    print("\n".join(["", f"## {heading}", "", *lines]))
    text = DOCUMENT.read_text() if DOCUMENT.exists() else "# Performance\n"
    intro, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    found = dict(part.split("\n", 1) for part in parts)
    found[heading] = "\n" + "\n".join(lines) + "\n"
    sections = [f"## {name}\n{body.rstrip()}\n" for name, body in sorted(found.items())]
    DOCUMENT.write_text("\n".join([intro.rstrip() + "\n", *sections]))
