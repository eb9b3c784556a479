"""The real files through the whole path, against independent readings with pandas."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy

from tests.path.test_response_times import (
    DIMENSIONS,
    FEW,
    MONTHS,
    assert_report_equals_lifelines,
    steps,
)
from tests.projects import Project

pytestmark = [pytest.mark.real_data, pytest.mark.xdist_group("real")]


def query(project: Project, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(project.paths.build), read_only=True) as connection:
        return connection.execute(sql).df()


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="latin-1")


def test_every_record_is_a_fact(real: Project) -> None:
    found = query(
        real,
        """
        select 'requests' as what, count(*) as n from marts.fct_service_requests
        union all select vintage, count(*) from marts.fct_accidents group by vintage
        union all select 'neighborhoods', count(*) from marts.dim_neighborhoods
        where has_boundary
        """,
    )
    assert dict(zip(found["what"], found["n"], strict=True)) == {
        "requests": 24083,
        "main": 4171,
        "crashes_22": 72610,
        "neighborhoods": 78,
    }


def test_days_to_close_equal_an_independent_computation(
    real: Project, real_data: Path
) -> None:
    (file,) = (real_data / "service_requests").iterdir()
    sent = read(file)
    form = "%m/%d/%Y %I:%M:%S %p"
    created = pd.to_datetime(sent["Case Created dttm"], format=form)
    closed = pd.to_datetime(sent["Case Closed dttm"].replace("", None), format=form)
    sent["days"] = (closed.dt.normalize() - created.dt.normalize()).dt.days
    expected = sent.groupby("Type")["days"].agg(["count", "sum", "median", "max"])
    found = query(
        real,
        """
        select
            type_label, count(days_to_close) as "count", sum(days_to_close) as "sum",
            median(days_to_close) as "median", max(days_to_close) as "max"
        from marts.fct_service_requests
        group by type_label
        order by type_label
        """,
    ).set_index("type_label")
    pd.testing.assert_frame_equal(
        found, expected, check_dtype=False, check_names=False, rtol=1e-12
    )


def test_accidents_by_neighborhood_and_year_equal_an_independent_computation(
    real: Project, real_data: Path
) -> None:
    sent = read(real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv")
    sent["year"] = sent["OCCURRENCE_DATE"].str[:4].astype(int)
    sent["place"] = sent["NEIGHBORHOOD_ID"].replace("", "Unknown")
    expected = sent.groupby(["place", "year"]).size()
    found = query(
        real,
        """
        select neighborhood_name, year(occurred_at) as "year", count(*) as n
        from marts.fct_accidents
        inner join marts.dim_neighborhoods using (neighborhood_key)
        where vintage = 'crashes_22'
        group by neighborhood_name, year(occurred_at)
        order by neighborhood_name, year(occurred_at)
        """,
    ).set_index(["neighborhood_name", "year"])["n"]
    pd.testing.assert_series_equal(found, expected, check_dtype=False, check_names=False)


def test_the_report_adds_up_to_the_file(real: Project, real_data: Path) -> None:
    sent = read(real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv")
    found = query(
        real,
        "select sum(n_offense_records) as n from reports.rpt_accidents_by_neighborhood "
        "where vintage = 'crashes_22'",
    )
    assert found["n"][0] == len(sent)


def test_contributing_factors_are_those_of_the_file(real: Project, real_data: Path) -> None:
    sent = read(real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv")
    found = (
        query(
            real,
            "select vintage, dimension, dimension_value, n_accidents "
            "from reports.rpt_accident_counts where dimension like '%_driver_factor'",
        )
        .set_index(["vintage", "dimension"])
        .sort_index()
    )
    for dimension, column in (
        ("first_driver_factor", "CONTRIBUTING_FACTOR"),
        ("second_driver_factor", "2ND_DRIVER_CONTRIBUTING_FACTOR"),
    ):
        told = found.loc[("crashes_22", dimension)].set_index("dimension_value")
        expected = sent[column].replace("", "NOT STATED").value_counts()
        assert told["n_accidents"].to_dict() == expected.to_dict()
        # The layout of 2014 has no such column.
        assert found.loc[[("main", dimension)]].values.tolist() == [["Unknown", 4163]]


def test_one_file_of_offenses_holds_fewer_incidents_than_records(real: Project) -> None:
    found = query(
        real,
        "select count(*) as records, count(distinct incident_id) as incidents "
        "from marts.fct_accidents where vintage = 'main'",
    )
    assert found.values.tolist() == [[4171, 4163]]


def test_time_to_close_equals_lifelines(real: Project) -> None:
    with duckdb.connect(str(real.paths.build), read_only=True) as connection:
        assert_report_equals_lifelines(connection, steps(real), FEW)


@pytest.mark.full
def test_time_to_close_equals_lifelines_in_every_dimension(
    real: Project, report: Callable[[str, str], None]
) -> None:
    with duckdb.connect(str(real.paths.build), read_only=True) as connection:
        compared = assert_report_equals_lifelines(
            connection, steps(real), DIMENSIONS | MONTHS
        )
    report(
        "Time to close",
        f"the real requests of the first half of 2015: {compared}, equal to lifelines to "
        "1e-9",
    )


def test_the_forecast_beats_the_one_before_and_its_intervals_hold(
    real: Project, real_data: Path
) -> None:
    with real.unpublished() as connection:
        days = connection.execute(
            """
            select * from int_accidents_forecast
            where vintage = 'crashes_22' and n_events is not null
            """
        ).df()
        skills = connection.execute(
            """
            select * from reports.rpt_accident_forecast_skill
            where vintage = 'crashes_22' and baseline = 'own_mean'
            """
        ).df()
    assert days["origin_date"].nunique() >= 26
    days["inside"] = days["n_events"].between(days["count_low"], days["count_high"])
    days["week"] = np.where(days["horizon_days"] > 7, 2, 1)
    busy = days["own_mean"] >= 0.5
    for _, those in days[busy].groupby(["area_kind", "week"]):
        # As often as they say, and as chance allows of so few days.
        gap = those["inside"].mean() - those["interval_chance"].mean()
        assert abs(gap) < 0.02 + 2 * (0.16 / len(those)) ** 0.5
    # The former forecast: a mean of the last year, drawn to the long mean, times the
    # city's weekday and month, which it learnt a year before; one day ahead of each day.
    file = real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv"
    sent = read(file)
    sent = sent[sent["NEIGHBORHOOD_ID"] != ""]
    date = pd.to_datetime(sent["OCCURRENCE_DATE"]).dt.normalize()
    counts = pd.crosstab(date, sent["NEIGHBORHOOD_ID"]).iloc[1:-1]
    those = days[(days["area_kind"] == "neighborhood") & (days["week"] == 1)]
    scored = counts.index.isin(those["event_date"])
    learnt = counts[counts.index < those["event_date"].min()]
    own, mean = (learnt.sum() + 0.5) / len(learnt), learnt.to_numpy().mean()
    year = (counts.shift(1).rolling(364).sum() + 28 * own) / (364 + 28)
    for part, events in (("dayofweek", 100), ("month", 1000)):
        groups = learnt.sum(axis=1).groupby(getattr(learnt.index, part))
        weight = (groups.sum() + events) / (groups.size() * 78 * mean + events)
        year = year.mul(weight.loc[getattr(counts.index, part)].to_numpy(), axis=0)

    def deviance(seen: np.ndarray, mean: np.ndarray) -> float:
        return float(2 * (xlogy(seen, seen / mean) - seen + mean).mean())

    former = deviance(counts[scored].to_numpy(), year[scored].to_numpy())
    seen, expected = those["n_events"].to_numpy(), those["expected_n"].to_numpy()
    assert len(seen) == scored.sum() * 78
    assert former - deviance(seen, expected) > 0.005
    pooled = skills[skills["area_kind"] == "pooled_neighborhoods"]
    assert list(pooled["verdict"]) == ["better", "better"]
    assert (pooled["skill_low"] > 0.02).all()
