"""The forecast of accidents and its test, against numpy and scipy, and known truth.

The reference shares no code with the SQL: it follows the descriptions of the models.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar
from scipy.special import xlogy
from scipy.stats import nbinom, poisson

from tests.path.compiled import Compiled
from tests.path.series import Part, reports_on, series_days

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]

DAYS = pd.date_range("2014-11-01", "2016-12-27")
MODELS = ["int_accident_days_learnt", "int_accident_seasons_estimated"]
MODELS += ["int_accident_weekdays_counted", "int_accident_levels_estimated"]
MODELS += ["int_accidents_forecast", "int_accident_forecasts_scored"]
MODELS += ["int_accident_forecasts_judged", "rpt_accident_forecast_skill"]
BASELINES = ["neighborhoods_mean", "own_mean", "own_weekday_mean"]
BASELINES += ["last_28_days_mean", "last_4_weekdays_mean"]


def season(days: pd.DatetimeIndex = DAYS) -> np.ndarray:
    week = np.array([1, 1, 1.1, 1.1, 1.5, 0.9, 0.6])[days.dayofweek]
    return week * (1 + 0.3 * np.sin(2 * np.pi * days.dayofyear.to_numpy() / 365))


def accidents(
    counts: dict[str, np.ndarray],
    days: pd.DatetimeIndex = DAYS,
    vintage: str = "main",
    unplaced: int = 1,
) -> pd.DataFrame:
    """Series of neighborhoods, and of the city: their sum, and some without a place."""
    parts: list[Part] = [
        ("accidents", "neighborhood", name, days, number) for name, number in counts.items()
    ]
    total = sum(counts.values()) + unplaced
    parts += [("accidents", "neighborhood", "unknown", days, np.ones(len(days), int))]
    parts += [("accidents", "overall", "All", days, total)]
    return series_days(parts, vintage)


@contextmanager
def forecasts_of(
    compiled: Compiled, rows: pd.DataFrame
) -> Iterator[duckdb.DuckDBPyConnection]:
    with reports_on(compiled, rows, *MODELS) as connection:
        yield connection


def holidays(days: pd.DatetimeIndex) -> pd.Series:
    """The name of each holiday; an observed one is a holiday of its own."""
    names: dict[pd.Timestamp, str] = {}
    fixed = {(1, 1): "new", (7, 4): "independence", (11, 11): "veterans"}
    fixed[(12, 25)] = "christmas"
    for day in pd.date_range(days[0] - pd.Timedelta(days=7), days[-1]):
        if (day.month, day.day) in fixed:
            names[day] = fixed[(day.month, day.day)]
            shift = {5: -1, 6: 1}.get(day.dayofweek, 0)
            if shift:
                observed = day + pd.Timedelta(days=shift)
                names[observed] = names[day] + " observed"
        if (day.month, day.day) == (12, 24):
            names.setdefault(day, "eve")
    for day in USFederalHolidayCalendar().holidays(days[0], days[-1]):
        if day not in names:
            names[day] = f"{day.month}"
            if day.month == 11:
                names[day + pd.Timedelta(days=1)] = "after"
    return pd.Series(names).reindex(days)


def mean_as_of(
    counts: pd.DataFrame, city: pd.Series, origin: pd.Timestamp, has_own_weekdays: bool
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], float]:
    """Expected counts of the 14 days after, the simpler means, and the law's 1 / size."""
    ahead = pd.date_range(origin + pd.Timedelta(days=1), periods=14)
    days = counts.index[counts.index <= origin]
    every = days.append(ahead)
    name = holidays(pd.date_range(every[0], every[-1])).reindex(every)
    total = city.reindex(days)
    plain = name.reindex(days).isna()
    mean = total[plain].mean()

    def drawn(seen: float, expected: float, events: float, to: float = 1) -> float:
        return (seen + events * to) / (expected + events)

    weight = pd.Series(mean, index=every)
    for part, prior in (("dayofweek", 100), ("month", 100)):
        fitted = weight.copy()
        for value in range(13):
            those = plain & (getattr(days, part) == value)
            factor = drawn(total[those].sum(), fitted.reindex(days)[those].sum(), prior)
            weight[getattr(every, part) == value] *= factor
    special = days[~plain]
    all_of_them = drawn(total[special].sum(), weight[special].sum(), 100)
    usual = weight.copy()
    for day in every[name.notna()]:
        same = special[name[special] == name[day]]
        weight[day] *= drawn(total[same].sum(), usual[same].sum(), 30, all_of_them)
    weight = (weight / mean).round(9)
    learnt, own = counts.loc[days], weight[days]
    rate = (learnt.sum() + 0.5) / own.sum()
    recency = pd.Series(0.5 ** ((origin - days).days / 120), index=days)
    level = learnt.mul(recency, axis=0).sum() + 30 * rate
    level /= (recency * own).sum() + 30
    by_weekday = learnt.groupby(days.dayofweek)
    expected = pd.DataFrame(
        np.outer(own.groupby(days.dayofweek).sum(), rate), columns=rate.index
    )
    excess = ((by_weekday.sum() - expected) ** 2 - expected).to_numpy().sum()
    strength = (expected**2).to_numpy().sum() / excess
    factors = (by_weekday.sum() + strength) / (expected + strength)
    if excess <= 0 or not has_own_weekdays:
        factors = expected * 0 + 1
    fitted = factors.loc[every.dayofweek].set_axis(every).mul(weight, axis=0) * level
    year = days[days > origin - pd.Timedelta(days=364)]
    # The factors of a city take their share of what its days scatter.
    n_taken = 0 if has_own_weekdays else 26
    widened = (len(days) + n_taken) / (len(days) - n_taken)
    deviation = (learnt.loc[year] - fitted.loc[year]).abs().to_numpy()
    fits = fitted.loc[year].to_numpy()
    k = np.arange(400)
    by_chance = np.array(
        [[(poisson.pmf(k, m) * abs(k - m)).sum() for m in row] for row in fits]
    )
    ratio = deviation.sum() / by_chance.sum()
    typical = (fits * by_chance).sum() / by_chance.sum()
    dispersion = max(widened * ratio**2 - 1, 0) / typical
    own_mean = (learnt.sum() + 0.5) / len(days)
    last = learnt.loc[days > origin - pd.Timedelta(days=28)]

    def by(means: pd.DataFrame) -> pd.DataFrame:
        return means.loc[ahead.dayofweek].set_axis(ahead)

    def flat(means: pd.Series) -> pd.DataFrame:
        return pd.DataFrame([means] * 14, index=ahead)

    of_last = last.groupby(last.index.dayofweek)
    simpler = {
        "neighborhoods_mean": flat(own_mean * 0 + learnt.to_numpy().mean()),
        "own_mean": flat(own_mean),
        "own_weekday_mean": by(
            (by_weekday.sum() + own_mean).div(by_weekday.size() + 1, axis=0)
        ),
        "last_28_days_mean": flat((last.sum() + own_mean) / (len(last) + 1)),
        "last_4_weekdays_mean": by(
            (of_last.sum() + own_mean).div(of_last.size() + 1, axis=0)
        ),
    }
    return fitted.loc[ahead], simpler, dispersion


