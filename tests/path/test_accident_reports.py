"""The answers about accidents, against pandas, numpy and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, norm, t
from statsmodels.stats.proportion import proportion_confint

from tests.projects import Project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

FLAGS = {
    "n_fatal_accidents": "is_fatal",
    "n_serious_accidents": "is_serious_injury",
    "n_hit_and_run_accidents": "is_hit_and_run",
    "n_impaired_accidents": "is_impaired",
    "n_bicycle_accidents": "has_bicycle",
    "n_pedestrian_accidents": "has_pedestrian",
}


def query(built: Project, sql: str) -> pd.DataFrame:
    with built.published() as connection:
        return connection.execute(sql).df()


@pytest.fixture(scope="module")
def incidents(built: Project) -> pd.DataFrame:
    """One row per accident, put together from its offense records by pandas."""
    places = query(built, "select * from marts.dim_neighborhoods").set_index(
        "neighborhood_key"
    )
    offenses = query(built, "select * from marts.dim_offenses").set_index("offense_key")
    records = query(
        built, "select * from marts.fct_accidents where record_state <> 'withdrawn'"
    )
    is_stated = records["neighborhood_key"].map(places["is_known"])
    located = records["neighborhood_key"].where(
        is_stated, records["computed_neighborhood_key"]
    )
    records["neighborhood"] = located.map(places["neighborhood_slug"])
    records["has_known_offense"] = records["offense_key"].map(offenses["is_known"])
    injured = records[["n_fatalities", "n_seriously_injured"]].notna().all(axis=1)
    records["has_known_severity"] = records["has_known_offense"] | injured
    records["has_road_user_counts"] = (
        records[["n_bicycles", "n_pedestrians"]].notna().all(axis=1)
    )
    records["has_bicycle"] = records["n_bicycles"].fillna(0) > 0
    records["has_pedestrian"] = records["n_pedestrians"].fillna(0) > 0
    records["order"] = records["accident_key"].astype(str)
    gravest = records.sort_values(
        ["is_fatal", "is_serious_injury", "order"], ascending=[False, False, True]
    )
    by_incident = gravest.groupby("incident_key", sort=True)
    found = gravest.drop_duplicates("incident_key").set_index("incident_key").sort_index()
    for name in (*FLAGS.values(), *(c for c in found if c.startswith("has_"))):
        found[name] = by_incident[name].any()
    found["n_offense_records"] = by_incident.size()
    found["occurred_at"] = by_incident["occurred_at"].min()
    found["reported_at"] = by_incident["reported_at"].min()
    found["family"] = np.select(
        [
            found["is_fatal"],
            found["is_serious_injury"],
            found["is_impaired"],
            found["is_hit_and_run"],
            found["has_known_offense"],
        ],
        ["fatal", "serious_injury", "impaired", "hit_and_run", "other"],
        "unknown",
    )
    assert len(found) > 300
    return found


def test_accidents_by_each_dimension_equal_pandas(
    built: Project, incidents: pd.DataFrame
) -> None:
    at = incidents["occurred_at"]
    hour = at.dt.strftime("%H").where(incidents["time_quality"] != "date_only", "Unknown")
    values = {
        "year": at.dt.strftime("%Y"),
        "month": at.dt.strftime("%Y-%m"),
        "weekday_and_hour": (at.dt.weekday + 1).astype(str) + " " + hour,
        "district": incidents["district"],
        "neighborhood": incidents["neighborhood"],
        "light_condition": incidents["light_condition"],
        "road_condition": incidents["road_condition"],
        "first_driver_factor": incidents["first_driver_factor"],
        "second_driver_factor": incidents["second_driver_factor"],
        "first_harmful_event": incidents["first_harmful_event"],
        "offense_family": incidents["family"],
    }
    knowing = {
        "n_with_known_severity": "has_known_severity",
        "n_with_known_offense": "has_known_offense",
        "n_with_road_user_counts": "has_road_user_counts",
    }
    expected = []
    for dimension, value in values.items():
        keys = [incidents["vintage"], value.fillna("Unknown").rename("dimension_value")]
        groups = incidents.groupby(keys)
        table = groups.agg(
            n_offense_records=("n_offense_records", "sum"),
            n_accidents=("n_offense_records", "size"),
            **{name: (column, "sum") for name, column in (knowing | FLAGS).items()},
        ).astype(float)
        for names, known in (
            (["n_fatal_accidents", "n_serious_accidents"], "n_with_known_severity"),
            (["n_hit_and_run_accidents", "n_impaired_accidents"], "n_with_known_offense"),
            (["n_bicycle_accidents", "n_pedestrian_accidents"], "n_with_road_user_counts"),
        ):
            table.loc[table[known] == 0, names] = np.nan
        expected.append(table.assign(dimension=dimension).reset_index())
    key = ["vintage", "dimension", "dimension_value"]
    wanted = pd.concat(expected).set_index(key).sort_index()
    # Files without the column, blanks, and the city's own word for none.
    told = {"Unknown", "NOT STATED", "NO APPARENT", "OTHER"}
    assert told <= set(wanted.loc[("main", "first_driver_factor")].index)
    assert told <= set(wanted.loc[("main", "second_driver_factor")].index)
    found = query(built, "select * from reports.rpt_accident_counts").set_index(key)
    pd.testing.assert_frame_equal(
        found.sort_index()[wanted.columns], wanted, check_dtype=False
    )


def test_delays_equal_pandas_and_scipy(built: Project, incidents: pd.DataFrame) -> None:
    hours = (incidents["reported_at"] - incidents["occurred_at"]).dt.total_seconds() / 3600
    hours = hours.where((hours >= 0) & (incidents["time_quality"] != "date_only"))
    year = incidents["occurred_at"].dt.year.rename("occurred_year")
    family = incidents["family"].rename("offense_family")
    key = ["vintage", "occurred_year", "offense_family"]
    wanted = hours.groupby([incidents["vintage"], year, family]).agg(
        n_accidents="size",
        n_measured="count",
        median_hours_to_report="median",
        p90_hours_to_report=lambda h: h.quantile(0.9),
        n_late=lambda h: (h > 7 * 24).sum(),
    )
    found = query(built, "select * from reports.rpt_accident_reporting_delays")
    found = found.set_index(key).sort_index()
    assert list(found.index) == list(wanted.index)
    for name in wanted.columns.drop("n_late"):
        np.testing.assert_allclose(
            found[name].astype(float), wanted[name].astype(float), rtol=1e-9
        )
    measured = wanted[wanted["n_measured"] > 0]
    for row, late, n in zip(
        found.loc[measured.index].itertuples(),
        measured["n_late"].astype(int),
        measured["n_measured"].astype(int),
        strict=True,
    ):
        interval = binomtest(late, n).proportion_ci(method="wilson")
        np.testing.assert_allclose(
            [row.late_share, row.late_share_low, row.late_share_high],
            [late / n, *interval],
            atol=1e-9,
        )


def test_trends_equal_an_independent_count_and_scipys_interval(
    built: Project, incidents: pd.DataFrame
) -> None:
    found = query(
        built,
        "select * from reports.rpt_accident_trends "
        "where area = 'city' and measure = 'accidents'",
    ).set_index("vintage")
    observed = query(
        built, "select * from marts.fct_observed_days where feed = 'accidents'"
    )
    for vintage, group in incidents.groupby("vintage"):
        days = pd.DatetimeIndex(observed.loc[observed["vintage"] == vintage, "event_date"])
        dates = group["occurred_at"].dt.normalize()
        back = (days.max() - dates[dates.isin(days)]).dt.days
        back = back[back <= 729]
        n = back.groupby([back // 365, (back % 365 // 7).clip(upper=51)]).size()
        n = n.unstack(level=0, fill_value=0).reindex(range(52), fill_value=0)
        n_last, n_before = n[0].sum(), n[1].sum()
        row = found.loc[vintage]
        assert row["as_of_date"] == days.max()
        assert row["n_last_365_days"] == n_last
        n_days = pd.Series((days.max() - days).days // 365).value_counts()
        assert row["has_whole_windows"] == (n_days[[0, 1]] >= 350).all()
        if not row["has_whole_windows"]:
            continue
        assert row["n_before_365_days"] == n_before
        both, share = n[0] + n[1], n_last / (n_last + n_before)
        scatter = ((n[0] - share * both) ** 2).sum() / (share * (1 - share) * both.sum())
        dispersion = max(scatter * 52 / 51, 1)
        np.testing.assert_allclose(row["dispersion"], dispersion, atol=1e-6)
        if dispersion > 1:
            dispersion *= (t.ppf(0.975, 51) / norm.ppf(0.975)) ** 2
        low, high = proportion_confint(
            n_last / dispersion, (n_last + n_before) / dispersion, method="wilson"
        )
        ours = np.array([row["rate_ratio_low"], row["rate_ratio_high"]])
        wanted = np.array([low / (1 - low), high / (1 - high)]) * n_days[1] / n_days[0]
        np.testing.assert_allclose(ours, wanted, rtol=1e-4)
        assert ours[0] < n_last / n_before * n_days[1] / n_days[0] < ours[1]


def test_the_interval_of_a_ratio_covers_it_about_as_often_as_it_says() -> None:
    """Wilson's, made one of a ratio, against true ratios of Poisson counts."""
    rng = np.random.default_rng(3)
    for mean, ratio in ((8, 1.0), (40, 0.7), (400, 1.2)):
        before, last = rng.poisson(mean, 500), rng.poisson(mean * ratio, 500)
        cover = 0
        for n_last, n_both in zip(last, last + before, strict=True):
            if n_both:
                low, high = binomtest(int(n_last), int(n_both)).proportion_ci(
                    method="wilson"
                )
                cover += low <= ratio / (1 + ratio) <= high
        assert 0.92 < cover / 500 < 0.98


