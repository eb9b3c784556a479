"""The metrics of models/metrics/ are the figures that reports publish.

MetricFlow makes the SQL of each; it runs on the published file, and is held against the
report and against pandas.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.implementations.semantic_manifest import (
    PydanticSemanticManifest,
)
from metricflow_semantic_interfaces.validations.semantic_manifest_validator import (
    SemanticManifestValidator,
)
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from tests.projects import Project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

Oracle = Callable[[pd.DataFrame], pd.DataFrame]


class DuckDbDialect:
    """As much of a client as the engine needs to make SQL, and to run none."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


@pytest.fixture(scope="module")
def manifest(built: Project) -> PydanticSemanticManifest:
    file = built.paths.target / "semantic_manifest.json"
    return parse_manifest_from_dbt_generated_manifest(file.read_text())


@pytest.fixture(scope="module")
def engine(manifest: PydanticSemanticManifest) -> MetricFlowEngine:
    return MetricFlowEngine(SemanticManifestLookup(manifest), DuckDbDialect())


@dataclass(frozen=True)
class Case:
    """Metrics asked for by some dimensions, and twice otherwise: the columns in order.

    The report's query has the dimensions first and then the metrics; `fact` is read into
    pandas, whose answer has the dimensions as its index.
    """

    metrics: tuple[str, ...]
    by: tuple[str, ...]
    report: str
    fact: str
    oracle: Oracle


def summed(by: list[str], **columns: str) -> Oracle:
    return lambda rows: rows.groupby(by, dropna=False).agg(
        **{name: (column, "sum") for name, column in columns.items()}
    )


