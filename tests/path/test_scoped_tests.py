"""Data tests read the days that were touched since they passed, and no day less."""

from pathlib import Path

import duckdb
import pytest

from tests.path.simulated_city import City
from tests.projects import Project, new_project

pytestmark = pytest.mark.long

FACT = "fct_service_requests"
MODELS = ("--select", f"+{FACT}", "+dim_request_types", "+dim_neighborhoods")
# Days that are still to be tested.
DAYS = f"(select event_date from meta.untested_days where node_id like '%.{FACT}')"
# All tests of the fact, and of nothing that is not there.
ONLY = ("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious")
TESTS = (*MODELS, *ONLY)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = new_project(tmp_path)
    first, second = City(n_deliveries=2, per_day=0.6, seed=5).write(tmp_path / "city")
    project.land("service_requests", first[0], "--as-of", first[1])
    project.dbt("build", *TESTS)
    project.land("service_requests", second[0], "--as-of", second[1])
    project.run(*MODELS)
    return project


def spoil(
    project: Project, where: str, values: str = "agency = ' '", fact: str = FACT
) -> None:
    """Blank a label on some days, or worse, as no test would let pass that reads them."""
    with duckdb.connect(str(project.paths.build)) as build:
        (n_rows,) = build.execute(
            f"update marts.{fact} set {values} where {where}"
        ).fetchone() or (0,)
        assert n_rows > 0


def take_a_fate(project: Project) -> None:
    """Give a fate of a touched day to a row that there is not: all counts still agree."""
    fates = "intermediate.intermediate.int_service_request_row_fates"
    with duckdb.connect(str(project.paths.build)) as build:
        file = project.paths.build.with_name("intermediate.duckdb")
        build.execute(f"attach '{file}' as intermediate")
        build.execute(
            f"update {fates} set _row_hash = uuid() where _row_hash = "
            f"(select min(_row_hash) from {fates} where event_date in {DAYS})"
        )


def untested(project: Project) -> int:
    with duckdb.connect(str(project.paths.build), read_only=True) as build:
        (n_days,) = build.execute(
            "select count(event_date) from meta.untested_days "
            f"where node_id = 'model.eventmart.{FACT}'"
        ).fetchone() or (0,)
    return n_days


def test_touched_days_are_tested_until_they_pass(project: Project) -> None:
    assert untested(project) > 0
    spoil(project, f"request_date in {DAYS}")
    take_a_fate(project)
    for _ in range(2):
        with pytest.raises(AssertionError, match=f"not_blank_{FACT}_agency") as failure:
            project.dbt("test", *TESTS)
        assert "accounts_for_every_row_int_service_request" in str(failure.value)
    # What comes later does not hide what has not passed.
    assert untested(project) > 0


def test_relationships_to_what_may_lose_keys_are_read_whole(project: Project) -> None:
    project.dbt("test", *TESTS)
    assert untested(project) == 0
    spoil(project, "true", "request_type_key = uuid()")
    with pytest.raises(AssertionError, match=f"relationships_{FACT}_request_type_key"):
        project.dbt("test", *TESTS)


def test_relationships_to_what_keeps_its_keys_read_touched_days_until_it_is_redefined(
    tmp_path: Path,
) -> None:
    project = new_project(tmp_path)
    models = ("fct_purchases", "dim_kiosks", "dim_products", "dim_customers")
    models += ("dim_dates", "dim_times_of_day", "fct_deliveries")
    select = ("--select", *(f"+{name}" for name in models))
    file = tmp_path / "purchases.csv"
    file.write_text(
        "kiosk_id,product_id,card_hash,date_time,fc_number\n"
        "7,2410,card,2018-01-01 12:00:00-08,1\n"
    )
    project.land("purchases", file, "--as-of", "2018-01-09")
    project.dbt("build", *select, *ONLY)
    spoil(project, "true", "_delivery_seq = -1", "fct_purchases")
    project.dbt("test", *select, *ONLY)
    with duckdb.connect(str(project.paths.build)) as build:
        build.execute(
            "update meta.model_states set definition = 'another', fingerprint = 'another' "
            "where node_id like '%.fct_deliveries'"
        )
    project.run("--select", "fct_deliveries")
    with pytest.raises(AssertionError, match="relationships_fct_purchases__delivery_seq"):
        project.dbt("test", *select, *ONLY)


@pytest.mark.full
def test_days_that_passed_are_not_read_again_unless_asked(project: Project) -> None:
    spoil(project, f"request_date not in {DAYS[:-1]} and event_date is not null)")
    project.dbt("test", *TESTS)
    assert untested(project) == 0
    with pytest.raises(AssertionError, match=f"not_blank_{FACT}_agency"):
        project.dbt("test", *TESTS, "--vars", "{test_everything: true}")
