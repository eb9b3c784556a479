"""Requests and accidents across neighborhoods, against numpy, scipy and statsmodels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import false_discovery_control, norm, pearsonr, spearmanr

from tests.path.compiled import Compiled
from tests.projects import ROOT, Project

PLACES = pd.read_csv(ROOT / "seeds" / "neighborhoods.csv").sort_values("neighborhood_slug")
MODELS = ("int_neighborhood_residuals_estimated", "rpt_neighborhood_correlations")


def kilometres_between() -> np.ndarray:
    """Along great circles, by haversines."""
    at = np.radians(PLACES[["centroid_latitude", "centroid_longitude"]].to_numpy())
    half = np.sin((at[:, None] - at[None]) / 2) ** 2
    of_latitudes = np.cos(at[:, None, 0]) * np.cos(at[None, :, 0])
    haversine = half[..., 0] + of_latitudes * half[..., 1]
    return 2 * 111.2 * np.degrees(np.arcsin(np.sqrt(haversine)))


DISTANCES = kilometres_between()


def compared(
    series: dict[str, np.ndarray], accidents: np.ndarray, vintage: str = "main"
) -> pd.DataFrame:
    """Rows like those of int_neighborhoods_compared, some events being nowhere."""
    known = pd.concat(
        PLACES.assign(request_series=name, n_requests=requests, n_accidents=accidents)
        for name, requests in series.items()
    )
    nowhere = pd.DataFrame({"request_series": list(series), "n_requests": 500})
    rows = pd.concat([known, nowhere.assign(neighborhood_slug="unknown", n_accidents=30)])
    day = pd.Timestamp("2016-01-01")
    rows = rows.assign(is_known=rows["neighborhood_slug"] != "unknown", vintage=vintage)
    return rows.assign(n_days=366, first_date=day, last_date=day)


def correlations(compiled: Compiled, rows: pd.DataFrame) -> pd.DataFrame:
    """The report made of such rows alone, by what dbt compiled."""
    with compiled.connect() as connection:
        connection.register("rows", rows)
        connection.execute(
            f"create table {compiled['int_neighborhoods_compared']} as select * replace ("
            "cast(n_requests as bigint) as n_requests, "
            "cast(n_accidents as bigint) as n_accidents, "
            "cast(first_date as date) as first_date, "
            "cast(last_date as date) as last_date) from rows"
        )
        compiled.add(connection, *MODELS)
        report = "select * from reports.rpt_neighborhood_correlations"
        found = connection.execute(report).df()
    return found.set_index("request_series").sort_index()


def left(counts: np.ndarray) -> np.ndarray:
    """What residents and area, by least squares, leave of the log of counts."""
    controls = sm.add_constant(np.log(PLACES[["population_2010", "area_km2"]].to_numpy()))
    return sm.OLS(np.log1p(counts), controls).fit().resid


def effective_n(x: np.ndarray, y: np.ndarray) -> float:
    """Clifford, Richardson and Hemon's, of what is left of two maps."""
    variance = 0.0
    for step in np.unique(steps := np.ceil(DISTANCES / 2)):
        pairs = steps == step
        likeness = [np.outer(left, left)[pairs].mean() / left.var() for left in (x, y)]
        variance += max(np.prod(likeness), 0) * pairs.sum() / len(x) ** 2
    return min(1 + 75 / 77 / variance, 76)


def drawn(rng: np.random.Generator, noise: np.ndarray, mean: float) -> np.ndarray:
    """Counts that go with residents and area, and with such noise."""
    exposure = PLACES["population_2010"].to_numpy() ** 0.5 * PLACES["area_km2"].to_numpy()
    return rng.poisson(mean * (exposure / exposure.mean()) ** 0.5 * np.exp(0.5 * noise))


def smooth(kilometres: float) -> np.ndarray:
    """A root of a covariance that falls by e over such a distance."""
    own = 0.3 * np.eye(len(PLACES))
    return np.linalg.cholesky(np.exp(-DISTANCES / kilometres) + own)


