"""Where everything stands on disk, decided by two environment variables."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.errors import UsageError

# The checkout that this runs in; installed without one, there is no project here.
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Paths:
    """The data folder (`$EVENTMART_DATA`) and the inbox (`$EVENTMART_INBOX`)."""

    data: Path
    inbox: Path

    @classmethod
    def from_environment(cls) -> "Paths":
        """Read both variables; the inbox defaults to the demo's folder in the data.

        Raises:
            UsageError: if the data folder is none, and cannot be made.
        """
        data = Path(os.environ.get("EVENTMART_DATA") or "data").absolute()
        # What may not be looked at does not exist, for `os.path`.
        there = next(one for one in (data, *data.parents) if os.path.exists(one))  # noqa: PTH110
        rights = os.X_OK | (os.R_OK if there == data else os.W_OK)
        if not there.is_dir() or not os.access(there, rights):
            why = "not yours to use" if there.is_dir() else "no folder"
            raise UsageError(
                f"{data}: cannot be the data folder: {there} is {why}; set EVENTMART_DATA "
                "to a folder of yours, which need not be there yet"
            )
        inbox = os.environ.get("EVENTMART_INBOX")
        return cls(data, Path(inbox).absolute() if inbox else data / "demo")

    @property
    def landing(self) -> Path:
        """The loader's own database: raw tables, ledger, rejects."""
        return self.data / "landing.duckdb"

    @property
    def drops(self) -> Path:
        """Kept bytes of every delivery, compressed, named by their SHA-256."""
        return self.data / "drops"

    @property
    def spool(self) -> Path:
        """Scratch files of a running landing; safe to empty when none runs."""
        return self.data / "spool"

    @property
    def fetched(self) -> Path:
        """Scratch files of fetched sources, which land at once."""
        return self.data / "fetched"

    @property
    def build(self) -> Path:
        """The database that dbt builds."""
        return self.data / "build" / "eventmart.duckdb"

    @property
    def intermediate(self) -> Path:
        """The database of dbt's intermediate tables."""
        return self.data / "build" / "intermediate.duckdb"

    @property
    def target(self) -> Path:
        """Where dbt keeps what it parsed, compiled and recorded of builds of this data."""
        return self.data / "build" / "target"

    @property
    def logs(self) -> Path:
        """Where dbt logs builds of this data."""
        return self.data / "build" / "logs"

    @property
    def build_lock(self) -> Path:
        """Locked by who builds or publishes, with a note of who that is."""
        return self.data / "build.lock"

    @property
    def private(self) -> Iterator[Path]:
        """All that holds, or may hold, what was delivered: what is there of it now."""
        yield from (self.build.parent, self.drops, self.spool, self.fetched)
        yield from (self.data / "as_of", self.build_lock, self.data / "customer.secret")
        # With the log, spill folders and notes of each, which stand beside it.
        yield from self.data.glob(f"{self.landing.name}*")
        yield from self.build.parent.glob("*.duckdb*")

    @property
    def published(self) -> Path:
        """The folder that readers see."""
        return self.data / "published"

    @property
    def docs(self) -> Path:
        """The page that tells readers what every table and column is."""
        return self.published / "docs.html"


def require_checkout(what: str) -> None:
    """Check that the project's models, seeds and queries are there, for what needs them.

    Raises:
        UsageError: saying how to get them.
    """
    if not (PROJECT / "dbt_project.yml").is_file():
        raise UsageError(
            f"{what} needs the project's models, seeds and queries, which the installed "
            "package does not contain; run it in a checkout: git clone the project, "
            "`make setup` there, and .venv/bin/eventmart with the same EVENTMART_DATA"
        )
