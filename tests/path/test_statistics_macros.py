"""The laws that reports go by, against scipy over the whole of their domain."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.projects import Project, new_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return new_project(tmp_path_factory.mktemp("macros"))


def run(project: Project, sql: str, given: pd.DataFrame) -> pd.DataFrame:
    """What the SQL, with macros in it, makes of the rows that it calls `given`."""
    result = project.invoke("compile", "--no-write-json", "--inline", sql)
    assert result.success, result.exception
    with duckdb.connect() as connection:
        connection.register("given", given)
        return connection.execute(result.result.results[0].node.compiled_code).df()


def laws() -> pd.DataFrame:
    """Means from one in a thousand to ten thousand, sizes from 0.01 to none, and counts."""
    rows = [
        (mean, size, n)
        for mean in (1e-3, 0.03, 0.7, 4.0, 66.0, 900.0, 1e4)
        for size in (0.01, 0.3, 2.0, 50.0, 999.0, 1000.0, 1e5, 1e8, 1e12, np.nan)
        for n in sorted(
            {
                *(0, 1, 2, 5),
                *(max(round(mean + s * np.sqrt(mean)), 0) for s in (-8, -3, 0, 3, 8)),
                round(2 * mean),
            }
        )
    ]
    found = pd.DataFrame(rows, columns=["expected_n", "size", "n_events"])
    found["number"] = np.arange(len(found))
    return found


def expected(rows: pd.DataFrame, name: str, n: pd.Series) -> np.ndarray:
    """scipy's figure of each law at n; of sizes so great that scipy loses their digits
    (it is told 1 - mean / size), the sum of the law's terms."""
    size = rows["size"].fillna(1)
    nbinom = stats.nbinom(size, 1 / (1 + rows["expected_n"] / size))
    poisson = stats.poisson(rows["expected_n"])
    found = np.where(
        rows["size"].isna(), getattr(poisson, name)(n), getattr(nbinom, name)(n)
    )
    for at in np.flatnonzero(rows["size"] >= 1e5):
        mean, great = rows["expected_n"].iloc[at], rows["size"].iloc[at]
        k = np.arange(max(n.iloc[at], 0) + 1 + (name == "sf") * 20_000)
        growth = np.r_[0, np.log1p(k[:-1] / great) + np.log(mean / (k[:-1] + 1))]
        chance = np.exp(np.cumsum(growth) - (k + great) * np.log1p(mean / great))
        up_to = k <= n.iloc[at]
        found[at] = {
            "pmf": chance[-1],
            "cdf": chance.sum(),
            "sf": chance[~up_to].sum(),
        }[name]
    return found


def test_normal_tails_are_those_of_scipy(project: Project) -> None:
    z = np.r_[0, 10.0 ** np.linspace(-12, 0, 200), np.linspace(1, 37, 3000)]
    z = np.r_[z, -z]
    sql = "select z, {{ normal_tails('z') }} as p_value from given"
    found = run(project, sql, pd.DataFrame({"z": z}))
    true = 2 * stats.norm.sf(np.abs(found["z"]))
    np.testing.assert_allclose(found["p_value"], true, rtol=1e-7)
    assert (found["p_value"] <= 1).all()


def test_chances_of_counts_are_those_of_scipy(project: Project) -> None:
    given = laws()
    sql = (
        "select number, {{ count_chance('n_events', 'expected_n', 'size') }} as chance "
        "from (select * replace (nullif(size, 'nan') as size) from given)"
    )
    found = run(project, sql, given).merge(given)
    np.testing.assert_allclose(
        found["chance"], expected(found, "pmf", found["n_events"]), rtol=1e-7, atol=1e-300
    )


def test_tails_of_counts_are_those_of_scipy(project: Project) -> None:
    given = laws()
    sql = "{{ count_tails('laws', ['number']) }}"
    sql = (
        "with laws as (select * exclude (size), nullif(size, 'nan') as dispersion_size "
        f"from given), tails as ({sql}) select * from tails"
    )
    found = run(project, sql, given).merge(given)
    few = expected(found, "cdf", found["n_events"])
    many = expected(found, "sf", found["n_events"] - 1)
    np.testing.assert_allclose(found["chance_as_few"], few, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found["chance_as_many"], many, rtol=1e-7, atol=1e-11)


def test_poisson_tails_are_those_of_scipy_however_small(project: Project) -> None:
    given = pd.DataFrame(
        [
            (n, mean)
            for n in (1, 2, 3, 7, 30, 200, 5000, 100_000)
            for mean in (n * np.array([1e-6, 1e-3, 0.1, 0.5, 0.9, 0.99, 0.9999]))
        ],
        columns=["n_seen", "expected_n"],
    )
    given["number"] = np.arange(len(given))
    sql = "with tails as ({{ poisson_tails('given', ['number']) }}) select * from tails"
    found = run(project, sql, given).merge(given)
    true = stats.poisson.logsf(found["n_seen"] - 1, found["expected_n"])
    is_told = true > -700
    assert is_told.mean() > 0.8
    np.testing.assert_allclose(
        np.log(found["p_value"][is_told]), true[is_told], rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("probability", [0.0005, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9995])
def test_gamma_quantiles_are_those_of_scipy(project: Project, probability: float) -> None:
    shapes = np.r_[10.0 ** np.linspace(-2, 5, 120), 0.5, 1.0, 1.5]
    sql = (
        "with quantiles as ({{ gamma_quantiles('given', '"
        f"{probability}e0"
        "') }}) select * from quantiles"
    )
    found = run(project, sql, pd.DataFrame({"gamma_shape": shapes}))
    true = stats.gamma.ppf(probability, found["gamma_shape"])
    np.testing.assert_allclose(found["quantile"], true, rtol=1e-7, atol=1e-290)


def test_the_macros_name_their_sources() -> None:
    for name in ("normal_tails", "count_chance", "gamma_quantiles"):
        head = (Path(__file__).parents[2] / "macros" / f"{name}.sql").read_text()
        assert "Abramowitz" in head or "West" in head
