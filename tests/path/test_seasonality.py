"""Seasonal indices, against statsmodels and pandas."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from pandas.tseries.holiday import USFederalHolidayCalendar

from tests.projects import Project

pytestmark = pytest.mark.xdist_group("built")

FACTORS = {
    "month": ("month_number", "month_factor"),
    "weekday": ("weekday_number", "weekday_factor"),
    "holiday": ("is_holiday", "holiday_factor"),
}


def query(built: Project, sql: str) -> pd.DataFrame:
    with built.unpublished() as connection:
        return connection.execute(sql).df()


def test_holidays_are_those_of_pandas(built: Project) -> None:
    dates = query(built, "select * from marts.dim_dates").set_index("calendar_date")
    kept = USFederalHolidayCalendar().holidays(dates.index.min(), dates.index.max())
    # pandas has only the weekday on which a holiday is kept.
    found = dates[dates["is_holiday"] & ~dates["is_weekend"]]
    assert set(found.index) == set(kept)
    assert len(kept) > 50
    weekend = dates[dates["is_holiday"] & dates["is_weekend"]]
    assert set(weekend["holiday_name"] + " (observed)") <= set(found["holiday_name"])


@pytest.mark.parametrize(
    ("feed", "event_type"),
    [
        ("purchases", "All"),
        ("service_requests", "All"),
        ("accidents", "All"),
        ("accidents", "hit_and_run"),
    ],
)
def test_indices_and_intervals_are_those_of_a_quasi_poisson_model(
    built: Project, feed: str, event_type: str
) -> None:
    days = query(
        built,
        f"""
        select days.*, month_number, weekday_number, iso_year, iso_week
        from int_seasonal_factors_fitted as days
        inner join marts.dim_dates as dates on days.event_date = dates.calendar_date
        where feed = '{feed}' and event_type = '{event_type}' order by event_date
        """,
    )
    by = ["years_back", "month_number", "weekday_number", "is_holiday"]
    design = sm.add_constant(
        pd.get_dummies(days[by].astype("category"), drop_first=True, dtype=float)
    )
    model = sm.GLM(days["n_events"], design, family=sm.families.Poisson())
    # Pearson's chi-squared over the degrees of freedom: quasi-Poisson.
    fit = model.fit(scale="X2", tol=1e-12, maxiter=200)
    np.testing.assert_allclose(days["n_expected_events"], fit.fittedvalues, rtol=2e-3)

    dispersion = query(
        built,
        "select * from int_seasonal_dispersions_estimated "
        f"where feed = '{feed}' and event_type = '{event_type}'",
    ).loc[0]
    np.testing.assert_allclose(dispersion["day_dispersion"], max(fit.scale, 1), rtol=1e-3)
    weeks = days.groupby(["iso_year", "iso_week"])[["n_events", "n_expected_events"]].sum()
    pearson = (weeks["n_events"] - weeks["n_expected_events"]) ** 2 / weeks[
        "n_expected_events"
    ]
    n_slow = days["years_back"].nunique() + days["month_number"].nunique() - 1
    np.testing.assert_allclose(
        dispersion["week_dispersion"], max(pearson.sum() / (len(weeks) - n_slow), 1), 1e-6
    )

    report = query(
        built,
        "select * from reports.rpt_seasonality "
        f"where feed = '{feed}' and event_type = '{event_type}'",
    )
    for dimension, (column, factor) in FACTORS.items():
        names = [c for c in design if c.startswith(f"{column}_")]
        # The effect of each level in logs, less the log of the days' average effect.
        levels = np.vstack([np.zeros(len(names)), np.eye(len(names))])
        beta = fit.params[names].to_numpy()
        weight = days[column].value_counts().sort_index().to_numpy() / len(days)
        effect = np.exp(levels @ beta)
        average = weight @ effect
        expected = effect / average
        gradient = levels - (weight * effect) @ levels / average
        covariance = fit.cov_params().loc[names, names].to_numpy()
        error = np.sqrt(np.einsum("ij,jk,ik->i", gradient, covariance, gradient))
        rows = report[report["dimension"] == dimension].sort_values("period_number")
        np.testing.assert_allclose(rows["seasonal_index"], expected, rtol=5e-3)
        seen = days.drop_duplicates(column).sort_values(column)[factor]
        np.testing.assert_allclose(rows["seasonal_index"], seen, atol=1e-6)
        ours = np.log(rows["seasonal_index_high"] / rows["seasonal_index_low"]) / 2
        ours = ours / 1.959964 / np.sqrt(rows["dispersion"] / fit.scale)
        # Ours takes the factors for unrelated, which a calendar nearly makes them. What
        # nearly all days are is so sure that it does not matter how much.
        matters = error > 0.001
        assert matters.sum() >= len(rows) - 1
        margin = 0.35 if dimension == "holiday" else 0.15
        assert (abs(ours.to_numpy() / error - 1)[matters] < margin).all(), dimension
        assert (rows["n_events"].sum(), rows["n_days_observed"].sum()) == (
            days["n_events"].sum(),
            len(days),
        )


def test_hours_scatter_and_add_up_as_pandas_has_it(built: Project) -> None:
    hours = query(built, "select * from marts.fct_event_hours where event_hour is not null")
    days = query(
        built,
        "select * from int_seasonal_factors_fitted where event_type = 'All'",
    ).set_index(["feed", "event_date"])
    table = hours.pivot_table(
        index=["feed", "event_date"],
        columns="event_hour",
        values="n_events",
        aggfunc="sum",
        fill_value=0,
    )
    table = table[table.index.isin(days.index)]
    found = query(
        built,
        "select * from reports.rpt_seasonality "
        "where event_type = 'All' and dimension = 'hour' order by feed, period_number",
    )
    for feed, rows in found.groupby("feed"):
        counts = table.loc[feed].to_numpy(dtype=float)
        assert rows["n_events"].tolist() == counts.sum(axis=0).tolist()
        np.testing.assert_allclose(
            rows["seasonal_index"], 24 * counts.sum(axis=0) / counts.sum(), atol=1e-6
        )
        seen = counts[:, counts.sum(axis=0) > 0]
        expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / seen.sum()
        pearson = ((seen - expected) ** 2 / expected).sum()
        scale = pearson / ((seen.shape[0] - 1) * (seen.shape[1] - 1))
        np.testing.assert_allclose(rows["dispersion"], max(scale, 1), rtol=1e-5)


@pytest.mark.parametrize("feed", ["purchases", "service_requests"])
def test_hours_of_weekdays_and_their_intervals_are_those_of_days_drawn_anew(
    built: Project, feed: str
) -> None:
    days = query(
        built,
        "select event_date, weekday_factor from int_seasonal_factors_fitted "
        f"where event_type = 'All' and feed = '{feed}'",
    ).set_index("event_date")["weekday_factor"]
    hours = query(
        built,
        "select event_date, event_hour, sum(n_events) as n from marts.fct_event_hours "
        f"where event_hour is not null and feed = '{feed}' group by all",
    )
    table = hours.pivot_table(index="event_date", columns="event_hour", values="n")
    table = table.reindex(days.index, columns=range(24)).fillna(0)
    weekday = table.index.isocalendar().day.to_numpy()
    rows = query(
        built,
        "select * from reports.rpt_seasonality where event_type = 'All' "
        f"and dimension = 'weekday_and_hour' and feed = '{feed}' order by period_number",
    )
    assert len(rows) == 168
    counts = table.groupby(weekday).sum()
    n_days = pd.Series(weekday).value_counts().sort_index()
    assert rows["n_events"].tolist() == counts.to_numpy().ravel().tolist()
    assert rows["n_days_observed"].tolist() == np.repeat(n_days.to_numpy(), 24).tolist()
    per_day = counts.div(n_days, axis="index").to_numpy().ravel()
    np.testing.assert_allclose(rows["events_per_day"], per_day, atol=1e-6)
    shares = counts.div(counts.sum(axis="columns"), axis="index")
    factors = days.groupby(weekday).first()
    expected = 24 * shares.mul(factors, axis="index").to_numpy().ravel()
    np.testing.assert_allclose(rows["seasonal_index"], expected, atol=1e-6)
    # Days of each weekday drawn anew: how far the share of an hour in the week goes.
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        means = np.array(
            [
                table.to_numpy()[rng.choice(np.flatnonzero(weekday == number), n)].mean(0)
                for number, n in n_days.items()
            ]
        )
        drawn.append(means.ravel() / means.mean())
    many = (rows["n_events"] >= 20).to_numpy()
    assert many.sum() > 30
    error = np.std(drawn, axis=0)[many] / np.mean(drawn, axis=0)[many]
    ours = np.log(rows["seasonal_index_high"] / rows["seasonal_index_low"]) / 2 / 1.959964
    ratio = ours.to_numpy()[many] / error
    assert 0.9 < np.median(ratio) < 1.2


def test_every_event_of_an_observed_day_is_counted(built: Project) -> None:
    totals = query(
        built,
        """
        select days.feed, sum(days.n_events) as n, sum(event_days.n_events) as n_expected
        from int_seasonal_factors_fitted as days
        left join marts.fct_event_days as event_days
            on days.feed = event_days.feed and days.event_date = event_days.event_date
        where days.event_type = 'All' group by days.feed
        """,
    )
    assert len(totals) == 3
    assert (totals["n"] == totals["n_expected"]).all()
