"""Models that did not change are not built again, and what makes them change."""

import json
from pathlib import Path

import duckdb
import pytest
import yaml
from dbt.contracts.graph.manifest import Manifest

from loaders.config.paths import Paths
from tests.path.compiled import Compiled
from tests.projects import ROOT, Project, new_project

pytestmark = pytest.mark.long


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


def run(project: Project, *arguments: str) -> int:
    """Run models, and have dbt record what it built; returns how many rows that wrote."""
    return project.dbt(
        "build", "--resource-type", "seed", "--resource-type", "model", *arguments
    )


def is_test(node: str) -> bool:
    return node.startswith("test.")


def results(project: Project) -> dict[str, dict]:
    """What dbt has on record of its last run, by node."""
    record = project.paths.target / "run_results.json"
    return {one["unique_id"]: one for one in json.loads(record.read_text())["results"]}


def rebuilt(project: Project) -> set[str]:
    """The models that the last run built, whatever that changed."""
    return {
        node.split(".")[-1]
        for node, one in results(project).items()
        if one["adapter_response"].get("code") == "WRITE"
    }


def versions(project: Project) -> dict[str, str]:
    """What tells the rows of each model and seed."""
    with project.unpublished() as build:
        found = build.execute(
            "select node_id, definition || data_version from eventmart.meta.model_states "
            "union all "
            "select node_id, definition || data_version from intermediate.meta.model_states"
        ).fetchall()
    return dict(found)


def test_a_model_is_built_again_by_other_versions_or_variables_or_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path)
    both = ("--select", "dim_times_of_day", "fct_event_days")
    run(project, "--select", *(f"+{name}" for name in both[1:]))
    assert run(project, *both) == 0
    before = {name: state(project, name) for name in both[1:]}

    monkeypatch.setattr("loaders.publishing.dbt_plugin.version", lambda _: "another")
    # It has the same rows then, which nobody need read again.
    assert run(project, *both) == 0
    assert rebuilt(project) == set(both[1:])
    assert state(project, "dim_times_of_day")[1] != before["dim_times_of_day"][1]
    # An incremental model is brought up to date by any version, and not built anew.
    assert state(project, "fct_event_days")[0] == before["fct_event_days"][0]

    settings = yaml.safe_load((ROOT / "dbt_project.yml").read_text())
    events = settings["vars"]["events"]
    events["purchases"]["note"] = "of no use"
    variables = json.dumps({"skip_unchanged": False, "events": events})
    assert run(project, *both, "--vars", variables) == 0
    assert rebuilt(project) == set(both[1:])
    assert state(project, "dim_times_of_day")[0] == before["dim_times_of_day"][0]
    assert state(project, "fct_event_days")[0] != before["fct_event_days"][0]


def test_a_table_that_is_built_again_as_it_was_changes_nothing_behind_it(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tmp_path)
    table = ("--select", "dim_times_of_day")
    run(project, "--select", "+rpt_time_of_day")
    before = versions(project)
    run(project, *table, "--vars", "{skip_unchanged: false}")
    assert rebuilt(project) == {"dim_times_of_day"}
    assert versions(project) == before
    run(project, "--select", "rpt_time_of_day")
    assert rebuilt(project) == set()

    # What readers see of it are its descriptions, too.
    node = manifest.nodes["model.eventmart.dim_times_of_day"]
    monkeypatch.setattr(node, "description", "One row per hour of the day, or so.")
    assert run(project, *table) == 24
    changed = {one for one, version in versions(project).items() if version != before[one]}
    assert changed == {"model.eventmart.dim_times_of_day"}
    run(project, "--select", "rpt_time_of_day")
    assert rebuilt(project) == {"rpt_time_of_day"}

    # Other rows, as many.
    with duckdb.connect(str(project.paths.build)) as build:
        build.execute("update meta.model_states set content = 'of other rows'")
    assert run(project, *table, "--vars", "{skip_unchanged: false}") == 24


READ = "select * from {{ ref('stg_landing__deliveries') }}"
# In no other place of the SQL may stand what it is called.
FEEDS = "{{ feeds_read('model.eventmart.stg_landing__' ~ 'deliveries') }}"


@pytest.mark.parametrize(
    ("feeds", "sql"),
    [
        (["shop"], f"with x as ({READ} where feed = 'shop')"),
        (
            ["shop"],
            f"with x as (\n    {READ}\n    where feed = 'shop' and status = 'landed'\n)",
        ),
        (
            ["bank", "shop"],
            f"with x as ({READ} where feed = 'shop'), y as ({READ} where feed = 'bank')",
        ),
        (None, f"with x as ({READ})"),
        (None, f"with x as ({READ} where feed <> 'shop')"),
        (None, f"with x as ({READ} where feed = 'shop' or status = 'held')"),
        (None, f"with x as ({READ} where feed = 'shop' and status = 'held' or true)"),
        (None, f"with x as ({READ} where status = 'held' and feed = 'shop')"),
        (None, f"with x as ({READ} where feed = 'shop'), y as ({READ})"),
        # A macro that reads it, too.
        (None, f"with x as ({READ} where feed = 'shop') {{{{ where_held_by_then() }}}}"),
    ],
)
def test_a_relation_of_all_feeds_is_as_new_as_the_feeds_that_are_read(
    compiled: Compiled, tmp_path: Path, feeds: list[str] | None, sql: str
) -> None:
    project = Project(Paths(tmp_path, tmp_path / "inbox"))
    result = project.invoke("compile", "--inline", f"{sql} -- {FEEDS}")
    assert result.success, result.exception
    code = result.result.results[0].node.compiled_code
    assert code.splitlines()[-1].split(" -- ")[-1] == str(feeds)


def test_what_reads_one_feed_is_not_built_for_another(demo: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path, demo)
    wanted = ("--select", "+fct_accidents", "+fct_purchases", "+fct_accident_versions")
    files = {feed: sorted((demo / feed).iterdir()) for feed in ("accidents", "purchases")}
    project.land("neighborhoods")
    for feed, (first, *_) in files.items():
        project.land(feed, first)
    run(project, *wanted)
    of_accidents = {name for name in rebuilt(project) if "accident" in name}
    assert {"int_accident_row_fates", "fct_accident_versions"} <= of_accidents
    project.land("purchases", files["purchases"][1])
    run(project, *wanted)
    assert "fct_purchases" in rebuilt(project)
    assert not rebuilt(project) & of_accidents
    project.land("accidents", files["accidents"][1])
    run(project, *wanted)
    assert {"int_accident_row_fates", "fct_accident_versions"} <= rebuilt(project)
    assert not {name for name in rebuilt(project) if "purchase" in name}
