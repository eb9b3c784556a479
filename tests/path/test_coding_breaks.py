"""Breaks in coding: none in quiet years, those planted, and the one of the real file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.path.compiled import Compiled
from tests.path.test_real_data import read
from tests.projects import Project

N_YEARS = 11
DAYS = pd.date_range("2005-01-03", periods=364 * N_YEARS)


def quiet(
    rng: np.random.Generator, n_columns: int, per_day: float, days: pd.DatetimeIndex = DAYS
) -> np.ndarray:
    """Counts by (column, day, code): seasons, weather of weeks, slow drifts, no breaks."""
    n, n_codes = len(days), 12
    since = np.arange(n)[:, None] / 365.25
    counts = np.empty((n_columns, n, n_codes), dtype=int)
    for column in range(n_columns):
        logs = np.log(rng.dirichlet(np.full(n_codes, 0.4)) + 1e-5)
        phase, strength = rng.uniform(size=(2, n_codes))
        logs = logs + 0.8 * strength * np.sin(2 * np.pi * (since + phase))
        for n_days, scatter in ((7, 0.2), (28, 0.4)):
            noise = rng.normal(0, 1, (n // n_days + 1, n_codes)).repeat(n_days, axis=0)[:n]
            logs = logs + noise * scatter * rng.exponential(1, n_codes)
        logs = logs + rng.normal(0, 0.1 / 365**0.5, (n, n_codes)).cumsum(axis=0)
        shares = np.exp(logs)
        total = rng.negative_binomial(20, 20 / (20 + per_day), n)
        counts[column] = rng.multinomial(total, shares / shares.sum(axis=1, keepdims=True))
    return counts


def found_in(
    compiled: Compiled, counts: np.ndarray, days: pd.DatetimeIndex = DAYS
) -> pd.DataFrame:
    column, day, code = np.nonzero(counts)
    names = np.array(["Unknown", *(f"code {i}" for i in range(1, counts.shape[2]))])
    rows = pd.DataFrame(
        {
            "feed": "accidents",
            "vintage": "main",
            "code_column": [f"column {i}" for i in column],
            "code": names[code],
            "n_records": counts[column, day, code],
            "event_date": days[day],
        }
    )
    with compiled.connect() as connection:
        connection.register("rows", rows)
        connection.register("days", pd.DataFrame({"day": days}))
        connection.execute(
            "create table marts.fct_code_days as "
            "select * replace (cast(event_date as date) as event_date) from rows; "
            "create table marts.fct_observed_days as select 'accidents' as feed, "
            "'main' as vintage, cast(day as date) as event_date from days"
        )
        compiled.add(connection, "int_coding_breaks_found")
        return connection.execute("select * from int_coding_breaks_found").df()


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("per_day", [7, 66, 400])
def test_ten_quiet_years_have_at_most_one_break(compiled: Compiled, per_day: float) -> None:
    counts = quiet(np.random.default_rng(per_day), 12, per_day)
    assert len(found_in(compiled, counts)) <= 1


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize(
    ("first_day", "n_days", "lost_share", "is_found"),
    # In the first year, in the middle, too late, too small, a trend of three years, and one
    # of which no year before is known.
    [
        (200, 1, 0.85, False),
        (1500, 1, 0.85, True),
        (1500, 50, 0.85, True),
        (3900, 1, 0.85, False),
        (1500, 1, 0.3, False),
        (1500, 1100, 0.85, False),
        (150, 600, 0.85, False),
    ],
)
def test_a_code_that_vanishes_is_found_if_a_year_tells_it_from_a_season(
    compiled: Compiled, first_day: int, n_days: int, lost_share: float, is_found: bool
) -> None:
    counts = quiet(np.random.default_rng(3), 1, 66)
    counts[0, :, 0] = np.random.default_rng(4).poisson(10, len(DAYS))
    going = np.clip((np.arange(len(DAYS)) - first_day) / n_days, 0, 1)
    lost = np.random.default_rng(5).binomial(counts[0, :, 0], lost_share * going)
    counts[0, :, 0] -= lost
    counts[0, :, 1] += lost
    found = found_in(compiled, counts).set_index("code")
    assert ("Unknown" in found.index) == is_found
    if is_found:
        row = found.loc["Unknown"]
        middle = DAYS[first_day + n_days // 2]
        assert abs((row["break_date"] - middle).days) <= max(2, n_days / 2)
        # The same blocks by pandas: thirteen before, as many after.
        block = (DAYS - pd.Timestamp("2000-01-03")).days // 28
        by_block = pd.Series(counts[0, :, 0], index=block).groupby(level=0).sum()
        near = block[first_day + n_days // 2]
        assert (row["n_before"], row["n_after"]) in [
            (by_block.loc[at - 13 : at - 1].sum(), by_block.loc[at : at + 12].sum())
            for at in range(near - 2, near + 3)
        ]
        assert row["score"] < -10


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("told_before", [0.001, 0.2])
def test_a_column_that_comes_is_told_once(compiled: Compiled, told_before: float) -> None:
    counts = quiet(np.random.default_rng(8), 1, 66)
    kept = np.where(np.arange(len(DAYS)) < 1500, told_before, 1)
    told = np.random.default_rng(9).binomial(counts[0], kept[:, np.newaxis])
    counts[0, :, 0] += (counts[0] - told).sum(axis=1)
    counts[0, :, 1:] = told[:, 1:]
    found = found_in(compiled, counts)
    assert "Unknown" in set(found["code"])
    assert (len(found) == 1) == (told_before < 0.01)


@pytest.mark.xdist_group("compiled")
def test_what_falls_with_all_records_is_no_break_of_a_code(compiled: Compiled) -> None:
    counts = quiet(np.random.default_rng(6), 1, 66)
    before = np.arange(len(DAYS)) < 1500
    # Half of all records are lost, and with them nearly all of one code.
    counts[0, :, 0] = np.random.default_rng(7).poisson(np.where(before, 10, 1))
    counts[0, ~before, 1:] //= 2
    assert "Unknown" not in set(found_in(compiled, counts)["code"])


@pytest.mark.real_data
@pytest.mark.xdist_group("real")
def test_the_code_that_vanished_in_2016_is_found_in_the_real_file(
    real: Project, real_data: Path
) -> None:
    with real.unpublished() as connection:
        found = connection.execute("select * from reports.rpt_coding_breaks").df()
    assert set(zip(found["vintage"], found["code_column"], found["code"], strict=True)) == {
        ("crashes_22", f"{which}_pedestrian_action", code)
        for which in ("first", "second")
        for code in ("OTHER", "Unknown")
    }
    assert found["break_date"].between("2015-12-01", "2016-02-15").all()
    sent = read(real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv")
    days = pd.to_datetime(sent["OCCURRENCE_DATE"]).dt.normalize()
    for row in found[found["code"] == "OTHER"].itertuples():
        column = "2ND_" * (row.code_column[0] == "s") + "PEDESTRIAN_ACTION"
        year = pd.Timedelta(364, "D")
        start = pd.Timestamp("2016-01-11")
        for first, n, n_all in (
            (start, row.n_after, row.n_all_after),
            (start - year, row.n_before, row.n_all_before),
        ):
            within = (days >= first) & (days < first + year)
            assert ((sent[column] == "OTHER") & within).sum() == n
            assert within.sum() == n_all
