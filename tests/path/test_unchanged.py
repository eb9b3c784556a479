"""Models that did not change are not built again, and what makes them change."""

import json
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.path.conftest import ROOT, Project, new_project


def state(project: Project, name: str) -> tuple[str, str]:
    """Definition and fingerprint of a model, as it was built last."""
    with duckdb.connect(str(project.paths.build), read_only=True) as build:
        row = build.execute(
            "select definition, fingerprint from meta.model_states "
            "where node_id = 'model.eventmart.' || ?",
            [name],
        ).fetchone()
    assert row
    return row


def test_a_model_is_built_again_by_other_versions_or_variables_or_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path)
    both = ("--select", "dim_times_of_day", "fct_event_days")
    project.run("--select", *(f"+{name}" for name in both[1:]))
    assert project.run(*both) == 0
    before = {name: state(project, name) for name in both[1:]}

    monkeypatch.setattr("loaders.publishing.dbt_plugin.version", lambda _: "another")
    assert project.run(*both) == 24
    assert state(project, "dim_times_of_day")[1] != before["dim_times_of_day"][1]
    # An incremental model is brought up to date by any version, and not built anew.
    assert state(project, "fct_event_days")[0] == before["fct_event_days"][0]

    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    events = settings["vars"]["events"]
    events["purchases"]["note"] = "of no use"
    variables = json.dumps({"skip_unchanged": False, "events": events})
    assert project.run(*both, "--vars", variables) == 24
    assert state(project, "dim_times_of_day")[0] == before["dim_times_of_day"][0]
    assert state(project, "fct_event_days")[0] != before["fct_event_days"][0]
