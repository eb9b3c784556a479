"""Shared by all tests: the real data, and what docs/reliability.md says of them."""

import os
import re
import signal
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import IDS

# Fixtures that more than one folder uses: read once, so that each is built once.
pytest_plugins = ["tests.projects"]
# Of every warehouse the same, so that keys of one are those of another.
os.environ["EVENTMART_CUSTOMER_SECRET"] = "of the tests, and so no secret"
ROOT = Path(__file__).parents[1]
RELIABILITY = ROOT / "docs" / "reliability.md"
FAULTS_HEADING = "Faults, and the tests that drive the loader into them"
_figures: dict[str, list[str]] = defaultdict(list)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real open data; where it is not, the test is skipped."""
    folder = Path(os.environ.get("REAL_DATA_DIR") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set REAL_DATA_DIR")
    return folder


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Note a line of docs/reliability.md, under a heading: kept if the run is green.

    For tests marked `full` only: shorter ones have less to show.
    """
    properties = request.node.user_properties
    return lambda heading, line: properties.append(("figure", (heading, line)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let figures be written where asked for alone: tests leave the work tree as it is."""
    parser.addoption(
        "--write-reliability",
        action="store_true",
        help="write what tests marked full have measured to docs/reliability.md",
    )


def pytest_configure() -> None:
    """Let those whom tests interrupt be interrupted.

    A shell that runs us in the background has us ignore Ctrl-C, and our children too.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a fault that nobody knows; begin with what takes longest."""
    # So that all processes end at about the same time.
    items.sort(key=lambda item: item.path.parent.name not in ("path", "storm"))
    for item in items:
        for mark in item.iter_markers("fault"):
            if unknown := set(mark.args) - set(IDS):
                raise pytest.UsageError(f"{item.nodeid}: no such fault: {unknown}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Gather the figures, from other processes too."""
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name == "figure":
                heading, line = value
                _figures[heading].append(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Bring up to date the sections that a green run has measured."""
    is_worker = hasattr(session.config, "workerinput")
    is_asked = session.config.getoption("--write-reliability")
    if exitstatus or is_worker or not is_asked or not _figures:
        return
    write_sections(
        {
            heading: "\n".join(
                lines if lines[0].startswith("|") else sorted(f"- {line}" for line in lines)
            )
            for heading, lines in _figures.items()
        }
    )


def read_sections() -> dict[str, str]:
    """The sections of docs/reliability.md, by heading."""
    parts = re.split(r"^## (.*)\n\n", RELIABILITY.read_text(), flags=re.MULTILINE)[1:]
    return {h: t.rstrip("\n") for h, t in zip(parts[::2], parts[1::2], strict=True)}


def write_sections(sections: dict[str, str]) -> None:
    """Replace sections of docs/reliability.md; the others stay."""
    text = (
        "# Reliability\n\n"
        "Written by `make test-full` from tests that passed; each section by the tests "
        "that it\nreports, and that of mutants by `make mutants`.\n"
    )
    for heading, body in sorted((read_sections() | sections).items()):
        text += f"\n## {heading}\n\n{body}\n"
    RELIABILITY.write_text(text)
