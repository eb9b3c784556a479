"""Whether a data folder is of the demo: from its first landing on, it is or is not.

What the inbox holds lands only in a folder of its own kind, so that a setting that was
forgotten mixes no invented rows among real ones. A file that is named lands anywhere, and
what somebody puts into the demo's own folder is taken for a part of it.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from loaders.config.paths import Paths
from loaders.errors import UsageError
from loaders.sources.base import Offer

# What `eventmart demo` writes beside the folders of its feeds: see demo/truth.py.
_TRUTH_FILE = "truth.json"
_INSTEAD = (
    "say where your files are: EVENTMART_INBOX=inbox; or build what has landed: eventmart "
    "build; or give the demo a folder: EVENTMART_DATA=data_of_the_demo"
)


def truth_beside(uri: str) -> dict[str, Any] | None:
    """What is true of the demo set that a delivered file lies in; None if in none."""
    file = Path(uri).parent.parent / _TRUTH_FILE
    try:
        truth = _read(file, file.stat().st_mtime_ns)
    except (OSError, ValueError):
        return None
    return truth if truth.get("synthetic") else None


def check_kind(
    paths: Paths, landing: duckdb.DuckDBPyConnection, offers: Iterable[Offer]
) -> None:
    """Check that what an inbox offers is of the kind that the data folder holds.

    Raises:
        UsageError: saying what does not belong there, and where it does.
    """
    of_demo: list[str] = []
    of_others: list[str] = []
    for offer in offers:
        (of_demo if truth_beside(offer.uri) else of_others).append(offer.uri)
    first = _first_landed(landing)
    holds_demo = is_demo(paths, first) if first else bool(of_demo)
    if holds_demo and of_others:
        raise UsageError(
            f"{paths.data}: is a folder of the demo, which has invented rows; "
            f"{len(of_others)} files that are not part of the demo, such as "
            f"{of_others[0]}, would mix with them; nothing was landed; use another folder "
            f"for your own data: EVENTMART_DATA=mine EVENTMART_INBOX={paths.inbox}; or, "
            "to try it, name the files: eventmart land FEED FILE..."
        )
    if of_demo and not holds_demo:
        raise UsageError(
            f"{paths.data}: has your own data, first {first}; the demo's files in "
            f"{paths.inbox} have invented rows, and would mix with it; nothing was "
            f"landed; {_INSTEAD}"
        )


def check_may_hold_demo(paths: Paths, landing: duckdb.DuckDBPyConnection) -> None:
    """Check that the demo may be written into the inbox of a data folder.

    Raises:
        UsageError: if it holds other data.
    """
    first = _first_landed(landing)
    if first and not is_demo(paths, first):
        raise UsageError(
            f"{paths.data}: has your own data, first {first}; no demo was written; "
            f"{_INSTEAD}"
        )


def is_demo(paths: Paths, uri: str) -> bool:
    """Whether a delivery that landed was of the demo, though that may be gone by now."""
    return truth_beside(uri) is not None or Path(uri).is_relative_to(paths.data / "demo")


def _first_landed(landing: duckdb.DuckDBPyConnection) -> str | None:
    row = landing.execute(
        "select min_by(uri, delivery_seq) from raw.deliveries where status = 'landed'"
    ).fetchone()
    return row[0] if row else None


@lru_cache(maxsize=4)
def _read(file: Path, _mtime: int) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(file.read_text())
    return truth
