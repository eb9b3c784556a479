"""What dbt leaves of a build, in small: its manifest, its record, its note in the file."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from loaders.landing import chain
from loaders.landing.database import open_landing
from loaders.publishing.fingerprint import n_checkpoints

RUN = "the run"


def node(
    relation: str,
    columns: Iterable[str],
    personal: Iterable[str] = (),
    cell: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """A model, such as `reports.rpt_things`."""
    schema, name = relation.split(".")
    return {
        "unique_id": f"model.eventmart.{name}",
        "resource_type": "model",
        "schema": schema,
        "alias": name,
        "description": f"One row per {name}.",
        "config": {"meta": {"cell": cell} if cell else {}},
        "columns": {
            column: {
                "name": column,
                "description": f"What {column} means.",
                "config": {"meta": {"is_personal": True} if column in personal else {}},
            }
            for column in columns
        },
    }


def write_manifest(path: Path, nodes: Iterable[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"nodes": {one["unique_id"]: one for one in nodes}}))


def add_page(manifest: Path) -> None:
    """Say in a manifest that there is a page."""
    page = {
        "name": "page_overview",
        "type": "dashboard",
        "label": "What is new?",
        "description": "Figures.",
        "config": {"meta": {"title": "Overview", "caveat": "None.", "feeds": []}},
    }
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(said | {"exposures": {"page": page}}))


def write_record(
    path: Path,
    nodes: Sequence[dict[str, Any]],
    others: Iterable[dict[str, str]] = (),
    *,
    seconds: float = 1.0,
    run: str = RUN,
    **arguments: Any,
) -> None:
    """Write dbt's record of a build that ended just now, and the manifest beside it.

    Args:
        path: the record.
        nodes: the models, all of which were built.
        others: results of other nodes.
        seconds: how long it took.
        run: which run it was.
        arguments: what dbt was told.
    """
    built = [{"unique_id": one["unique_id"], "status": "success"} for one in nodes]
    record = {
        "metadata": {
            "generated_at": datetime.now(UTC).isoformat(),
            "invocation_id": run,
        },
        "elapsed_time": seconds,
        "args": {"which": "build"} | arguments,
        "results": [*built, *others],
    }
    path.write_text(json.dumps(record))
    write_manifest(path.with_name("manifest.json"), nodes)


def note_run(build: Path, run: str = RUN, *, has_ended: bool = True) -> None:
    """Note in a build file what dbt does: see macros/engine/note_run_end.sql."""
    tip, landing = None, build.parents[1] / "landing.duckdb"
    if landing.exists():
        with open_landing(landing, read_only=True) as connection:
            tip = chain.read_tip(connection)
    intermediate = build.with_name("intermediate.duckdb")
    if not intermediate.exists():
        with duckdb.connect(str(intermediate)) as apart:
            apart.execute("create schema meta")
            apart.execute(
                "create table meta.model_states "
                "(node_id varchar, definition varchar, data_version varchar)"
            )
    with duckdb.connect(str(build)) as connection:
        connection.execute(
            """
            create schema if not exists meta;
            create or replace table meta.last_run (
                invocation_id varchar, ended_at timestamp, tip varchar,
                n_checkpoints bigint, n_checkpoints_intermediate bigint
            );
            create or replace table meta.built_from (branch varchar, tip varchar);
            """
        )
        connection.execute("insert into meta.built_from values ('a run', ?)", [tip])
        connection.execute("checkpoint")
        count = n_checkpoints(build)
        assert count is not None
        connection.execute(
            "insert into meta.last_run values (?, ?, ?, ?, ?)",
            [
                run,
                datetime.now(UTC).replace(tzinfo=None) if has_ended else None,
                tip,
                count + 1,
                n_checkpoints(intermediate),
            ],
        )