def simulated(
    seeds: range, kilometres: float, n_series: int, relation: float = 0
) -> pd.DataFrame:
    """Cities, each a vintage, whose noise is related so much to that of accidents."""
    cities = []
    root = smooth(kilometres)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        noise = root @ rng.normal(size=(len(PLACES), 1 + n_series))
        noise[:, 1:] *= np.sqrt(1 - relation**2)
        noise[:, 1:] += relation * noise[:, :1]
        accidents, *requests = (drawn(rng, one, 20) for one in noise.T)
        series = {f"{i}": counts for i, counts in enumerate(requests)}
        cities.append(compared(series, accidents, f"{seed}"))
    return pd.concat(cities)


def checked(found: pd.DataFrame, rows: pd.DataFrame) -> int:
    """Each figure of the report is that of scipy; how many groups there are."""
    known = rows[rows["is_known"]].sort_values("neighborhood_slug")
    p = {}
    for name, group in known.groupby("request_series"):
        if group["n_requests"].sum() < 100:
            continue
        row = found.loc[name]
        x, y = group["n_requests"].to_numpy(), group["n_accidents"].to_numpy()
        rates = [values / PLACES["population_2010"].to_numpy() for values in (x, y)]
        everything = rows[rows["request_series"] == name][["n_requests", "n_accidents"]]
        shares = group[["n_requests", "n_accidents"]].sum() / everything.sum()
        assert row["requests_located_share"] == pytest.approx(shares["n_requests"])
        assert row["accidents_located_share"] == pytest.approx(shares["n_accidents"])
        assert (row["n_requests"], row["n_accidents"]) == (x.sum(), y.sum())
        assert row["n_neighborhoods"] == len(PLACES)
        for kind, pearson in (("naive", pearsonr(x, y)), ("rate", pearsonr(*rates))):
            wanted = [pearson.statistic, *pearson.confidence_interval(0.95)]
            ours = [row[f"{kind}_correlation{end}"] for end in ("", "_low", "_high")]
            np.testing.assert_allclose(ours, wanted, atol=1e-8)
        ranks = spearmanr(x, y).statistic
        half = 1.959963984540054 * np.sqrt(1.06 / (len(PLACES) - 3))
        ours = [row[f"rank_correlation{end}"] for end in ("", "_low", "_high")]
        wanted = [ranks, *np.tanh(np.arctanh(ranks) + np.array([-half, half]))]
        np.testing.assert_allclose(ours, wanted, atol=1e-8)
        remain = left(x), left(y)
        partial, effective = pearsonr(*remain).statistic, effective_n(*remain)
        half = 1.959963984540054 / np.sqrt(effective - 3)
        ours = [row[f"partial_correlation{end}"] for end in ("", "_low", "_high")]
        wanted = [partial, *np.tanh(np.arctanh(partial) + np.array([-half, half]))]
        np.testing.assert_allclose(ours, wanted, atol=1e-6)
        assert row["effective_n"] == pytest.approx(effective, abs=1e-4)
        p[name] = 2 * norm.sf(abs(np.arctanh(partial)) * np.sqrt(effective - 3))
        assert row["p_value"] == pytest.approx(p[name], rel=1e-5)
    q = false_discovery_control(found["p_value"])
    np.testing.assert_allclose(found["q_value"], q)
    assert (found["n_tests"] == len(p)).all()
    assert (found["has_survived"] == (found["q_value"] <= 0.05)).all()
    return len(p)


@pytest.mark.xdist_group("compiled")
def test_each_figure_equals_scipy_and_statsmodels(compiled: Compiled) -> None:
    rows = simulated(range(1), 2, 4)
    assert checked(correlations(compiled, rows), rows) == 4


@pytest.mark.xdist_group("built")
def test_so_does_each_figure_of_the_demo(built: Project) -> None:
    with built.unpublished() as connection:
        rows = connection.execute("select * from int_neighborhoods_compared").df()
        report = "select * from reports.rpt_neighborhood_correlations"
        found = connection.execute(report).df().set_index("request_series").sort_index()
    assert len(rows["vintage"].unique()) == 1
    assert checked(found, rows) >= 3


