"""Alerts: their chances against scipy, their rate on quiet series, outages noticed."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nbinom

from tests.path.compiled import Compiled
from tests.path.series import Part, reports_on, series_days

pytestmark = pytest.mark.xdist_group("compiled")

STATISTICS = ("int_series_baselines_estimated", "int_series_days_judged")
DAYS = pd.date_range("2018-02-27", "2018-09-24")  # 182 days and 28


def quiet(rng: np.random.Generator, n_series: int, days: pd.DatetimeIndex = DAYS) -> list:
    """Neighborhoods where nothing happens but weekdays, seasons, and some scatter."""
    parts: list[Part] = []
    week = np.array([1, 1, 1, 1, 1.2, 0.8, 0.7])[days.dayofweek]
    season = 1 + 0.2 * np.sin(2 * np.pi * days.dayofyear.to_numpy() / 365)
    for number in range(n_series):
        mean = np.exp(rng.uniform(np.log(0.2), np.log(30))) * week * season
        size = 1 / rng.choice([1e-9, 0.02, 0.1])
        counts = rng.poisson(mean * rng.gamma(size, 1 / size, len(days)))
        parts.append(("accidents", "neighborhood", f"{number}", days, counts))
    return parts


def judged(compiled: Compiled, rows: pd.DataFrame, *reports: str) -> list[pd.DataFrame]:
    names = (*STATISTICS, *reports)
    with reports_on(compiled, rows, *names) as connection:
        return [
            connection.execute(f"select * from {compiled[name]}").df() for name in names
        ]


def test_chances_are_those_of_scipy(compiled: Compiled) -> None:
    (model,) = (m for m in compiled.models if m.name == "int_series_days_judged")
    rng = np.random.default_rng(1)
    n = 3000
    mean = np.exp(rng.uniform(np.log(0.01), np.log(400), n))
    size = np.exp(rng.uniform(np.log(0.05), np.log(20_000), n))
    days = pd.DataFrame(
        {
            "series_key": np.arange(n),
            "feed": "purchases",
            "vintage": "main",
            "dimension": "kiosk",
            "dimension_value": "1",
            "n_events": rng.poisson(mean * rng.gamma(size, 1 / size)),
            "expected_n": mean,
            "expected_n_per_day": mean,
            "dispersion_size": size,
            "n_silent_days": 1,
            "silent_expected_n": mean,
            "silent_dispersion_size": size,
            "event_date": pd.Timestamp("2018-01-01"),
        }
    )
    with reports_on(compiled, series_days(quiet(rng, 1))) as connection:
        connection.register("expected", days)
        baselines = compiled["int_series_baselines_estimated"]
        connection.execute(f"create table {baselines} as from expected")
        found = connection.execute(f"{model.compiled_code} order by series_key").df()
    chance = size / (size + mean)
    counts = days["n_events"]
    for ours, wanted in (
        ("chance_as_few", nbinom.cdf(counts, size, chance)),
        ("chance_as_many", nbinom.sf(counts - 1, size, chance)),
        ("chance_of_silence", nbinom.pmf(0, size, chance)),
    ):
        np.testing.assert_allclose(found[ours], wanted, atol=1e-9)
    assert (found["greatest_chance"] == 1 / (90 * n)).all()


def test_what_is_expected_equals_pandas(compiled: Compiled) -> None:
    rows = series_days(quiet(np.random.default_rng(2), 6))
    found, _ = judged(compiled, rows)
    wide = rows.pivot(index="event_date", columns="dimension_value", values="n_events")
    before = wide.iloc[:182]
    of_set = before.groupby(before.index.dayofweek).mean().mean(axis=1)
    of_set /= of_set.mean()
    weight = (before.groupby(before.index.dayofweek).sum().add(20 * of_set, axis=0)) / (
        before.mean() * 26 + 20
    )
    weights = weight.loc[wide.index.dayofweek].set_axis(wide.index)
    level = (wide.shift(1).rolling(56).sum() + 0.5) / weights.shift(1).rolling(56).sum()
    four_weeks = (np.arange(182) - 182) // 28
    fitted = weights.iloc[:182] * (
        before.groupby(four_weeks).transform("sum")
        / weights.iloc[:182].groupby(four_weeks).transform("sum")
    )
    days_in = pd.Series(four_weeks).map(pd.Series(four_weeks).value_counts()).to_numpy()
    correction = (days_in / (days_in - 1))[:, None]
    excess = ((before - fitted) ** 2 * correction - fitted).sum()
    squares = (fitted**2).sum()
    dispersion = (excess / squares).clip(lower=max(excess.sum() / squares.sum(), 0))
    for row in found.itertuples():
        day, series = row.event_date, row.dimension_value
        events = wide.shift(1).rolling(56).sum().loc[day, series] + 0.5
        assert row.expected_n == pytest.approx(
            level.loc[day, series] * weights.loc[day, series], abs=1e-8
        )
        assert row.dispersion_size == pytest.approx(
            1 / (1 / events + dispersion[series]), rel=1e-6
        )
    assert len(found) == 6 * 28


def new_alerts(compiled: Compiled, seed: int, n_sets: int) -> int:
    rng = np.random.default_rng(seed)
    rows = pd.concat(series_days(quiet(rng, 78), str(number)) for number in range(n_sets))
    _, found = judged(compiled, rows)
    assert len(found) == n_sets * 78 * 28
    return int(found["is_new_alert"].sum())


def test_quiet_series_give_at_most_one_false_alert_a_month(compiled: Compiled) -> None:
    # Four sets over 28 days: 3.7 are to be expected at most; 9 have a chance of 1.5 %.
    assert new_alerts(compiled, 3, 4) < 9


@pytest.mark.full
def test_false_alerts_keep_to_their_rate(
    compiled: Compiled, report: Callable[[str, str], None]
) -> None:
    n_sets = 40
    n_alerts = sum(new_alerts(compiled, 100 + part, 10) for part in range(4))
    per_month = n_alerts / n_sets / 28 * 30
    assert per_month <= 1
    report(
        "Monitors",
        f"{n_sets} simulated sets of 78 quiet series (0.2 to 30 a day, weekday, season, up "
        f"to 10 % extra variance) over 28 days: {per_month:.2f} false alerts in 30 days a "
        "set; at most 1 is promised",
    )


def test_an_outage_is_noticed_within_the_days_derived(compiled: Compiled) -> None:
    rng = np.random.default_rng(6)
    parts = []
    for number, mean in enumerate([0.3, 0.6, 1, 2, 4, 8, 16, 32] * 3):
        counts = rng.poisson(mean, len(DAYS))
        counts[-29] = max(counts[-29], 1)
        counts[-28:] = 0
        parts.append(("purchases", "kiosk", f"{number}", DAYS, counts))
    # So that the weekdays are known to be alike.
    for number in range(24, 74):
        counts = rng.poisson(20, len(DAYS))
        parts.append(("purchases", "kiosk", f"{number}", DAYS, counts))
    expected, found, watched = judged(compiled, series_days(parts), "rpt_watched_series")
    outages = found[found["dimension_value"].astype(int) < 24]
    assert len(watched) == 74
    n_noticed = 0
    for _, days in outages.sort_values("event_date").groupby("dimension_value"):
        first = expected[
            (expected["series_key"] == days.iloc[0]["series_key"])
            & (expected["n_silent_days"] == 1)
        ].iloc[0]
        size, mean = first["dispersion_size"], first["expected_n_per_day"]
        chances = nbinom.pmf(0, size, size / (size + mean * np.arange(1, 400)))
        derived = int(np.argmax(chances < days.iloc[0]["greatest_chance"])) + 1
        alerts = days[days["is_new_alert"]]
        if derived <= 26:
            assert len(alerts) == 1
            # Weekdays that are not quite alike may move it by a day.
            assert abs(alerts.iloc[0]["n_silent_days"] - derived) <= 1 + derived // 10
            n_noticed += 1
        else:
            assert len(alerts) <= 1
    assert n_noticed >= 15


def test_a_burst_is_noticed_on_its_day(compiled: Compiled) -> None:
    parts = quiet(np.random.default_rng(8), 20)
    feed, dimension, value, days, counts = parts[0]
    burst = counts.copy()
    burst[-5] = 20 + 6 * counts.mean()
    parts[0] = (feed, dimension, value, days, burst)
    _, _, alerts = judged(compiled, series_days(parts), "rpt_series_alerts")
    found = alerts[(alerts["alert"] == "too_many") & alerts["is_new_alert"]]
    assert (value, days[-5]) in set(
        zip(found["dimension_value"], found["event_date"], strict=True)
    )
