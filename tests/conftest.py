"""Shared by all tests: the real data, and the figures of the long ones."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_FIGURES: dict[str, list[str]] = {}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real open data; where it is not, the test is skipped."""
    folder = Path(os.environ.get("REAL_DATA_DIR") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set REAL_DATA_DIR")
    return folder


@pytest.fixture(scope="session")
def report() -> Iterator[Callable[[str, str], None]]:
    """Note a figure for docs/reliability.md, under a heading."""
    return lambda heading, line: _FIGURES.setdefault(heading, []).append(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the figures of a whole, green run of the long tests."""
    if exitstatus or not _FIGURES:
        return
    text = [
        "# Reliability",
        "",
        "Written by `make test-full`; every line is a test that passed.",
        "",
    ]
    for heading, lines in sorted(_FIGURES.items()):
        text += [f"## {heading}", "", *sorted(f"- {line}" for line in lines), ""]
    (ROOT / "docs" / "reliability.md").write_text("\n".join(text[:-1]) + "\n")
