"""Correlations of requests with accidents, against numpy, pandas and scipy."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, pearsonr

from tests.path.compiled import Compiled
from tests.path.series import Part, reports_on, series_days

pytestmark = pytest.mark.xdist_group("compiled")

MODELS = (
    "int_series_periods_detrended",
    "int_series_periods_blocked",
    "int_series_paired",
    "int_series_pairs_correlated",
    "rpt_event_correlations",
)
REQUEST_DAYS = pd.date_range("2015-09-15", "2016-10-11")
ACCIDENT_DAYS = pd.date_range("2015-03-01", "2016-10-16")
PAIR = ["comparison", "request_series", "accident_series", "period"]


def drifting(rng: np.random.Generator, days: pd.DatetimeIndex, mean: float) -> np.ndarray:
    """Poisson counts with a weekday, a season, a trend, and days that resemble the last."""
    week = np.exp(rng.normal(0, 0.3, 7))[days.dayofweek]
    since = np.arange(len(days)) / 365.25
    season = 1 + 0.3 * np.sin(2 * np.pi * (since + rng.uniform()))
    noise = np.zeros(len(days))
    for day in range(1, len(days)):
        noise[day] = 0.6 * noise[day - 1] + rng.normal(0, 0.24)
    return rng.poisson(mean * week * season * np.exp(noise + rng.normal(0, 0.3) * since))


def unrelated(rng: np.random.Generator, n_types: int, n_kinds: int, n_places: int) -> list:
    """Requests and accidents that have nothing to do with one another."""
    parts: list[Part] = []
    for feed, dimension, days, n in (
        ("service_requests", "request_type", REQUEST_DAYS, n_types),
        ("accidents", "accident_kind", ACCIDENT_DAYS, n_kinds),
    ):
        counts = [drifting(rng, days, 8) for _ in range(n)]
        parts += [(feed, dimension, f"{i}", days, c) for i, c in enumerate(counts)]
        parts.append((feed, "overall", "All", days, np.sum(counts, axis=0)))
        # What happens in one place happens in all.
        common = drifting(rng, days, 2)
        parts += [
            (feed, "neighborhood", f"{i}", days, rng.poisson(common * rng.uniform(0.5, 2)))
            for i in range(n_places)
        ]
    return parts


def correlations(compiled: Compiled, parts: list[Part]) -> pd.DataFrame:
    with reports_on(compiled, series_days(parts), *MODELS) as connection:
        return connection.execute("select * from reports.rpt_event_correlations").df()


def counts_of(parts: list[Part], feed: str, value: str) -> pd.Series:
    (found,) = (
        pd.Series(counts, index=days, dtype=float)
        for name, dimension, v, days, counts in parts
        if (name, v) == (feed, value) and dimension != "neighborhood"
    )
    return found


def whole(counts: pd.Series, period: str) -> pd.DataFrame:
    """Counts and counts per day of whole periods, less the usual, all by pandas."""
    if period != "day":
        groups = counts.groupby(counts.index.to_period({"week": "W", "month": "M"}[period]))
        size = groups.size()
        sums = groups.sum()[size == (7 if period == "week" else sums_days(size))]
        days = size[sums.index]
        counts = pd.Series(sums.to_numpy(), index=sums.index.start_time)
        rate = counts / days.to_numpy()
    else:
        rate = counts
    reach, step = {"day": (4, 7), "week": (4, 1), "month": (2, 1)}[period]
    beside = pd.concat(
        [rate.shift(k * step) for k in range(-reach, reach + 1) if k], axis=1
    ).mean(axis=1)
    return pd.DataFrame({"n": counts, "left": rate - beside})


def sums_days(size: pd.Series) -> np.ndarray:
    return size.index.days_in_month.to_numpy()


@pytest.mark.parametrize(
    ("period", "greatest_lag", "length"), [("day", 3, 28), ("week", 3, 4), ("month", 1, 1)]
)
def test_each_figure_of_a_pair_equals_numpy_and_scipy(
    compiled: Compiled, period: str, greatest_lag: int, length: int
) -> None:
    parts = unrelated(np.random.default_rng(1), 2, 1, 2)
    found = correlations(compiled, parts)
    n_compared = 0
    for (requests, accidents), group in found[
        (found["comparison"] == "kinds_in_the_city") & (found["period"] == period)
    ].groupby(["request_series", "accident_series"]):
        x = whole(counts_of(parts, "service_requests", requests), period)
        y = whole(counts_of(parts, "accidents", accidents), period)
        lagged = {
            lag: y.shift(-lag).reindex(x.index)
            for lag in range(-greatest_lag, greatest_lag + 1)
        }
        complete = np.all([one["n"].notna() for one in lagged.values()], axis=0)
        n_kept = complete.sum() // length * length
        kept = x.index[complete][-n_kept:]
        for row in group.itertuples():
            a, b = x.loc[kept], lagged[row.lag_periods].loc[kept]
            naive = pearsonr(a["n"], b["n"])
            low, high = naive.confidence_interval(0.95)
            left = pearsonr(a["left"], b["left"])
            ours = [row.naive_correlation, row.naive_correlation_low]
            ours += [row.naive_correlation_high, row.correlation, row.n_periods]
            wanted = [naive.statistic, low, high, left.statistic, len(kept)]
            np.testing.assert_allclose(ours, wanted, atol=1e-7)
            # By trying many orders: the variance that we take from a formula.
            parts_a = a["left"].to_numpy().reshape(-1, length)
            parts_b = b["left"].to_numpy().reshape(-1, length)
            orders = np.argsort(np.random.default_rng(2).random((2000, len(parts_b))))
            tried = np.einsum(
                "bp,obp->o", parts_a - parts_a.mean(), (parts_b - parts_b.mean())[orders]
            ) / (parts_a.size * parts_a.std() * parts_b.std())
            reach, filtered = (2, np.zeros(5)) if period == "month" else (4, np.zeros(9))
            filtered[:] = -1 / (2 * reach)
            filtered[reach] = 1
            related = np.correlate(filtered, filtered, "full")
            scatter = np.sum((related / related.max()) ** 2)
            effective = min(1 + 1 / (np.var(tried) * scatter), len(kept))
            assert row.effective_n == pytest.approx(effective, rel=0.12)
            assert row.n_blocks == len(kept) // length
            half = 1.959963984540054 / np.sqrt(row.effective_n - 3)
            np.testing.assert_allclose(
                [row.correlation_low, row.correlation_high],
                np.tanh(np.arctanh(row.correlation) + np.array([-half, half])),
                atol=1e-9,
            )
            n_compared += 1
    assert n_compared == 6 * (2 * greatest_lag + 1)


def test_q_values_are_those_of_scipy(compiled: Compiled) -> None:
    found = correlations(compiled, unrelated(np.random.default_rng(3), 3, 2, 3))
    pairs = found[found["is_strongest_lag"]]
    assert (pairs["n_tests"] == len(pairs)).all()
    assert not pairs.duplicated(PAIR).any()
    assert len(pairs) == 3 * (4 * 3 + 3 + 1)
    wanted = false_discovery_control(pairs["p_value"])
    np.testing.assert_allclose(pairs["q_value"], wanted, rtol=1e-9)
    # The chance by all pairs' orders agrees with the chance by the pair's own.
    np.testing.assert_allclose(pairs["p_value"], pairs["own_p_value"], atol=0.15)


def test_a_planted_effect_is_found_at_its_lag_and_a_common_season_is_none(
    compiled: Compiled,
) -> None:
    rng = np.random.default_rng(5)
    parts = unrelated(rng, 4, 2, 4)
    requests = rng.poisson(np.exp(rng.normal(2, 0.4, len(REQUEST_DAYS))))
    two_days_before = pd.Series(requests, REQUEST_DAYS).shift(2).reindex(ACCIDENT_DAYS)
    caused = rng.poisson(3 + 0.4 * two_days_before.fillna(8).to_numpy())
    parts.append(("service_requests", "request_type", "cause", REQUEST_DAYS, requests))
    parts.append(("accidents", "accident_kind", "effect", ACCIDENT_DAYS, caused))
    for feed, dimension, days in (
        ("service_requests", "request_type", REQUEST_DAYS),
        ("accidents", "accident_kind", ACCIDENT_DAYS),
    ):
        season = 1 + 0.6 * np.sin(2 * np.pi * days.dayofyear.to_numpy() / 366)
        parts.append((feed, dimension, "summer", days, rng.poisson(20 * season)))
    found = (
        correlations(compiled, parts)
        .set_index(["request_series", "accident_series"])
        .sort_index()
    )
    strongest = found[found["is_strongest_lag"] & (found["period"] == "day")]
    planted = strongest.loc[("cause", "effect")]
    assert planted["has_survived"].all()
    assert planted["lag_periods"].tolist() == [2]
    assert planted["q_value"].max() < 0.02 < planted["correlation_low"].min()
    season = found.loc[("summer", "summer")]
    assert not season["has_survived"].any()
    weeks = season[(season["period"] == "week") & (season["lag_periods"] == 0)]
    assert weeks["naive_correlation_low"].min() > 0.8
    others = strongest.drop(index=[("cause", "effect")])
    assert others["has_survived"].mean() < 0.05


def test_figures_do_not_depend_on_the_order_of_rows(compiled: Compiled) -> None:
    parts = unrelated(np.random.default_rng(7), 2, 1, 2)
    key = [*PAIR, "lag_periods"]
    first, second = (
        correlations(compiled, order).sort_values(key).reset_index(drop=True)
        for order in (parts, parts[::-1])
    )
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def share_found(
    compiled: Compiled, seeds: range
) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    worlds = [
        correlations(compiled, unrelated(np.random.default_rng(seed), 9, 5, 12))
        for seed in seeds
    ]
    return pd.concat(world[world["is_strongest_lag"]] for world in worlds), worlds


def test_unrelated_series_are_seldom_found_related(compiled: Compiled) -> None:
    pairs, _ = share_found(compiled, range(1))
    assert len(pairs) > 200
    assert not pairs["has_survived"].any()
    assert (pairs["p_value"] <= 0.05).mean() < 0.08


@pytest.mark.full
def test_false_discoveries_keep_to_their_rate(
    compiled: Compiled, report: Callable[[str, str], None]
) -> None:
    pairs, worlds = share_found(compiled, range(100, 140))
    n_with = sum(bool(world["has_survived"].any()) for world in worlds)
    at_once = pd.concat(worlds)
    at_once = at_once[at_once["lag_periods"] == 0]
    covered = (at_once["correlation_low"] <= 0) & (at_once["correlation_high"] >= 0)
    naive = (at_once["naive_correlation_low"] <= 0) & (
        at_once["naive_correlation_high"] >= 0
    )
    by_period = pairs.groupby("period")["p_value"].agg(lambda p: (p <= 0.05).mean())
    assert n_with <= 5  # 2 expected of 40; more than 5 has a chance of 1.4 %
    assert (by_period < 0.06).all()
    assert 0.94 < covered.mean() < 0.99
    report(
        "Correlations",
        f"{len(worlds)} simulated cities of {len(worlds[0][PAIR].drop_duplicates())} "
        f"unrelated pairs with weekday, season, trend and autocorrelation: {n_with} with "
        "any pair that survives a false discovery rate of 5 %; p at most 0.05 for "
        + ", ".join(f"{share:.1%} by {period}" for period, share in by_period.items())
        + f"; the 95 % interval holds 0 for {covered.mean():.1%}, the plain one for "
        f"{naive.mean():.1%}",
    )
