"""What of a build may be seen: by what dbt's manifest says of relations and columns.

What it does not describe is not published. Columns with `meta.is_personal` are left out
unless a setting says otherwise. Models that have one are built in the file of
intermediate tables, because a column dropped from a copy leaves its bytes in it.
docs/publishing.md is the same for readers.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loaders.config.permissions import READERS, UMASK
from loaders.errors import EventmartError, UsageError
from loaders.sql import literal, quoted

# The schemas that readers see.
SCHEMAS = ("marts", "reports")
# Counts below this are not exported, where they are of cells.
SMALL = 5
_PERSONAL = "EVENTMART_PERSONAL_COLUMNS"
_SMALL = "EVENTMART_SMALL_CELLS"
_READERS = "EVENTMART_READERS"
_FORMULAS = "EVENTMART_CSV_FORMULAS"


class Figure(BaseModel):
    """What a report's rows count, as other reports do: a figure, and where in it they are.

    Cells that are alike in `of` and in all of `at` are one, in whatever report: they are
    shown everywhere or nowhere. One that is less than another by one axis is its total, if
    the others of that axis add up to it.

    Attributes:
        of: what is counted.
        count: the column that has the count, one of the cell's counts.
        at: the column that has the place by axis. What stands in the column `dimension`
            names the axis itself, but for `overall`, which is none. Neither is `All`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: str
    count: str
    at: dict[str, str] = Field(min_length=1)


