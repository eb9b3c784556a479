"""The project's SQL without dbt around it: a full rebuild in a second.

What dbt would run is compiled once, and then run against any landing. A test holds this
against dbt itself, so that what is shown of one is true of the other.
"""

import re
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import duckdb
from dbt.contracts.graph.nodes import ModelNode

from loaders.config.paths import PROJECT
from tests.projects import SEARCH_PATH, new_project


@dataclass(frozen=True)
class Compiled:
    """The models in the order of what they are built from, and a file with the seeds."""

    models: tuple[ModelNode, ...]
    seeds: Path

    def build(self, landing: Path, *only: str) -> duckdb.DuckDBPyConnection:
        """Build everything anew, in memory, as `dbt run --full-refresh` would.

        Or `only` some models, and what they are built from.
        """
        connection = self.connect()
        connection.execute(f"attach '{landing}' as landing (read_only)")
        wanted = self._ancestry(only) if only else self.models
        self.add(connection, *(model.name for model in wanted))
        return connection

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Databases in memory with the seeds and the schemas of all models."""
        connection = duckdb.connect()
        # Of tables so small a second thread costs more than it helps.
        connection.execute("set threads = 1; set preserve_insertion_order = false")
        connection.execute("set timezone = 'UTC'")
        for name in ("eventmart", "intermediate"):
            connection.execute(f"attach ':memory:' as {name}")
        connection.execute(f"attach '{self.seeds}' as seeds (read_only)")
        connection.execute("copy from database seeds to eventmart; detach seeds")
        for schema in sorted({f"{model.database}.{model.schema}" for model in self.models}):
            connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"set search_path = '{SEARCH_PATH}'")
        return connection

    def add(self, connection: duckdb.DuckDBPyConnection, *names: str) -> None:
        """Build these models on what is there."""
        for model in self.models:
            if model.name in names:
                kind = "view" if model.config.materialized == "view" else "table"
                connection.execute(
                    f"create {kind} {model.relation_name} as {model.compiled_code}"
                )

    def failures(
        self, connection: duckdb.DuckDBPyConnection, test: str
    ) -> list[tuple[object, ...]]:
        """What a data test finds, one that names nothing but models."""
        text = (PROJECT / "tests" / f"{test}.sql").read_text()
        query = re.sub(r"{{ ref\('(\w+)'\) }}", lambda found: self[found[1]], text)
        return connection.execute(query).fetchall()

    def __getitem__(self, name: str) -> str:
        """Where the model of that name stands, as SQL has it."""
        (found,) = (model.relation_name for model in self.models if model.name == name)
        return str(found)

    def _ancestry(self, names: tuple[str, ...]) -> list[ModelNode]:
        """Models and what they are built from, in order."""
        by_id = {model.unique_id: model for model in self.models}
        found = {model.unique_id for model in self.models if model.name in names}
        for model in reversed(self.models):
            if model.unique_id in found:
                found.update(model.depends_on.nodes)
        return [model for unique_id, model in by_id.items() if unique_id in found]


def compile_project(folder: Path, **variables: str) -> Compiled:
    """Compile the project, with these dbt variables; `folder` keeps what it needs."""
    project = new_project(folder)
    project.dbt("seed", "--no-write-json")
    only_models = ("--select", "resource_type:model", "--indirect-selection", "empty")
    said = ("--vars", str(variables)) if variables else ()
    result = project.invoke(
        *("compile", "--full-refresh", "--no-write-json"), *only_models, *said
    )
    assert result.success, result.exception
    # Copies: the next call of dbt has other things to say in the same nodes.
    models = tuple(copy(done.node) for done in result.result.results)
    return Compiled(models, project.paths.build)