def interval(mean: float, dispersion: float) -> tuple[int, int, float]:
    """The whole numbers, likeliest first, with a chance nearest to 80 %."""
    law = poisson(mean)
    if dispersion > 0:
        law = nbinom(1 / dispersion, 1 / (1 + mean * dispersion))
    chances = law.pmf(np.arange(400))
    order = np.argsort(-chances, kind="stable")
    held = np.cumsum(chances[order])
    chosen = order[: np.argmin(abs(held - 0.8)) + 1]
    return chosen.min(), chosen.max(), held[len(chosen) - 1]


def test_forecasts_equal_an_independent_computation(compiled: Compiled) -> None:
    rng = np.random.default_rng(1)
    friday = np.where(DAYS.dayofweek == 4, 3, 1)
    means = {"a": 0.3 * season(), "b": 2 * season() * friday, "c": 6 * season()}
    counts = {name: rng.negative_binomial(4, 4 / (4 + m)) for name, m in means.items()}
    # Two weeks that nobody watched, and a day.
    watched = np.r_[0:300, 314:400, 401 : len(DAYS)]
    rows = accidents({name: n[watched] for name, n in counts.items()}, DAYS[watched])
    with forecasts_of(compiled, rows) as connection:
        query = f"select * from {compiled['int_accidents_forecast']}"
        found = connection.execute(query).df()
    table = pd.DataFrame(counts, index=DAYS).iloc[watched]
    city = (table.sum(axis=1) + 1).to_frame("city_total")
    origins = sorted(found["origin_date"].unique())
    assert origins[-1] == DAYS[-1]
    assert list(np.diff(origins)) == [pd.Timedelta(days=7)] * 53
    assert len(found) == 54 * 14 * 4
    found = found.set_index(["origin_date", "neighborhood_slug", "event_date"]).sort_index()
    for origin in origins[::9]:
        for areas, has_own in ((table, True), (city, False)):
            wanted = mean_as_of(areas, city["city_total"], origin, has_own)
            mean, simpler, dispersion = wanted
            for area in areas:
                ours = found.loc[(origin, area)]
                np.testing.assert_allclose(ours["expected_n"], mean[area], atol=1e-7)
                size = ours["dispersion_size"].fillna(np.inf)
                np.testing.assert_allclose(1 / size, dispersion, rtol=1e-5, atol=1e-7)
                chosen = [interval(m, dispersion) for m in mean[area]]
                columns = ["count_low", "count_high", "interval_chance"]
                np.testing.assert_allclose(ours[columns], chosen, atol=1e-5)
                for name, means_of in simpler.items():
                    if name != "neighborhoods_mean" or area != "city_total":
                        np.testing.assert_allclose(ours[name], means_of[area], atol=1e-7)
                truth = areas[area].reindex(ours.index)
                pd.testing.assert_series_equal(
                    ours["n_events"], truth, check_names=False, check_dtype=False
                )