@pytest.mark.xdist_group("compiled")
def test_what_goes_together_by_size_alone_does_not_survive(compiled: Compiled) -> None:
    rng = np.random.default_rng(2)
    accidents, *others = (drawn(rng, rng.normal(size=78), 60) for _ in range(4))
    beside = accidents / accidents.mean() / np.exp(0.3 * rng.normal(size=len(accidents)))
    series = {f"{i}": requests for i, requests in enumerate(others)}
    series |= {"related": rng.poisson(60 * beside), "too few": rng.poisson(1, 78) // 3}
    assert series["too few"].sum() < 100
    found = correlations(compiled, compared(series, accidents))
    assert found.index.tolist() == ["0", "1", "2", "related"]
    assert found["has_survived"].tolist() == [False, False, False, True]
    assert found.loc["related", "partial_correlation_low"] > 0.3
    by_size = found.drop(index="related")
    assert (by_size["naive_correlation_low"] > 0).all()
    assert (by_size["partial_correlation_low"] < 0).all()


@pytest.mark.xdist_group("compiled")
def test_figures_across_places_do_not_depend_on_the_order_of_rows(
    compiled: Compiled,
) -> None:
    rows = simulated(range(1), 2, 3)
    shuffled = rows.sample(frac=1, random_state=3).reset_index(drop=True)
    first, second = (correlations(compiled, order) for order in (rows, shuffled))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("kilometres", [0.1, 3])
def test_related_maps_are_found_and_unrelated_ones_seldom(
    compiled: Compiled, kilometres: float
) -> None:
    unrelated = correlations(compiled, simulated(range(30), kilometres, 4))
    assert (unrelated["p_value"] <= 0.05).sum() <= 12  # of 120; more: a chance of 1 %
    assert unrelated.groupby("vintage")["has_survived"].any().sum() <= 5
    related = correlations(compiled, simulated(range(30), kilometres, 1, relation=0.7))
    assert related["has_survived"].sum() >= 27


@pytest.mark.full
@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("kilometres", [0.1, 1.5, 3, 6])
def test_how_often_unrelated_maps_are_found_related(
    compiled: Compiled, report: Callable[[str, str], None], kilometres: float
) -> None:
    found = correlations(compiled, simulated(range(1000), kilometres, 4))
    low = (found["p_value"] <= 0.05).mean()
    holds = (found["partial_correlation_low"] <= 0) & (
        found["partial_correlation_high"] >= 0
    )
    with_any = found.groupby("vintage")["has_survived"].any()
    assert low <= 0.055
    assert holds.mean() >= 0.945
    assert with_any.mean() <= 0.055
    report(
        "Correlations across neighborhoods",
        f"{len(with_any)} simulated cities whose noise falls by e over {kilometres} km, "
        f"of 4 unrelated groups: p at most 0.05 for {low:.1%}, the 95 % interval holds 0 "
        f"for {holds.mean():.1%}, any group survives in {with_any.mean():.1%}",
    )


# ------------------------------------------------------------------- what was published


def by_month(folder: Path) -> tuple[pd.Series, pd.DataFrame]:
    """City requests, and accidents by district, of the 13 months that both have."""
    requests = pd.read_csv(folder / "27_311_status_by_month.csv")
    accidents = pd.read_csv(folder / "31_traffic_by_district_month.csv")
    n_requests = requests.groupby("CASE_CREATED_MONTH_DATE")["CNT"].sum()
    n_accidents = accidents.pivot_table(
        index="REPORTED_MONTH_DATE", columns="DISTRICT_ID", values="CNT"
    )
    return n_requests, n_accidents.loc[n_requests.index]


@pytest.mark.real_data
def test_the_published_correlation_is_one_of_a_handful_of_months(real_data: Path) -> None:
    requests, accidents = by_month(real_data / "published_2016")
    assert len(requests) == 13
    assert accidents.shape == (13, 7)
    cut = accidents.corrwith(requests)
    assert [round(cut.min(), 2), round(cut.max(), 2)] == [0.49, 0.67]
    requests, accidents = requests.iloc[1:-1], accidents.iloc[1:-1]
    whole = {d: pearsonr(requests, accidents[d]) for d in accidents}
    values = [one.statistic for one in whole.values()]
    intervals = [one.confidence_interval() for one in whole.values()]
    assert [round(min(values), 2), round(max(values), 2)] == [-0.30, 0.59]
    assert all(low < 0 < high for low, high in intervals)
    lows, highs = zip(*intervals, strict=True)
    assert [round(min(lows), 2), round(max(highs), 2)] == [-0.76, 0.88]
    days = pd.to_datetime(pd.Series(requests.index)).dt.days_in_month.to_numpy()
    city = accidents.sum(axis=1)
    for each, wanted in ((1, [0.46, -0.20, 0.83]), (days, [0.48, -0.17, 0.84])):
        one = pearsonr(requests / each, city / each)
        ours = [one.statistic, *one.confidence_interval()]
        assert [round(value, 2) for value in ours] == wanted
    four = [
        pearsonr(requests.iloc[i : i + 4], accidents[d].iloc[i : i + 4]).statistic
        for d in accidents
        for i in range(8)
    ]
    assert round(max(four), 4) == 0.9997


def three(correlation: float, n: float) -> list[float]:
    """A correlation with its interval by Fisher's z, as printed."""
    half = 1.959963984540054 / np.sqrt(n - 3)
    ends = np.tanh(np.arctanh(correlation) + np.array([-half, half]))
    return [round(float(value), 2) for value in (correlation, *ends)]


@pytest.mark.real_data
def test_across_real_neighborhoods_something_remains_but_less(real_data: Path) -> None:
    hoods = pd.read_csv(real_data / "reference" / "hoods_311_2013_counts.csv")
    requests = hoods.set_index("NBHD_ID")["311 2013"][PLACES["neighborhood_number"]]
    file = "traffic_accidents_2019-08_vintage_2015_2017.csv"
    sent = pd.read_csv(real_data / "accidents" / file, usecols=["NEIGHBORHOOD_ID"])
    counts = sent["NEIGHBORHOOD_ID"].value_counts()
    x = requests.to_numpy()
    y = counts[PLACES["neighborhood_name"]].to_numpy()
    residents = PLACES["population_2010"].to_numpy()
    assert three(pearsonr(x, y).statistic, 78) == [0.52, 0.33, 0.66]
    assert three(pearsonr(x / residents, y / residents).statistic, 78) == [0.31, 0.09, 0.49]
    remain = left(x), left(y)
    partial, effective = pearsonr(*remain).statistic, effective_n(*remain)
    assert three(partial, effective) == [0.43, 0.09, 0.68]
    p = 2 * norm.sf(np.arctanh(partial) * np.sqrt(effective - 3))
    assert [round(effective), round(p, 3)] == [31, 0.016]
    first_ten = pd.read_csv(real_data / "published_2016/35_traffic_top10_neighborhood.csv")
    slugs = first_ten.set_index("NEIGHBORHOOD_ID")["NEIGHBORHOOD_CNT"]
    ten = PLACES["neighborhood_slug"].isin(slugs.index).to_numpy()
    published = slugs[PLACES["neighborhood_slug"][ten]]
    assert three(pearsonr(x[ten], published).statistic, 10) == [0.14, -0.54, 0.71]


@pytest.mark.real_data
@pytest.mark.xdist_group("real")
def test_each_figure_of_the_real_files_equals_scipy(real: Project) -> None:
    with real.unpublished() as connection:
        rows = connection.execute("select * from int_neighborhoods_compared").df()
        report = "select * from reports.rpt_neighborhood_correlations"
        found = connection.execute(report).df().set_index("request_series").sort_index()
    assert rows["vintage"].unique().tolist() == ["crashes_22"]
    assert checked(found, rows) == 13
    everything = found.loc["All"]
    assert (everything["n_days"], everything["n_requests"]) == (179, 7890)
    assert three(everything["naive_correlation"], 78) == [0.54, 0.37, 0.68]
    partial = [everything[f"partial_correlation{end}"] for end in ("", "_low", "_high")]
    assert [round(value, 2) for value in partial] == [0.36, 0.06, 0.60]