def test_hot_spots_are_weighed_as_pandas_does_and_as_steady_as_numpy_finds(
    built: Project, incidents: pd.DataFrame
) -> None:
    mapped = incidents[incidents["mapped_longitude"].notna()].copy()
    x, y = mapped["mapped_longitude"], mapped["mapped_latitude"]
    mapped["weight"] = np.where(mapped["is_fatal"] | mapped["is_serious_injury"], 3, 1)
    spots = {
        "cell": (np.floor(x * 340), np.floor(y * 440)),
        "point": (np.round(x * 10_000), np.round(y * 10_000)),
    }
    found = query(built, "select * from reports.rpt_accident_hot_spots")
    rng = np.random.default_rng(9)
    n_compared = 0
    for kind, (spot_x, spot_y) in spots.items():
        mapped["spot_x"], mapped["spot_y"] = spot_x.astype(int), spot_y.astype(int)
        for vintage, group in mapped.groupby("vintage"):
            weighed = (
                group.groupby(["spot_x", "spot_y"])["weight"]
                .agg(total_weight="sum", n_accidents="size")
                .reset_index()
                .sort_values(
                    ["total_weight", "n_accidents", "spot_x", "spot_y"],
                    ascending=[False, False, True, True],
                )
                .head(200)
                .reset_index(drop=True)
            )
            ours = found[(found["spot_kind"] == kind) & (found["vintage"] == vintage)]
            ours = ours.sort_values("spot_rank").reset_index(drop=True)
            names = list(weighed)
            pd.testing.assert_frame_equal(ours[names], weighed, check_dtype=False)
            where = pd.MultiIndex.from_frame(weighed[["spot_x", "spot_y"]])
            at = where.get_indexer(pd.MultiIndex.from_frame(group[["spot_x", "spot_y"]]))
            kept, weight = at[at >= 0], group["weight"].to_numpy()[at >= 0]
            in_top = np.zeros(len(weighed))
            for _ in range(400):
                drawn = np.bincount(
                    kept, weight * rng.poisson(1, len(kept)), minlength=len(weighed)
                )
                order = np.lexsort((weighed["spot_y"], weighed["spot_x"], -drawn))
                in_top[order[:20]] += 1
            difference = np.abs(ours["top_20_share"] - in_top / 400)
            # Four standard errors of a share among 200 and one among 400.
            assert difference.max() < 4 * np.sqrt(0.25 / 200 + 0.25 / 400)
            assert np.isclose(ours["top_20_share"].sum(), min(20, len(ours)))
            assert (ours["rank_low"] <= ours["rank_high"]).all()
            n_compared += len(ours)
    assert n_compared >= 200


