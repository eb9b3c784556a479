"""What dbt needs of this project before and while it has its files open: profiles.yml.

By it, dbt by hand works in a new data folder, and notes in the build file itself what
became of a run: see `macros/state/note_run.sql` and `loaders/publishing/tested.py`.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection
from duckdb.func import FunctionNullHandling

from loaders.config.feeds import load_feeds
from loaders.landing.database import open_landing
from loaders.landing.schema import create_tables, migrate
from loaders.publishing.fingerprint import n_checkpoints


class Plugin(BasePlugin):
    """What dbt-duckdb calls around each connection."""

    def update_connection_config(
        self, creds: DuckDBCredentials, config: dict[str, Any]
    ) -> None:
        """Make what DuckDB would not: the folders of its files, an empty landing.

        A landing that an earlier version has written is brought up to date.
        """
        del config
        Path(creds.path).parent.mkdir(0o700, parents=True, exist_ok=True)
        for attached in creds.attach or []:
            file = Path(attached.path)
            file.parent.mkdir(parents=True, exist_ok=True)
            if attached.read_only and file.exists():
                migrate(file, command="dbt")
            elif attached.read_only:
                with open_landing(file, command="dbt") as landing:
                    create_tables(landing, load_feeds())

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Let SQL ask how often a file was written, and for the adapter's version."""
        conn.create_function(
            "n_checkpoints",
            lambda path: n_checkpoints(Path(path)) if path else None,
            ["varchar"],
            "bigint",
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=True,
        )
        conn.create_function(
            "adapter_version", lambda: version("dbt-duckdb"), [], "varchar"
        )