class Cell(BaseModel):
    """The `meta.cell` of a report: what its rows count, and the columns that say where.

    A row of which one of the counts is small loses all but the columns in `by`; so does one
    of which a count less the `part` of it that is counted beside it is small. Rows that
    are alike in the columns of one of the `totals` add up to a figure that is published
    somewhere: where one alone is hidden, it could be had by subtraction. So do those of
    `shares`: the share of any row reveals their total. The columns of `running` add up all
    rows above, in order of the first of them, within the first of the totals: below a
    hidden row they would reveal it, and are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    counts: tuple[str, ...] = Field(min_length=1)
    by: tuple[str, ...] = Field(min_length=1)
    part: dict[str, str] = {}
    totals: tuple[tuple[str, ...], ...] = ()
    shares: tuple[tuple[str, ...], ...] = ()
    running: tuple[str, ...] = ()
    figure: Figure | None = None

    @model_validator(mode="after")
    def _totals_are_shown(self) -> Self:
        if hidden := {
            name for columns in (*self.totals, *self.shares) for name in columns
        } - {*self.by}:
            raise ValueError(f"totals: not in by: {', '.join(sorted(hidden))}")
        if hidden := {*self.part, *self.part.values()} - {*self.counts}:
            raise ValueError(f"part: not in counts: {', '.join(sorted(hidden))}")
        if self.running and not self.totals:
            raise ValueError("running: of which of the totals?")
        if self.figure and self.figure.count not in self.counts:
            raise ValueError(f"figure: {self.figure.count} is none of the counts")
        if self.figure and (hidden := {*self.figure.at.values()} - {*self.by}):
            raise ValueError(f"figure: not in by: {', '.join(sorted(hidden))}")
        return self


@dataclass(frozen=True)
class Relation:
    """A relation that readers may see, as dbt describes it."""

    node_id: str
    schema: str
    name: str
    description: str
    columns: tuple[str, ...]
    personal: tuple[str, ...]
    cell: Cell | None

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"


@dataclass(frozen=True)
class Settings:
    """What is published.

    Attributes:
        keeps_personal: whether personal columns are.
        least_count: from which count on cells are shown.
        readers: who may read it, one of `READERS`; None if the umask says so.
        keeps_formulas: whether exported CSV has what a spreadsheet would run as it is.
    """

    keeps_personal: bool
    least_count: int
    readers: str | None = None
    keeps_formulas: bool = True

    @property
    def mask(self) -> int:
        """What of their modes is taken away from published files."""
        # Who publishes card hashes says to whom.
        readers = self.readers or ("owner" if self.keeps_personal else None)
        return READERS[readers] if readers else UMASK


@dataclass(frozen=True)
class Disclosure:
    """The relations that readers may see, and the settings."""

    settings: Settings
    relations: tuple[Relation, ...]

    @property
    def apart(self) -> tuple[Relation, ...]:
        """Those with personal columns."""
        return tuple(relation for relation in self.relations if relation.personal)

    def columns(self, relation: Relation) -> list[str]:
        """The columns that are published of a relation."""
        left_out = () if self.settings.keeps_personal else relation.personal
        return [column for column in relation.columns if column not in left_out]


def read_settings() -> Settings:
    """Read the environment variables.

    Raises:
        UsageError: if one makes no sense.
    """
    personal = os.environ.get(_PERSONAL) or "drop"
    if personal not in ("drop", "keep"):
        raise UsageError(f"{_PERSONAL}: {personal!r} is neither drop nor keep")
    least = os.environ.get(_SMALL) or str(SMALL)
    if not least.isdecimal() or len(least) > 9:
        raise UsageError(f"{_SMALL}: {least!r} is not a number of people or events")
    readers = os.environ.get(_READERS) or None
    if readers and readers not in READERS:
        raise UsageError(f"{_READERS}: {readers!r} is none of {', '.join(READERS)}")
    formulas = os.environ.get(_FORMULAS) or "keep"
    if formulas not in ("keep", "neutral"):
        raise UsageError(f"{_FORMULAS}: {formulas!r} is neither keep nor neutral")
    return Settings(personal == "keep", int(least), readers, formulas == "keep")


def read_nodes(manifest: Path) -> list[dict[str, Any]]:
    """Read what dbt's manifest has of models, seeds and data tests.

    Raises:
        EventmartError: if it cannot be read, or makes no sense.
    """
    try:
        nodes: dict[str, dict[str, Any]] = json.loads(manifest.read_text())["nodes"]
    except (OSError, ValueError, KeyError) as error:
        message = f"{manifest}: there is no manifest of the build by dbt; run: make build"
        raise EventmartError(message) from error
    return list(nodes.values())


def read_disclosure(manifest: Path) -> Disclosure:
    """Read what dbt's manifest says of the relations that readers may see.

    Raises:
        EventmartError: if it cannot be read, makes no sense, or leaves a relation or a
            column of one without a description: nobody could say what it means.
    """
    shown = [
        node
        for node in read_nodes(manifest)
        if node["resource_type"] == "model" and node["schema"] in SCHEMAS
    ]
    if undescribed := sorted(label for node in shown for label in _undescribed(node)):
        raise EventmartError(
            "nothing was published: these tables or columns have no description; "
            "describe them in the YAML beside their models and build again: "
            f"{', '.join(undescribed)}"
        )
    relations = [relation_of(node) for node in shown]
    relations.sort(key=lambda relation: (relation.schema, relation.name))
    return Disclosure(read_settings(), tuple(relations))


def disclose(file: Path, apart: Path, disclosure: Disclosure) -> None:
    """Leave in a copy of the build what may be seen, and add what is built apart.

    Args:
        file: the copy.
        apart: the file of the intermediate tables.
        disclosure: what may be seen.

    Raises:
        EventmartError: if a personal column stands in the copy, or a column is unknown.
    """
    with duckdb.connect(str(file)) as connection:
        known = {(one.schema, one.name) for one in disclosure.relations}
        held = {(one.schema, one.name) for one in disclosure.apart}
        for schema, name, kind in _relations(connection):
            if (schema, name) in held:
                raise EventmartError(
                    f"{schema}.{name}: has personal columns, so it must be built with "
                    "database='intermediate'; if it has that setting, remove the build "
                    "folder and run: make build"
                )
            if (schema, name) not in known:
                # What dbt once built and no longer knows of.
                connection.execute(f"drop {kind} {quoted(schema)}.{quoted(name)}")
        if disclosure.apart:
            connection.execute(f"attach {literal(str(apart))} as apart (read_only)")
            for relation in disclosure.apart:
                _bring(connection, relation, disclosure.columns(relation))
            connection.execute("detach apart; force checkpoint")
        for relation in disclosure.relations:
            _check_columns(connection, relation, disclosure.columns(relation))


def relation_of(node: dict[str, Any]) -> Relation:
    """What the manifest says of a model.

    Raises:
        EventmartError: if its `meta.cell` is wrong.
    """
    columns = node["columns"].values()
    stated = (node["config"].get("meta") or {}).get("cell")
    label = f"{node['schema']}.{node['alias']}"
    try:
        cell = Cell.model_validate(stated) if stated else None
    except ValidationError as error:
        raise EventmartError(f"{label}: meta.cell: {error}") from error
    relation = Relation(
        node["unique_id"],
        node["schema"],
        node["alias"],
        node["description"],
        tuple(column["name"] for column in columns),
        tuple(column["name"] for column in columns if _is_personal(column)),
        cell,
    )
    unknown = (
        {*cell.counts, *cell.by, *cell.running} - {*relation.columns} if cell else set()
    )
    if unknown:
        raise EventmartError(f"{label}: meta.cell: no column {', '.join(sorted(unknown))}")
    return relation


def _undescribed(node: dict[str, Any]) -> list[str]:
    """A model, and those of its columns, that nothing is said of."""
    name = node["alias"]
    said = {name: node["description"]}
    for column in node["columns"].values():
        said[f"{name}.{column['name']}"] = column.get("description")
    return [label for label, text in said.items() if not (text or "").strip()]


def _is_personal(column: dict[str, Any]) -> bool:
    meta = (column.get("config") or {}).get("meta") or column.get("meta") or {}
    return bool(meta.get("is_personal"))


def _relations(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    return connection.execute(
        """
        select schema_name, view_name, 'view' from duckdb_views()
        where database_name = current_database() and not internal
        union all
        select schema_name, table_name, 'table' from duckdb_tables()
        where database_name = current_database()
        order by all
        """
    ).fetchall()


def _bring(
    connection: duckdb.DuckDBPyConnection, relation: Relation, columns: list[str]
) -> None:
    """Make a table like the one that is built apart, of these columns of it."""
    found = connection.execute(
        "select sql, comment from duckdb_tables() where database_name = 'apart' "
        "and schema_name = ? and table_name = ?",
        [relation.schema, relation.name],
    ).fetchone()
    if not found:
        raise EventmartError(
            f"{relation.schema}.{relation.name}: has personal columns, and is not built "
            "with database='intermediate'"
        )
    definition, comment = found
    # As DuckDB writes it: with types and constraints.
    connection.execute(f"create schema if not exists {quoted(relation.schema)}")
    connection.execute(definition)
    for column in set(relation.columns) - set(columns):
        connection.execute(f"alter table {relation.sql} drop column {quoted(column)}")
    listed = ", ".join(map(quoted, columns))
    connection.execute(
        f"insert into {relation.sql} "  # noqa: S608
        f"select {listed} from apart.{relation.sql}"
    )
    if comment:
        connection.execute(f"comment on table {relation.sql} is {literal(comment)}")
    comments = connection.execute(
        "select column_name, comment from duckdb_columns() where database_name = 'apart' "
        "and schema_name = ? and table_name = ? and comment is not null",
        [relation.schema, relation.name],
    ).fetchall()
    for column, text in comments:
        if column in columns:
            place = f"{relation.sql}.{quoted(column)}"
            connection.execute(f"comment on column {place} is {literal(text)}")


def _check_columns(
    connection: duckdb.DuckDBPyConnection, relation: Relation, columns: list[str]
) -> None:
    found = connection.execute(
        "select column_name from duckdb_columns() where database_name = "
        "current_database() and schema_name = ? and table_name = ?",
        [relation.schema, relation.name],
    ).fetchall()
    if differing := {name for (name,) in found} ^ set(columns):
        raise EventmartError(
            f"{relation.schema}.{relation.name}: the build and dbt's manifest differ in "
            f"{', '.join(sorted(differing))}; run: make build"
        )