def test_no_event_is_lost_between_facts_and_reports_by_place(built: Project) -> None:
    totals = query(
        built,
        """
        select
            (select sum(n_requests) from reports.rpt_service_requests_by_neighborhood)
                as requests_by_place,
            (select sum(n_offense_records) from reports.rpt_accidents_by_neighborhood)
                as records_by_place,
            (select sum(n_events) from reports.rpt_point_outcomes) as points,
            (
                select count(*) from marts.fct_service_requests
                where record_state <> 'withdrawn'
            ) as requests,
            (
                select count(*) from marts.fct_accidents where record_state <> 'withdrawn'
            ) as records
        """,
    ).loc[0]
    assert totals["requests_by_place"] == totals["requests"] > 0
    assert totals["records_by_place"] == totals["records"] > 0
    assert totals["points"] == totals["requests"] + totals["records"]


def test_agreement_has_scipys_interval(built: Project) -> None:
    found = query(built, "select * from reports.rpt_place_agreement where n_compared > 0")
    assert len(found) > 50
    for row in found.itertuples():
        interval = binomtest(row.n_agreeing, row.n_compared).proportion_ci(method="wilson")
        np.testing.assert_allclose(
            [row.agreement_share_low, row.agreement_share_high], interval, atol=1e-9
        )