def test_the_rest_of_history_does_not_matter(compiled: Compiled) -> None:
    """A forecast learns from nothing after its origin."""
    rng = np.random.default_rng(2)
    counts = {"a": rng.poisson(3 * season()), "b": rng.poisson(season())}
    later = {name: number.copy() for name, number in counts.items()}
    for number in later.values():
        number[-7 * 10 :] += 50
    found = []
    for of in (counts, later):
        with forecasts_of(compiled, accidents(of)) as connection:
            query = f"select * exclude (n_events) from {compiled['int_accidents_forecast']}"
            query += f" where origin_date <= date '{DAYS[-1 - 70].date()}' order by all"
            found.append(connection.execute(query).df())
    assert len(found[0]) == 44 * 14 * 3
    pd.testing.assert_frame_equal(*found)


def test_too_few_days_are_not_forecast(compiled: Compiled) -> None:
    rng = np.random.default_rng(3)
    for n_days, n_origins in ((181, 0), (182, 1), (188, 1), (189, 2)):
        days = DAYS[:n_days]
        rows = accidents({"a": rng.poisson(2, n_days)}, days)
        with forecasts_of(compiled, rows) as connection:
            query = f"from {compiled['int_accidents_forecast']}"
            query = f"select count(distinct origin_date) {query}"
            assert connection.execute(query).fetchone() == (n_origins,)