def kiosk_rates(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.groupby("kiosk_id")
    found = groups.agg(n=("n_purchases", "sum"), days=("is_active", "sum"))
    return found.assign(rate=found.n / found.days.where(found.days > 0))


def discrete(values: pd.Series, share: float) -> float:
    """The least value that such a share of them does not exceed."""
    known = values.dropna()
    return np.quantile(known, share, method="inverted_cdf") if len(known) else np.nan


def baskets(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.groupby("kiosk_id")
    found = groups.agg(
        n=("n_units", "size"), units=("n_units", "sum"), products=("n_products", "sum")
    )
    return found.assign(a=found.units / found.n, b=found.products / found.n)


def returns(rows: pd.DataFrame) -> pd.DataFrame:
    days = rows.days_to_next_visit.astype(float).groupby(rows.visit_number_band)
    return pd.DataFrame(
        {"n": days.size(), "back": days.count(), "median": days.agg(discrete, 0.5)}
    )


def requests_by(column: str) -> Oracle:
    def answer(rows: pd.DataFrame) -> pd.DataFrame:
        groups = rows.groupby(column)
        hours = groups.hours_to_close
        days = rows.days_to_close.astype(float).groupby(rows[column])
        found = pd.DataFrame(
            {
                "service_requests": groups.size(),
                "open_requests": groups.is_open.sum(),
                "open_share": groups.is_open.mean(),
                "requests_measured_in_hours": hours.count(),
                "requests_closed_at_once": groups.was_closed_at_once.sum(),
                "median_hours_of_closed": hours.median(),
                "p90_hours_of_closed": hours.quantile(0.9),
                "median_days_of_closed": days.agg(discrete, 0.5),
                "p90_days_of_closed": days.agg(discrete, 0.9),
            }
        )
        found.insert(
            5,
            "closed_at_once_share",
            found.requests_closed_at_once / found.requests_measured_in_hours,
        )
        return found

    return answer


def accidents_by_year(rows: pd.DataFrame) -> pd.DataFrame:
    groups = rows.groupby(["vintage", "year"])
    found = pd.DataFrame(
        {
            "accidents": groups.size(),
            "fatal_accidents": groups.is_fatal.sum(),
            "accidents_with_known_offense": groups.has_known_offense.sum(),
            "hit_and_run_accidents": groups.is_hit_and_run.sum(),
        }
    )
    found["hit_and_run_share"] = (
        found.hit_and_run_accidents / found.accidents_with_known_offense
    )
    return found


def delays(rows: pd.DataFrame) -> pd.DataFrame:
    hours = (rows.reported_at - rows.occurred_at).dt.total_seconds() / 3600
    is_measured = (hours >= 0) & (rows.time_quality != "date_only")
    groups = hours.where(is_measured).groupby(
        [rows.vintage, rows.year, rows.offense_family]
    )
    return pd.DataFrame({"median": groups.median(), "p90": groups.quantile(0.9)})


OF_REQUESTS = (
    *("service_requests", "open_requests", "open_share", "requests_measured_in_hours"),
    *("requests_closed_at_once", "closed_at_once_share", "median_hours_of_closed"),
    *("p90_hours_of_closed", "median_days_of_closed", "p90_days_of_closed"),
)
FROM_TIME_TO_CLOSE = """
    select dimension_value, n_requests, n_open, open_share, n_measured_in_hours,
        coalesce(round(closed_at_once_share * n_measured_in_hours), 0),
        closed_at_once_share,
        median_hours_of_closed, p90_hours_of_closed,
        median_days_of_closed, p90_days_of_closed
    from reports.rpt_time_to_close where dimension = '{}'
"""
REQUESTS = """
    select requests.*, substr(cast(request_date as varchar), 1, 7) as month,
        neighborhood_name
    from marts.fct_service_requests as requests
    inner join marts.dim_neighborhoods using (neighborhood_key)
    where record_state <> 'withdrawn'
"""
ACCIDENTS = "select *, year(occurred_date) as year from marts.fct_incidents"
CASES = {
    "purchases by product": Case(
        ("purchases",),
        ("product",),
        "select product_id, n_purchases from reports.rpt_top_products "
        "where dimension = 'overall'",
        "select product_id, 1 as one from marts.fct_purchases",
        summed(["product_id"], purchases="one"),
    ),
    "selling days by kiosk": Case(
        ("purchases", "selling_days"),
        ("kiosk",),
        "select kiosk_id, n_purchases, n_selling_days from reports.rpt_kiosk_life_cycles",
        "select kiosk_id, purchase_date from marts.fct_purchases",
        lambda rows: rows.groupby("kiosk_id").purchase_date.agg(["size", "nunique"]),
    ),
    "purchases by hour": Case(
        ("purchases",),
        ("purchase__purchase_hour",),
        "select hour_of_day, n_purchases from reports.rpt_time_of_day "
        "where n_purchases > 0",
        "select purchase_hour, 1 as one from marts.fct_purchases",
        summed(["purchase_hour"], purchases="one"),
    ),
    "purchases by kiosk": Case(
        ("purchases", "active_kiosk_days", "purchases_per_active_day"),
        ("kiosk",),
        "select kiosk_id, n_purchases, n_active_days, "
        "n_purchases / nullif(n_active_days, 0) from reports.rpt_top_kiosks "
        "where dimension = 'overall'",
        "select kiosk_id, n_purchases, is_active from marts.fct_kiosk_days",
        kiosk_rates,
    ),
    "baskets by kiosk": Case(
        (
            *("visits", "units_of_visits", "products_of_visits", "units_per_visit"),
            "products_per_visit",
        ),
        ("kiosk",),
        "select dimension_value, n_visits, n_units, avg_products * n_visits, avg_units, "
        "avg_products from reports.rpt_basket_sizes "
        "where has_shared_cards and dimension = 'kiosk'",
        "select kiosk_id, n_units, n_products from marts.fct_visits",
        baskets,
    ),
    "days between visits": Case(
        ("visits", "visits_returned", "median_days_of_returned"),
        ("visit__visit_number_band",),
        "select dimension_value, n_visits, n_returned, median_days_of_returned "
        "from reports.rpt_time_between_visits "
        "where has_shared_cards and dimension = 'visit_number'",
        "select visit_number_band, days_to_next_visit from marts.fct_visits",
        returns,
    ),
    "requests by agency": Case(
        OF_REQUESTS,
        ("service_request__agency",),
        FROM_TIME_TO_CLOSE.format("agency"),
        REQUESTS,
        requests_by("agency"),
    ),
    "requests by channel": Case(
        OF_REQUESTS,
        ("service_request__source",),
        FROM_TIME_TO_CLOSE.format("source"),
        REQUESTS,
        requests_by("source"),
    ),
    "requests by neighborhood": Case(
        OF_REQUESTS,
        ("neighborhood__neighborhood_name",),
        FROM_TIME_TO_CLOSE.format("neighborhood"),
        REQUESTS,
        requests_by("neighborhood_name"),
    ),
    "requests by month": Case(
        OF_REQUESTS,
        ("metric_time__month",),
        FROM_TIME_TO_CLOSE.format("request_month"),
        REQUESTS,
        requests_by("month"),
    ),
    "accidents by vintage and year": Case(
        (
            *("accidents", "fatal_accidents", "accidents_with_known_offense"),
            *("hit_and_run_accidents", "hit_and_run_share"),
        ),
        ("incident__vintage", "metric_time__year"),
        "select vintage, dimension_value, n_accidents, coalesce(n_fatal_accidents, 0), "
        "n_with_known_offense, coalesce(n_hit_and_run_accidents, 0), "
        "n_hit_and_run_accidents / n_with_known_offense "
        "from reports.rpt_accident_counts where dimension = 'year'",
        ACCIDENTS,
        accidents_by_year,
    ),
    "accidents by vintage and neighborhood": Case(
        ("accidents",),
        ("incident__vintage", "neighborhood__neighborhood_slug"),
        "select vintage, dimension_value, n_accidents "
        "from reports.rpt_accident_counts where dimension = 'neighborhood'",
        "select vintage, neighborhood_slug, 1 as one from marts.fct_incidents "
        "inner join marts.dim_neighborhoods using (neighborhood_key)",
        summed(["vintage", "neighborhood_slug"], accidents="one"),
    ),
    "hours to report": Case(
        ("median_hours_to_report", "p90_hours_to_report"),
        ("incident__vintage", "metric_time__year", "incident__offense_family"),
        "select vintage, occurred_year, offense_family, median_hours_to_report, "
        "p90_hours_to_report from reports.rpt_accident_reporting_delays",
        ACCIDENTS,
        delays,
    ),
}


def normal(rows: list[tuple], n_keys: int) -> dict[tuple[str, ...], list[float]]:
    """Rows by their dimensions, as text; times as their year and month."""
    found = {}
    for row in rows:
        keys = []
        for key in row[:n_keys]:
            text = str(key).removesuffix(".0")
            if text.endswith("-01-01 00:00:00") and n_keys > 1:
                text = text[:4]
            keys.append(text.removesuffix("-01 00:00:00"))
        found[tuple(keys)] = [
            float("nan") if value is None else float(value) for value in row[n_keys:]
        ]
    return found


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_metric_is_the_figure_that_its_report_publishes(
    built: Project, engine: MetricFlowEngine, case: Case
) -> None:
    request = MetricFlowQueryRequest.create(
        metric_names=case.metrics, group_by_names=case.by
    )
    sql = engine.explain(request).sql_statement.sql
    n_keys = len(case.by)
    with built.published() as connection:
        listed = ", ".join((*case.by, *case.metrics))
        answer = connection.execute(f"select {listed} from ({sql})").fetchall()
        reported = connection.execute(case.report).fetchall()
        rows = connection.execute(case.fact).df()
    found = normal(answer, n_keys)
    assert len(found) == len(answer) > 1
    assert found == approx(normal(reported, n_keys))
    table = case.oracle(rows).reset_index()
    assert found == approx(normal([*table.itertuples(index=False, name=None)], n_keys))


def approx(expected: dict[tuple[str, ...], list[float]]) -> dict[tuple[str, ...], Any]:
    return {
        key: pytest.approx(values, rel=1e-9, nan_ok=True)
        for key, values in expected.items()
    }


def test_every_metric_is_held_against_a_report(manifest: PydanticSemanticManifest) -> None:
    tested = {metric for case in CASES.values() for metric in case.metrics}
    assert tested == {metric.name for metric in manifest.metrics}


def test_every_metric_says_what_it_is(manifest: PydanticSemanticManifest) -> None:
    assert all(metric.description and metric.label for metric in manifest.metrics)


def test_metricflow_finds_nothing_wrong(manifest: PydanticSemanticManifest) -> None:
    results = SemanticManifestValidator[
        PydanticSemanticManifest
    ]().validate_semantic_manifest(manifest)
    assert [issue.message for issue in results.all_issues] == []


def test_the_spine_of_time_has_a_day_for_every_event(
    built: Project, engine: MetricFlowEngine
) -> None:
    request = MetricFlowQueryRequest.create(
        metric_names=["service_requests"], group_by_names=["metric_time__day"]
    )
    sql = engine.explain(request).sql_statement.sql
    with built.published() as connection:
        days = connection.execute(f"select metric_time__day from ({sql})").fetchall()
        spine = connection.execute("select calendar_date from marts.dim_dates").fetchall()
    assert {day.date() for (day,) in days} <= {day for (day,) in spine}
