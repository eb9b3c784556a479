"""Forecasts of accidents, against pandas and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import xlogy
from scipy.stats import poisson

from tests.path.compiled import Compiled
from tests.path.series import Part, reports_on, series_days

pytestmark = pytest.mark.xdist_group("compiled")

DAYS = pd.date_range("2014-01-01", "2016-12-31")
N_SCORED = len(DAYS) // 28 * 7
BASELINES = ["city_mean", "neighborhood_mean", "neighborhood_weekday_mean"]
BASELINES += ["last_28_days_mean", "last_4_weekdays_mean"]


def scores(
    compiled: Compiled, means: dict[str, np.ndarray], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    parts: list[Part] = [
        ("accidents", "neighborhood", name, DAYS, rng.poisson(mean, len(DAYS)))
        for name, mean in means.items()
    ]
    names = ("int_accidents_forecast", "rpt_accident_forecast_skill")
    rows = series_days(parts)
    with reports_on(compiled, rows, *names) as connection:
        return (
            rows.pivot(index="event_date", columns="dimension_value", values="n_events"),
            *(connection.execute(f"select * from {compiled[n]}").df() for n in names),
        )


def season() -> np.ndarray:
    week = np.array([1, 1, 1.1, 1.1, 1.5, 0.9, 0.6])[DAYS.dayofweek]
    return week * (1 + 0.3 * np.sin(2 * np.pi * DAYS.dayofyear.to_numpy() / 365))


def test_forecasts_and_scores_equal_pandas_and_scipy(compiled: Compiled) -> None:
    means = {"a": 0.3 * season(), "b": 2 * season(), "c": 6 * season()}
    counts, forecasts, found = scores(compiled, means, 1)
    learnt = counts.iloc[:-N_SCORED]
    own = (learnt.sum() + 0.5) / len(learnt)
    by_weekday = learnt.groupby(learnt.index.dayofweek)
    weekday = (by_weekday.sum() + own) / by_weekday.count().add(1)
    long_mean = learnt.to_numpy().mean()
    weights = {}
    for part, prior in (("dayofweek", 100), ("month", 1000)):
        groups = learnt.sum(axis=1).groupby(getattr(learnt.index, part))
        weights[part] = (groups.sum() + prior) / (
            groups.count() * 3 * long_mean + prior
        ).reindex(groups.sum().index)
    before = counts.shift(1)
    year = (before.rolling(364).sum() + 28 * own) / (364 + 28)
    weight = (
        weights["dayofweek"].loc[counts.index.dayofweek].to_numpy()
        * weights["month"].loc[counts.index.month].to_numpy()
    )
    same = sum(counts.shift(7 * k) for k in (1, 2, 3, 4))
    expected = {
        "city_mean": counts * 0 + long_mean,
        "neighborhood_mean": counts * 0 + own,
        "neighborhood_weekday_mean": weekday.loc[counts.index.dayofweek].set_axis(
            counts.index
        ),
        "last_28_days_mean": (before.rolling(28).sum() + own) / 29,
        "last_4_weekdays_mean": (same + own) / 5,
        "forecast_n": year.mul(weight, axis=0),
    }
    for name, wanted in expected.items():
        ours = forecasts.pivot(index="event_date", columns="neighborhood_slug", values=name)
        pd.testing.assert_frame_equal(
            ours,
            wanted.iloc[-N_SCORED:],
            check_names=False,
            check_freq=False,
            check_index_type=False,
            atol=1e-7,
        )
    scored = counts.iloc[-N_SCORED:].to_numpy()

    def deviance(mean: np.ndarray) -> np.ndarray:
        return 2 * (xlogy(scored, scored / mean) - scored + mean)

    mean = expected["forecast_n"].iloc[-N_SCORED:].to_numpy()
    inside = (scored >= poisson.ppf(0.05, mean)) & (scored <= poisson.ppf(0.95, mean))
    weeks = counts.index[-N_SCORED:].to_period("W")
    rng = np.random.default_rng(2)
    found = found.set_index(["neighborhood_slug", "baseline"])
    assert len(found) == 4 * 5
    for baseline in BASELINES:
        other = expected[baseline].iloc[-N_SCORED:].to_numpy()
        for name, columns in {"a": [0], "b": [1], "c": [2], "pooled": [0, 1, 2]}.items():
            row = found.loc[(name, baseline)]
            ours, theirs = deviance(mean)[:, columns], deviance(other)[:, columns]
            wanted = [ours.mean(), theirs.mean(), 1 - ours.mean() / theirs.mean()]
            wanted += [np.abs(scored - mean)[:, columns].mean()]
            wanted += [np.abs(scored - other)[:, columns].mean()]
            wanted += [inside[:, columns].mean(), scored[:, columns].sum()]
            names = ["mean_deviance", "baseline_mean_deviance", "skill"]
            names += ["mean_absolute_error", "baseline_mean_absolute_error"]
            names += ["in_interval_share", "n_accidents"]
            np.testing.assert_allclose(row[names].astype(float), wanted, atol=1e-6)
            by_week = pd.DataFrame(
                {"ours": ours.sum(axis=1), "theirs": theirs.sum(axis=1)}
            ).groupby(weeks)
            sums = by_week.sum().to_numpy()
            drawn = rng.poisson(1, (2000, len(sums))) @ sums
            low, high = np.quantile(1 - drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
            width = high - low
            np.testing.assert_allclose(
                [row["skill_low"], row["skill_high"]], [low, high], atol=0.25 * width
            )


def test_where_days_differ_it_says_better_and_where_not_it_says_so(
    compiled: Compiled,
) -> None:
    flat = {f"flat_{number}": np.ones(len(DAYS)) for number in range(20)}
    _, _, found = scores(compiled, flat, 3)
    against = found[found["baseline"] == "neighborhood_mean"]
    assert (against["verdict"] == "better").sum() <= 3
    assert against.set_index("neighborhood_slug").loc["pooled", "skill"] < 0.005
    _, _, found = scores(compiled, {"busy": 10 * season(), "idle": season()}, 4)
    found = found.set_index(["neighborhood_slug", "baseline"])
    assert (found.loc["pooled", "verdict"] == "better").all()
    assert found.loc[("busy", "neighborhood_mean"), "skill"] > 0.2
    assert found["in_interval_share"].min() >= 0.9