def test_no_more_than_five_years_are_learnt_from(compiled: Compiled) -> None:
    days = pd.date_range("2010-01-01", periods=1900)
    with reports_on(
        compiled, accidents({"a": np.ones(1900, int)}, days), MODELS[0]
    ) as connection:
        found = connection.execute(
            f"""
            select origin_date, min(event_date), max(event_date), count(n_events), count(*)
            from {compiled[MODELS[0]]} group by all order by all
            """
        ).fetchall()
    assert len(found) == 54
    for origin, first, last, n_learnt, n_days in found:
        ahead = pd.Timedelta(days=14)
        assert pd.Timestamp(last) == pd.Timestamp(origin) + ahead
        assert n_learnt == min(1826, (pd.Timestamp(origin) - days[0]).days + 1)
        assert n_days == n_learnt + 14
        assert (pd.Timestamp(origin) - pd.Timestamp(first)).days == n_learnt - 1


def replicates(origins: list[pd.Timestamp]) -> np.ndarray:
    """How often each origin is drawn in each of 200 replicates, by a hash."""
    ends = np.round(poisson.cdf(np.arange(8), 1) * 65536)
    drawn = np.zeros((200, len(origins)))
    for column, origin in enumerate(origins):
        number = (origin - pd.Timestamp("2000-01-03")).days
        for batch in range(25):
            digits = hashlib.md5(f"{number}:{batch}".encode()).hexdigest()
            for part in range(8):
                value = int(digits[part * 4 : part * 4 + 4], 16)
                drawn[batch * 8 + part, column] = (ends <= value).sum()
    return drawn


def test_scores_equal_an_independent_computation(compiled: Compiled) -> None:
    rng = np.random.default_rng(4)
    means = {"a": 0.3 * season(), "b": 2 * season(), "c": 6 * season()}
    rows = accidents({name: rng.poisson(mean) for name, mean in means.items()})
    with forecasts_of(compiled, rows) as connection:
        days = connection.execute(
            f"select * from {compiled['int_accidents_forecast']} where n_events is not null"
        ).df()
        found = connection.execute(
            f"select * from {compiled['rpt_accident_forecast_skill']}"
        ).df()
    days["week"] = 1 + (days["horizon_days"] > 7)
    days["inside"] = days["n_events"].between(days["count_low"], days["count_high"])
    found = found.set_index(["neighborhood_slug", "baseline", "horizon_week"])
    assert len(found) == (4 * 5 + 4) * 2

    def deviance(seen: pd.Series, mean: pd.Series) -> pd.Series:
        return 2 * (xlogy(seen, seen / mean) - seen + mean)

    days["ours"] = deviance(days["n_events"], days["expected_n"])
    for (area, baseline, week), row in found.iterrows():
        those = days[days["week"] == week]
        if area == "pooled_neighborhoods":
            those = those[those["area_kind"] == "neighborhood"]
        else:
            those = those[those["neighborhood_slug"] == area]
        theirs = deviance(those["n_events"], those[baseline])
        by_origin = pd.DataFrame({"ours": those["ours"], "theirs": theirs})
        sums = by_origin.groupby(those["origin_date"]).sum()
        drawn = replicates(list(sums.index)) @ sums.to_numpy()
        skills = np.sort(1 - drawn[:, 0] / drawn[:, 1])
        wanted = {
            "n_days": len(those),
            "n_weeks": {1: 53, 2: 52}[week],
            "n_accidents": those["n_events"].sum(),
            "n_accidents_forecast": those["expected_n"].sum(),
            "mean_deviance": those["ours"].mean(),
            "baseline_mean_deviance": theirs.mean(),
            "mean_absolute_error": (those["n_events"] - those["expected_n"]).abs().mean(),
            "baseline_mean_absolute_error": (
                (those["n_events"] - those[baseline]).abs().mean()
            ),
            "skill": 1 - those["ours"].sum() / theirs.sum(),
            "skill_low": skills[4],
            "skill_high": skills[194],
            "in_interval_share": those["inside"].mean(),
            "mean_interval_chance": those["interval_chance"].mean(),
        }
        for name, value in wanted.items():
            np.testing.assert_allclose(row[name], value, atol=1e-6, err_msg=name)
        sign = np.sign(skills[4]) + np.sign(skills[194])
        assert row["verdict"] == {2: "better", -2: "worse"}.get(sign, "no_better")


