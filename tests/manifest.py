"""dbt's manifest, in small: what it says of the relations that a test builds."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


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
