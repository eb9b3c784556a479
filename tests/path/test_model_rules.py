"""Where models stand, what they are called and what they read: rules for all of them.

docs/adding_a_model.md is the same for who writes one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest
from dbt.contracts.graph.manifest import Manifest

from tests.path.compiled import Compiled
from tests.projects import ROOT, new_project

pytestmark = pytest.mark.xdist_group("compiled")


@dataclass(frozen=True)
class Layer:
    """What the models of a folder of `models/` are called, and what they may read."""

    name: str
    reads: tuple[str, ...]


LAYERS = {
    "staging": Layer(r"stg_\w+__\w+", ("source",)),
    "intermediate": Layer(r"int_\w+", ("seed", "staging", "intermediate")),
    "marts": Layer(r"(fct|dim)_\w+", ("seed", "staging", "intermediate", "marts")),
    "statistics": Layer(r"int_\w+", ("seed", "marts", "statistics")),
    "reports": Layer(r"rpt_\w+", ("marts", "statistics")),
}
# What breaks a rule, and why it may. Nothing is added here that can be mended.
EXCEPTIONS = {
    "int_accident_spots_expected reads int_neighborhood_cells": "cells without an accident "
    "are in no mart",
    "fct_kiosk_days reads int_sales_gaps_tested": "a kiosk's active days are estimated",
    "accidents is not called as marts are": "a view for readers, by the plain word",
    "service_requests is not called as marts are": "likewise",
}


@dataclass(frozen=True)
class Model:
    """What the rules are about."""

    name: str
    sql: PurePosixPath
    yaml: PurePosixPath | None
    schema: str
    reads: frozenset[tuple[str, str]]
    description: str
    columns: frozenset[str]
    undescribed: frozenset[str] = frozenset()
    has_exposure: bool = False
    has_keys: bool = False

    @property
    def layer(self) -> str:
        """The folder of `models/` that it stands in."""
        return self.sql.parts[1]


def read_models(manifest: Manifest) -> list[Model]:
    """The models as dbt has read them."""
    exposed = {node for one in manifest.exposures.values() for node in one.depends_on.nodes}
    nodes = {k: v for k, v in manifest.nodes.items() if v.resource_type == "model"}

    def of(node_id: str) -> tuple[str, str]:
        kind, *_, name = node_id.split(".")
        if kind == "model":
            kind = PurePosixPath(nodes[node_id].original_file_path).parts[1]
        return kind, name

    return [
        Model(
            name=node.name,
            sql=PurePosixPath(node.original_file_path),
            yaml=node.patch_path and PurePosixPath(node.patch_path.split("://")[-1]),
            schema=node.schema,
            reads=frozenset(map(of, node.depends_on.nodes)),
            description=node.description,
            columns=frozenset(node.columns),
            undescribed=frozenset(
                name for name, column in node.columns.items() if not column.description
            ),
            has_exposure=node_id in exposed,
            has_keys=bool(node.config.get("indexes"))
            or any(
                one.type in ("primary_key", "unique", "foreign_key")
                for of in (node, *node.columns.values())
                for one in of.constraints
            ),
        )
        for node_id, node in nodes.items()
    ]


def broken(model: Model) -> Iterator[str]:
    """The rules that a model breaks."""
    name, layer = model.name, LAYERS.get(model.layer)
    if layer is None:
        yield f"{name} stands in {model.sql.parent}, which is no layer"
        return
    if not re.fullmatch(layer.name, name):
        yield f"{name} is not called as {model.layer} are"
    schema = {"statistics": "intermediate"}.get(model.layer, model.layer)
    if model.schema != schema:
        yield f"{name} is built in {model.schema}, not in {schema}"
    for kind, other in sorted(model.reads):
        if kind not in layer.reads:
            yield f"{name} reads {other}"
    if model.layer == "reports" and not model.has_exposure:
        yield f"{name} is in no exposure"
    if model.yaml != model.sql.with_suffix(".yml"):
        yield f"{name} is not described in the file beside it"
    if not re.match(r"One row per \w+", model.description):
        yield f"{name} does not say what one row is"
    for column in sorted(model.undescribed):
        yield f"{name}.{column} is not described"
    # They break the second incremental build: tests of uniqueness take their place.
    if model.has_keys:
        yield f"{name} has an index or an enforced key"


@pytest.fixture(scope="module")
def models(manifest: Manifest) -> list[Model]:
    return read_models(manifest)


def test_every_model_keeps_the_rules_or_is_a_known_exception(models: list[Model]) -> None:
    found = [said for model in models for said in broken(model)]
    assert sorted({*found} - {*EXCEPTIONS}) == []
    assert sorted({*EXCEPTIONS} - {*found}) == [], "mended: take it off the list"
    assert {model.layer for model in models} == {*LAYERS}


def test_every_column_is_described_and_no_other(
    models: list[Model], compiled: Compiled, tmp_path: Path
) -> None:
    with compiled.build(new_project(tmp_path).paths.landing) as connection:
        for model in models:
            built = connection.execute(f"describe {compiled[model.name]}").fetchall()
            assert model.columns == {column for column, *_ in built}, model.name


BROKEN = {
    "dim_kiosks stands in models/other, which is no layer": {
        "sql": PurePosixPath("models/other/dim_kiosks.sql")
    },
    "presences is not called as intermediate are": {"was": "int_presence_changes"},
    "int_trust is not called as reports are": {"was": "rpt_trust"},
    "rpt_trust is built in marts, not in reports": {"schema": "marts"},
    "int_kiosks_profiled is built in marts, not in intermediate": {"schema": "marts"},
    "dim_kiosks reads purchases": {"reads": {("source", "purchases")}},
    "dim_kiosks reads rpt_trust": {"reads": {("reports", "rpt_trust")}},
    "dim_kiosks reads int_x": {"reads": {("statistics", "int_x")}},
    "int_kiosks_profiled reads int_x": {"reads": {("intermediate", "int_x")}},
    "stg_landing__rejects reads stg_x__y": {"reads": {("staging", "stg_x__y")}},
    "rpt_trust reads stg_x__y": {"reads": {("staging", "stg_x__y")}},
    "rpt_trust reads offenses": {"reads": {("seed", "offenses")}},
    "rpt_trust is in no exposure": {"has_exposure": False},
    "rpt_trust is not described in the file beside it": {"yaml": None},
    "rpt_trust does not say what one row is": {"description": "Trust by feed."},
    "rpt_trust.feed is not described": {"undescribed": {"feed"}},
    "dim_kiosks has an index or an enforced key": {"has_keys": True},
}


@pytest.mark.parametrize("said", BROKEN)
def test_each_rule_is_noticed_when_it_is_broken(models: list[Model], said: str) -> None:
    name, *_ = said.replace(".", " ").split()
    change = BROKEN[said] | {"name": name}
    was = change.pop("was", name)
    (model,) = (model for model in models if model.name == was)
    assert list(broken(model)) == []
    assert list(broken(replace(model, **change))) == [said]


@pytest.mark.parametrize("folder", ["models", "analyses", "tests", "loaders/new_feed"])
def test_no_macro_brings_ctes_that_its_caller_must_know_by_name(folder: str) -> None:
    """A call at the margin stands among the CTEs; in one it would be indented.

    The name of a CTE that a loop gives stands there too, and is no call.
    """
    calls = [
        f"{file.relative_to(ROOT)}: {line}"
        for file in sorted((ROOT / folder).rglob("*.sql*"))
        for line in file.read_text().splitlines()
        if re.match(r"{{ (?!config\()(?!\w+ }}\w* as \($)", line)
    ]
    assert not calls