def test_where_days_differ_it_says_better_and_where_not_it_says_so(
    compiled: Compiled,
) -> None:
    rng = np.random.default_rng(5)
    flat = {f"flat_{number}": rng.poisson(1, len(DAYS)) for number in range(20)}
    query = f"select * from {compiled['rpt_accident_forecast_skill']}"
    query += " where baseline = 'own_mean' and horizon_week = 1"
    with forecasts_of(compiled, accidents(flat)) as connection:
        found = connection.execute(query).df().set_index("neighborhood_slug")
    assert (found["verdict"] == "better").sum() <= 3
    assert found.loc["pooled_neighborhoods", "skill"] < 0.005
    counts = {"busy": rng.poisson(10 * season()), "idle": rng.poisson(season())}
    with forecasts_of(compiled, accidents(counts)) as connection:
        found = connection.execute(query).df().set_index("neighborhood_slug")
    assert (found["verdict"] == "better").all()
    assert found.loc["busy", "skill"] > 0.2


@pytest.mark.parametrize("dispersion", [0, 0.1, 0.5])
def test_intervals_hold_as_many_days_as_they_say(
    compiled: Compiled, dispersion: float
) -> None:
    rng = np.random.default_rng(6)
    rates = np.repeat([0.5, 1, 2, 3.5], 12)

    def drawn(mean: np.ndarray) -> np.ndarray:
        if dispersion:
            mean = mean * rng.gamma(1 / dispersion, dispersion, mean.shape)
        return rng.poisson(mean)

    counts = {f"n{i}": drawn(rate * season()) for i, rate in enumerate(rates)}
    query = f"select * from {compiled['rpt_accident_forecast_skill']}"
    query += " where baseline = 'own_mean'"
    with forecasts_of(compiled, accidents(counts)) as connection:
        found = connection.execute(query).df()
    pooled = found[found["area_kind"] == "pooled_neighborhoods"]
    gap = pooled["in_interval_share"] - pooled["mean_interval_chance"]
    assert gap.abs().max() < 0.01
    assert pooled["in_interval_share"].between(0.77, 0.83).all()
    found["rate"] = found["n_accidents"] / found["n_days"]
    each = found[found["area_kind"] == "neighborhood"]
    gaps = each["in_interval_share"] - each["mean_interval_chance"]
    assert gaps.groupby(each["rate"].round(0)).mean().abs().max() < 0.02


@pytest.mark.parametrize(
    "first", ["2015-01-01", pytest.param("2013-01-01", marks=pytest.mark.full)]
)
def test_intervals_of_a_city_hold_80_percent_whatever_its_scatter(
    compiled: Compiled, first: str
) -> None:
    days = pd.date_range(first, DAYS[-1])
    rng = np.random.default_rng(7)
    for dispersion in (0.002, 0.02, 0.08):
        parts = []
        for number in range(16):
            mean = 60 * season(days) * rng.gamma(1 / dispersion, dispersion, len(days))
            parts.append(accidents({"a": rng.poisson(mean)}, days, f"v{number}"))
        with forecasts_of(compiled, pd.concat(parts)) as connection:
            query = f"select * from {compiled['rpt_accident_forecast_skill']} where "
            query += "area_kind = 'city_total' and baseline = 'own_mean'"
            found = connection.execute(query).df()
        assert found["n_days"].sum() == 16 * (371 + 364)
        assert abs(found["in_interval_share"].mean() - 0.8) < 0.02


