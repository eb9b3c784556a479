"""No content of a delivery makes a build fail, or costs a good row."""

import re
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from loaders.config.paths import Paths
from tests.path.compiled import Compiled
from tests.path.hostile import write_hostile
from tests.projects import Project, new_project

# What is set aside, and why, of the facts and lists that are built from it.
REASONS = {
    "int_purchase_row_fates": {
        *("no_kiosk_id", "no_product_id", "no_date_time", "untyped_date_time"),
        *("implausible_date_time", "damaged_id"),
    },
    "int_service_request_row_fates": {
        *("no_request_time", "untyped_request_time", "implausible_request_time"),
    },
    "int_accident_row_fates": {
        *("no_occurrence_time", "untyped_occurrence_time", "implausible_occurrence_time"),
        "damaged_id",
    },
    "stg_vending__products": {"no_product_id", "damaged_id"},
    "stg_vending__kiosk_info": {"damaged_id", "no_kiosk_id"},
    "stg_city__neighborhoods": {
        *("no_neighborhood_name", "no_boundary", "implausible_boundary"),
    },
}
GOOD = {
    "purchases": ("int_purchase_row_fates", "fct_purchases"),
    "service_requests": ("int_service_request_row_fates", "fct_service_requests"),
    "accidents": ("int_accident_row_fates", "fct_accidents"),
}


def land_whatever_it_is(project: Project, files: list[Path]) -> None:
    """Land files, held ones by somebody's word: nothing is kept from the build."""
    for file in files:
        result = project.eventmart("land", file.parent.name, file)
        assert result.exit_code in (0, 3), result.output
        if found := re.search(r"delivery (\d+):", result.output):
            result = project.eventmart(
                "accept", found[1], "--by", "ann", "--why", "all of it"
            )
        assert result.exit_code == 0, result.output
        assert result.output.startswith("landed"), result.output


def check(built: duckdb.DuckDBPyConnection, n_good: dict[str, int]) -> None:
    """Every kind of what is no good was set aside, and good rows were not."""
    for table, reasons in REASONS.items():
        schema = "staging" if table.startswith("stg") else "intermediate.intermediate"
        found = built.execute(
            f"select set_aside_reason, count(*) from {schema}.{table} group by all"
        ).fetchall()
        counts = dict(found)
        assert counts.keys() - {None} == reasons, table
        assert counts[None] > sum(counts.values()) / 2, table
    for feed, n_rows in n_good.items():
        (n_kept,) = built.execute(
            f"select count(*) from intermediate.intermediate.{GOOD[feed][0]} "
            "where set_aside_reason is null and _line <= ? + 1",
            [n_rows],
        ).fetchall()[0]
        # Some of the demo's own have no time, or more lines than one.
        assert n_kept >= 0.95 * n_rows, feed
    first, last = built.execute(
        "select min(calendar_date), max(calendar_date) from marts.dim_dates"
    ).fetchall()[0]
    assert first >= date(2000, 1, 1)
    assert last <= date(date.today().year + 1, 12, 31)
    assert built.execute(
        "select count(*) from marts.dim_neighborhoods where has_boundary"
    ).fetchone() == (78,)
    assert built.execute(
        "select count(*) from marts.dim_products where cost_usd not between 0 and 100000 "
        "or onqi_score not between 0 and 100 or margin_share not between 0 and 1"
    ).fetchone() == (0,)


@pytest.mark.fault("meaning.unusable", "meaning.implausible_dates")
@pytest.mark.xdist_group("compiled")
def test_what_is_no_good_is_set_aside_and_the_rest_is_there(
    compiled: Compiled, demo: Path, tmp_path: Path
) -> None:
    project = new_project(tmp_path / "data")
    files, n_good = write_hostile(demo, tmp_path / "inbox")
    land_whatever_it_is(project, files)
    wanted = [name for pair in GOOD.values() for name in pair]
    wanted += ["dim_dates", "dim_products", "dim_kiosks", "dim_neighborhoods", *REASONS]
    with compiled.build(project.paths.landing, *wanted) as built:
        check(built, {feed: n_good[feed] for feed in GOOD})


@pytest.mark.full
@pytest.mark.xdist_group("built")
def test_no_content_of_a_delivery_fails_a_build(
    built: Project, demo: Path, tmp_path: Path
) -> None:
    shutil.copytree(built.paths.data, tmp_path / "data")
    project = Project(Paths(tmp_path / "data", tmp_path / "inbox"))
    files, _ = write_hostile(demo, tmp_path / "inbox")
    land_whatever_it_is(project, files)
    project.dbt("build", "--exclude-resource-type", "unit_test")
    with duckdb.connect(str(project.paths.build), read_only=True) as connection:
        connection.execute(f"attach '{project.paths.intermediate}' (read_only)")
        connection.execute(f"attach '{project.paths.landing}' (read_only)")
        check(connection, {})
