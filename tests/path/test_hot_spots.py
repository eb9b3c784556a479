"""What is to be expected at hot spots, against simulated cells of known means."""

import numpy as np
import pandas as pd
import pytest

from tests.path.compiled import Compiled
from tests.projects import Project

SPREADS = (0.3, 1.0, 3.0)
N_CITIES = 8


def city(spread: float, seed: int) -> pd.DataFrame:
    """Cells of 70 neighborhoods, with their true means and what happened."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(12, 150, 70)
    area = np.repeat(np.arange(70), sizes)
    usual = rng.gamma(1.5, 4, 70)[area]
    mean = usual * rng.gamma(1 / spread, spread, area.size)
    return pd.DataFrame(
        {
            "x": np.arange(area.size),
            "area": area,
            "usual": usual,
            "mean": mean,
            "n": rng.poisson(mean),
            "n_again": rng.poisson(mean),
        }
    )


def reports(compiled: Compiled, found: pd.DataFrame) -> pd.DataFrame:
    """The report on cells by vintage, each of which has cells of its own."""
    with compiled.connect() as connection:
        connection.register("found", found)
        connection.execute(
            """
            create table intermediate.intermediate.int_neighborhood_cells as select
                x as cell_x, y as cell_y, y || '/' || area as neighborhood_slug
            from found;
            create table intermediate.intermediate.int_accident_spots_placed as select
                uuid() as incident_key, 'city ' || y as vintage, 'cell' as spot_kind,
                1 as severity_weight, false as has_known_severity, false as is_fatal,
                false as is_serious_injury, x as spot_x, y as spot_y
            from found cross join range(1, 10000) as numbers (number) where number <= n;
            """
        )
        compiled.add(connection, "int_accident_spots_ranked", "int_accident_spots_expected")
        connection.execute(
            """
            create table intermediate.intermediate.int_accident_spot_ranks_resampled as
            select *, 0.0 as top_20_share, 1 as rank_low, 2 as rank_high
            from int_accident_spots_ranked
            """
        )
        compiled.add(connection, "rpt_accident_hot_spots")
        expected = connection.execute(
            "select vintage, spot_x as x, spot_y as y, expected_accidents as all_expected, "
            "excess_rank as all_ranks from int_accident_spots_expected"
        ).df()
        report = connection.execute("select * from reports.rpt_accident_hot_spots").df()
    return expected.merge(
        report.rename(columns={"spot_x": "x", "spot_y": "y"}),
        on=["vintage", "x", "y"],
        how="left",
    ).merge(found, on=["x", "y"])


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("spread", SPREADS)
def test_expected_accidents_are_nearer_to_the_truth_than_what_happened(
    compiled: Compiled, spread: float
) -> None:
    cities = pd.concat(city(spread, seed).assign(y=seed) for seed in range(N_CITIES))
    found = reports(compiled, cities)
    listed = found[found["n_accidents"].notna()]
    assert len(listed) == 200 * N_CITIES
    # Of all cells, and of those that were worst, which fall back by themselves.
    for part in (found, listed):
        raw = ((part["n"] - part["mean"]) ** 2).mean()
        ours = ((part["all_expected"] - part["mean"]) ** 2).mean()
        assert ours < 0.95 * raw, (ours, raw)
    assert listed["n"].mean() > 1.02 * listed["mean"].mean()
    assert listed["all_expected"].mean() == pytest.approx(listed["mean"].mean(), rel=0.02)
    again = listed["n_again"].mean()
    assert listed["all_expected"].mean() == pytest.approx(again, rel=0.03)
    low, high = listed["expected_accidents_low"], listed["expected_accidents_high"]
    share = ((low <= listed["mean"]) & (listed["mean"] <= high)).mean()
    assert abs(share - 0.95) < 0.02, share
    # By rank the first have more of what others do not, truly, than the first by count.
    excess = found["mean"] - found["usual"]
    by_count = found["n"].groupby(found["vintage"]).rank(ascending=False, method="first")
    ours = excess[found["all_ranks"] <= 20].mean()
    assert ours > excess[by_count <= 20].mean()
    assert (listed["all_ranks"] == listed["excess_rank"]).all()


@pytest.mark.real_data
@pytest.mark.xdist_group("real")
@pytest.mark.parametrize(
    ("learnt", "later", "most_fall"),
    [("2016-01", "2017-01", 0.75), ("2015-0[1-6]", "2016-0[1-6]", 0.97)],
)
def test_what_is_expected_of_the_worst_real_cells_comes_to_pass(
    real: Project, compiled: Compiled, learnt: str, later: str, most_fall: float
) -> None:
    with real.unpublished() as connection:
        cells = connection.execute(
            "select cell_x as x, cell_y as y, min(neighborhood_slug) as slug "
            "from int_neighborhood_cells group by cell_x, cell_y"
        ).df()
        spots = connection.execute(
            f"""
            select
                cast(floor(mapped_longitude * 340) as integer) as x,
                cast(floor(mapped_latitude * 440) as integer) as y,
                count(*) filter (where strftime(occurred_date, '%Y-%m') ~ '{learnt}') as n,
                count(*) filter (where strftime(occurred_date, '%Y-%m') ~ '{later}')
                    as n_again
            from marts.fct_incidents
            where vintage = (
                select arg_max(vintage, occurred_date) from marts.fct_incidents
            ) and mapped_longitude is not null
            group by 1, 2
            """
        ).df()
    found = cells.merge(spots, how="left").fillna({"n": 0, "n_again": 0})
    with compiled.connect() as connection:
        connection.register("found", found)
        connection.execute(
            """
            create table intermediate.intermediate.int_neighborhood_cells as select
                x as cell_x, y as cell_y, slug as neighborhood_slug from found;
            create table intermediate.intermediate.int_accident_spots_placed as select
                'main' as vintage, 'cell' as spot_kind, x as spot_x, y as spot_y
            from found cross join range(1, 10000) as numbers (number) where number <= n
            """
        )
        compiled.add(connection, "int_accident_spots_expected")
        expected = connection.execute(
            "select spot_x as x, spot_y as y, expected_accidents "
            "from int_accident_spots_expected"
        ).df()
    # The later time had as many accidents in all as the first one times this.
    level = found["n_again"].sum() / found["n"].sum()
    found = expected.merge(found)
    worst = found.nlargest(200, "n")
    fall = worst["n_again"].mean() / (level * worst["n"].mean())
    ours = worst["n_again"].mean() / (level * worst["expected_accidents"].mean())
    assert fall < most_fall
    assert ours == pytest.approx(1, abs=0.03)
    errors = {
        name: ((found["n_again"] - level * found[name]) ** 2).mean()
        for name in ("n", "expected_accidents")
    }
    # With many accidents a cell, what changes from year to year is more than chance.
    assert errors["expected_accidents"] < (0.9 if most_fall < 0.8 else 1.03) * errors["n"]
