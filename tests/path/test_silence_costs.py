"""What silences may have cost, against simulated kiosks whose lost units are known."""

import numpy as np
import pandas as pd
import pytest

from tests.path.compiled import Compiled

pytestmark = pytest.mark.xdist_group("compiled")

MODELS = (
    *("int_sales_paces_measured", "int_sales_dispersions_estimated"),
    *("int_sales_gaps_found", "int_sales_gaps_tested", "rpt_silence_costs"),
)
DAYS = pd.date_range("2018-01-01", periods=150)


def silent_kiosks(
    rate: float, dispersion: float, extra_units: float, n: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visits of kiosks of one rate, that scatter so much, each silent for 20 to 40 days.

    Returns:
        A row per visit, with kiosk, day and units; and a row per kiosk with the first
        silent day and the units that its silence has cost.
    """
    rng = np.random.default_rng(seed)
    shape = (n, len(DAYS))
    visits = (
        rng.negative_binomial(rate / (dispersion - 1), 1 / dispersion, shape)
        if dispersion > 1
        else rng.poisson(rate, shape)
    )
    first, length = rng.integers(40, 75, n), rng.integers(20, 40, n)
    day = np.arange(len(DAYS))
    silent = (day >= first[:, None]) & (day < (first + length)[:, None])
    # The days beside it have a sale, so that it is as long as it is said to be.
    for at in (first - 1, first + length):
        visits[np.arange(n), at] = np.maximum(visits[np.arange(n), at], 1)
    kiosk, at = np.nonzero(visits)
    times = visits[kiosk, at]
    kiosk, at = np.repeat(kiosk, times), np.repeat(at, times)
    units = rng.geometric(1 / (1 + extra_units), kiosk.size)
    all_visits = pd.DataFrame({"kiosk": kiosk, "day": at, "units": units})
    lost = all_visits[silent[kiosk, at]].groupby("kiosk")["units"].sum()
    truth = pd.DataFrame({"first_silent_date": DAYS[first]})
    truth["n_lost"] = lost.reindex(truth.index, fill_value=0)
    return all_visits[~silent[kiosk, at]], truth


@pytest.mark.long
@pytest.mark.parametrize("rate", [3, 20])
@pytest.mark.parametrize("dispersion", [1, 2])
@pytest.mark.parametrize("extra_units", [0, 0.6])
def test_the_interval_of_what_a_silence_cost_covers_what_it_says(
    compiled: Compiled, rate: float, dispersion: float, extra_units: float
) -> None:
    seed = round(100 * rate + 10 * dispersion + extra_units)
    visits, truth = silent_kiosks(rate, dispersion, extra_units, 1500, seed)
    with compiled.connect() as connection:
        connection.register("visits", visits.reset_index())
        connection.execute(
            """
            create table marts.dim_dates as select cast(day as date) as calendar_date
            from range(date '2018-01-01', date '2019-01-01', interval 1 day) as days (day);
            create table marts.fct_purchases as select
                cast(kiosk as varchar) as kiosk_id, 2.5::decimal(18, 2) as price_usd,
                date '2018-01-01' + cast(day as integer) as purchase_date,
                timestamp '2018-01-01' + to_days(cast(day as integer))
                    + to_seconds(index % 80000) as purchased_at
            from visits cross join range(1, 60) as numbers (number) where number <= units;
            create table marts.fct_selling_days as select
                'kiosk' as subject, kiosk_id as subject_id, purchase_date,
                count(*) as n_purchases, count(distinct purchased_at) as n_sales
            from marts.fct_purchases group by kiosk_id, purchase_date;
            -- The pace of the city: one silent kiosk among many leaves it as it is.
            insert into marts.fct_selling_days select
                'kiosk', 'others', calendar_date, 10000000, 10000000
            from marts.dim_dates where calendar_date < date '2018-05-31';
            create table marts.dim_kiosks as select
                cast(md5(kiosk_id) as uuid) as kiosk_key, kiosk_id,
                min(purchase_date) as first_purchase_date,
                max(purchase_date) as last_purchase_date
            from marts.fct_purchases group by kiosk_id
            union all
            select uuid(), 'others', date '2018-01-01', date '2018-05-30'
            """
        )
        compiled.add(connection, *MODELS)
        report = connection.execute("select * from reports.rpt_silence_costs").df()
    truth["kiosk_id"] = truth.index.astype(str)
    found = report.merge(truth, on=["kiosk_id", "first_silent_date"])
    # Silences that chance may explain are not told of; of the others nearly all are.
    assert len(found) > 0.9 * len(truth)
    low, high = found["expected_units_low"], found["expected_units_high"]
    inside = (low <= found["n_lost"]) & (found["n_lost"] <= high)
    # Scatter is measured on selling days alone: of days without a sale it misses a part.
    least = 0.9 if dispersion > 1 and rate < 4 else 0.93
    assert least < inside.mean() < 0.97
    assert found["expected_units"].mean() == pytest.approx(found["n_lost"].mean(), rel=0.04)
    by_price = found["expected_revenue_high_usd"].astype(float) / high
    assert np.allclose(by_price, 2.5, atol=0.02)