def test_days_that_reports_have_not_reached_are_completed_without_bias(
    compiled: Compiled,
) -> None:
    rng = np.random.default_rng(8)
    as_of = DAYS[-1] + pd.Timedelta(days=1)
    # Half are reported at once; one in twenty takes longer than nine days.
    delays = np.r_[0.5, 0.1, 0.08 * 0.8 ** np.arange(78)]
    delays /= delays.sum()
    series, incidents, truth = [], [], []
    for number in range(24):
        vintage = f"v{number}"
        shares = [("a", 0.1), ("b", 0.9)]
        mean = 40 * season() * rng.gamma(50, 0.02, len(DAYS))
        counts = {name: rng.poisson(share * mean) for name, share in shares}
        known = {}
        for name, of in counts.items():
            occurred = DAYS.repeat(of)
            days = rng.choice(len(delays), len(occurred), p=delays)
            reported = occurred + pd.to_timedelta(days, "D")
            rows = pd.DataFrame({"occurred_date": occurred, "reported_at": reported})
            # What is reported on the day of the delivery is there in part.
            late = rng.random(len(occurred)) < 0.5
            keep = (reported < as_of) | ((reported == as_of) & late)
            rows = rows[keep].assign(vintage=vintage, neighborhood_key=name)
            incidents.append(rows)
            by_day = rows.groupby("occurred_date").size()
            known[name] = by_day.reindex(DAYS, fill_value=0).to_numpy()
        n_late = np.argmax(delays.cumsum() >= 0.95)
        whole = as_of - pd.Timedelta(days=int(n_late)) > DAYS
        known = {name: of[whole] for name, of in known.items()}
        series.append(accidents(known, DAYS[whole], vintage, unplaced=0))
        total = pd.Series(sum(counts.values()), index=DAYS)[~whole]
        truth.append(total.rename(vintage))
    with forecasts_of(compiled, pd.concat(series)) as connection:
        connection.register("incidents", pd.concat(incidents))
        connection.execute(
            f"""
            create table {compiled["fct_incidents"]} as
            select * replace (cast(occurred_date as date) as occurred_date) from incidents;
            create table {compiled["dim_neighborhoods"]} as
            select slug as neighborhood_key, slug as neighborhood_slug
            from (values ('a'), ('b')) as slugs (slug);
            create table {compiled["fct_deliveries"]} as
            select
                'accidents' as feed, vintage as series, 'landed' as status,
                timestamp '{as_of}' as as_of_at, date '2014-11-01' as window_start_date,
                cast(null as date) as covers_to_date
            from incidents group by vintage;
            """
        )
        compiled.add(
            connection,
            "int_accident_delays_estimated",
            "int_accident_reports_awaited",
            "rpt_accident_forecast",
        )
        query = f"select * from {compiled['rpt_accident_forecast']}"
        found = connection.execute(query + " where estimate_kind = 'nowcast'").df()
        assert len(connection.execute(query).df()) == 24 * 14 * 3
    city = found[found["area_kind"] == "city_total"].copy()
    actual = pd.concat(truth, axis=1).stack().rename("actual")
    city = city.join(actual, on=["forecast_date", "vintage"])
    assert city["forecast_date"].nunique() == min(n_late, 14) - 1
    assert city["n_reported"].sum() < 0.9 * city["actual"].sum()
    bias = city["expected_accidents"].sum() / city["actual"].sum() - 1
    assert abs(bias) < 0.02
    by_day = city.groupby("forecast_date")[["expected_accidents", "actual"]].sum()
    assert (by_day["expected_accidents"] / by_day["actual"] - 1).abs().max() < 0.06
    inside = city["actual"].between(city["low_80"], city["high_80"])
    assert 0.72 < inside.mean() < 0.88
    shares = city.groupby("forecast_date")["reported_share"].mean()
    ages = (as_of - shares.index).days
    np.testing.assert_allclose(shares, delays.cumsum()[ages - 1], atol=0.02)
