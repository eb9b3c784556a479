"""Days that nobody watched are in no rate, and intervals go by the scatter there is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from pandas.tseries.holiday import USFederalHolidayCalendar

from tests.path.compiled import Compiled
from tests.path.test_real_data import read
from tests.projects import Project

DAYS = pd.date_range("2015-01-01", "2017-12-31")


def observed(compiled: Compiled, counts: dict[str, pd.Series]) -> dict[str, pd.Index]:
    """The days observed of accidents by vintage, of which a file covers all days."""
    rows = pd.concat(
        pd.DataFrame({"vintage": vintage, "day": n.index.repeat(n)})
        for vintage, n in counts.items()
    )
    with compiled.connect() as connection:
        connection.register("rows", rows)
        connection.register("vintages", pd.DataFrame({"vintage": [*counts]}))
        connection.execute(
            """
            create table marts.dim_dates as select cast(day as date) as calendar_date
            from range(date '2014-01-01', date '2019-01-01', interval 1 day) as days (day);
            create table marts.fct_accidents as select
                vintage, cast(day as date) as occurred_date, null::date as reported_date,
                'current' as record_state from rows;
            create table marts.fct_deliveries as select
                'accidents' as feed, vintage as series, 'landed' as status,
                date '2014-01-01' as window_start_date, null::date as covers_to_date,
                timestamp '2018-12-31' as as_of_at from vintages;
            create table marts.fct_service_requests
                (request_date date, record_state varchar);
            create table marts.fct_purchases (purchase_date date)
            """
        )
        compiled.add(connection, "fct_observed_days")
        found = connection.execute("select * from marts.fct_observed_days").df()
    return {v: pd.Index(found.loc[found["vintage"] == v, "event_date"]) for v in counts}


@pytest.mark.xdist_group("compiled")
def test_quiet_days_remain_observed_at_any_rate(compiled: Compiled) -> None:
    rng = np.random.default_rng(1)
    # Offices that are closed on Sundays; weather that doubles the variance and more.
    week = np.array([1.1, 1.1, 1.1, 1, 1, 0.5, 0.01])[DAYS.dayofweek]
    counts = {
        f"{mean} {scatter}": pd.Series(
            rng.negative_binomial(mean / scatter, 1 / (1 + scatter), len(DAYS))
            if scatter
            else rng.poisson(mean * week),
            index=DAYS,
        )
        for mean in (0.05, 0.5, 5, 66)
        for scatter in (0, 1.2, 4)
        if mean >= 5 or scatter < 4
    }
    for vintage, days in observed(compiled, counts).items():
        n = counts[vintage][counts[vintage] > 0].index
        expected = DAYS[(n.min() < DAYS) & (n.max() > DAYS)]
        assert len(expected.difference(days)) <= 0.01 * len(expected), vintage


@pytest.mark.xdist_group("compiled")
def test_an_excerpt_is_not_observed_and_an_outage_costs_its_days_only(
    compiled: Compiled,
) -> None:
    rng = np.random.default_rng(2)
    whole = pd.Series(rng.negative_binomial(60, 60 / 126, len(DAYS)), index=DAYS)
    outage = whole.copy()
    outage["2016-05-03":"2016-05-05"] = 0
    # Rows in the order of the file, of which some parts were kept: single days of some
    # months, and years of which there is hardly an event.
    excerpt = pd.Series(0, index=DAYS)
    for start, n_days in (("2015-09-14", 200), ("2017-01-13", 120)):
        part = pd.date_range(start, periods=n_days)
        excerpt[part] = whole[part] * (rng.uniform(size=n_days) < 0.8)
    excerpt[["2016-06-15", "2016-09-01", "2016-11-02"]] = 1
    # A file that lacks one day in five of half a year, and is whole before and after.
    holes = whole.copy()
    part = pd.date_range("2016-03-01", "2016-08-31")
    holes[part] = holes[part] * (rng.uniform(size=len(part)) < 0.8)
    # A feed that begins with an event a day, and grows.
    growing = pd.Series(rng.poisson(np.where(DAYS < "2015-10-01", 1, 66)), index=DAYS)
    # The first quarter alone, of a window of three years.
    ended = whole.copy()
    ended["2017-04-01":"2017-12-30"] = 0
    found = observed(
        compiled,
        {
            "whole": whole,
            "outage": outage,
            "excerpt": excerpt,
            "ended": ended,
            "holes": holes,
            "growing": growing,
        },
    )
    between = DAYS[1:-1]
    assert set(found["whole"]) == set(between)
    lost = pd.date_range("2016-05-03", "2016-05-05")
    assert set(found["outage"]) == set(between.difference(lost))
    assert len(found["excerpt"]) == 0
    assert set(found["ended"]) == set(between[between < "2017-04-01"])
    inside = pd.date_range("2016-04-01", "2016-07-31")
    near = pd.date_range("2016-01-15", "2016-10-15")
    assert not set(found["holes"]) & set(inside)
    assert set(found["holes"]) >= set(between.difference(near))
    first = growing[growing > 0].index[0]
    assert set(found["growing"]) == set(between[between > first])


@pytest.mark.real_data
@pytest.mark.xdist_group("real")
def test_months_of_the_real_file_are_those_of_statsmodels(
    real: Project, real_data: Path
) -> None:
    sent = read(real_data / "accidents" / "traffic_accidents_2019-08_vintage_2015_2017.csv")
    days = pd.date_range("2015-01-02", "2017-12-30")
    moments = pd.to_datetime(sent["OCCURRENCE_DATE"])
    n = moments.dt.normalize().value_counts().reindex(days, fill_value=0)
    holidays = USFederalHolidayCalendar().holidays(days.min(), days.max())
    factors = pd.DataFrame(
        {
            "year": (days.max() - days).days // 365.25,
            "month": days.month,
            "weekday": days.dayofweek,
            "holiday": days.isin(holidays),
        },
        index=days,
    ).astype("category")
    design = sm.add_constant(pd.get_dummies(factors, drop_first=True, dtype=float))
    fit = sm.GLM(n, design, family=sm.families.Poisson()).fit(scale="X2")
    effect = np.exp([0, *(fit.params[f"month_{m}"] for m in range(2, 13))])
    weight = pd.Series(days.month).value_counts().sort_index().to_numpy() / len(days)
    with real.unpublished() as connection:
        found = connection.execute(
            "select * from reports.rpt_seasonality where feed = 'accidents' "
            "and event_type = 'All' and dimension = 'month' order by period_number"
        ).df()
    np.testing.assert_allclose(
        found["seasonal_index"], effect / (weight @ effect), atol=0.01
    )
    assert found["n_days_observed"].sum() == len(days)
    assert found["n_events"].sum() == n.sum()
    with real.unpublished() as connection:
        # The excerpt of 2014 is no exposure at all.
        assert connection.execute(
            "select distinct vintage from marts.fct_observed_days where feed = 'accidents'"
        ).fetchall() == [("crashes_22",)]
    index = found.set_index("period")["seasonal_index"].round(2)
    assert (index["October"], index["March"], index["January"]) == (1.08, 0.89, 0.96)
    assert index.idxmax() == "October"
    assert index.idxmin() == "March"


def trends_of(compiled: Compiled, weekly: np.ndarray) -> pd.DataFrame:
    """Trends of simulated cities, one vintage each, of counts by (city, week of 104)."""
    city, week = np.nonzero(weekly)
    rows = pd.DataFrame({"city": city, "week": week, "n": weekly[city, week]})
    rows = rows.loc[rows.index.repeat(rows["n"])]
    # Counted back from the last day, as the report does it, the year before from its own.
    ends = np.where(rows["week"] < 52, 364, 729) - 7 * (51 - rows["week"] % 52)
    rows["day"] = ends - np.random.default_rng(1).integers(0, 7, len(rows))
    with compiled.connect() as connection:
        connection.register("rows", rows[["city", "day"]])
        connection.execute(
            f"""
            create table marts.fct_observed_days as select
                'accidents' as feed, 'city ' || city as vintage,
                date '2016-01-01' + cast(day as integer) as event_date
            from range({len(weekly)}) as cities (city), range(730) as days (day);
            create table marts.fct_incidents as select
                'city ' || city as vintage, null::varchar as district,
                date '2016-01-01' + cast(day as integer) as occurred_date,
                true as has_known_severity, false as has_known_offense,
                false as has_road_user_counts, false as is_fatal,
                false as is_serious_injury, false as is_hit_and_run, false as is_impaired,
                false as has_bicycle, false as has_pedestrian
            from rows;
            create table intermediate.intermediate.int_coding_breaks_found
                (feed varchar, vintage varchar, code_column varchar, break_date date)
            """
        )
        compiled.add(connection, "rpt_accident_trends")
        return connection.execute(
            "select * from reports.rpt_accident_trends "
            "where area = 'city' and measure = 'accidents'"
        ).df()


@pytest.mark.long
@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize("per_year", [50, 100, 400])
@pytest.mark.parametrize("dispersion", [1, 2, 4, 8])
def test_intervals_of_ratios_cover_as_often_as_they_say(
    compiled: Compiled, per_year: int, dispersion: int
) -> None:
    """Weeks that scatter so many times as much as Poisson's, and a ratio of 1.2."""
    rng = np.random.default_rng(per_year * dispersion)
    true = 1.2
    mean = np.repeat([per_year, true * per_year], 52) / 52
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(104) / 52)
    mean = np.broadcast_to(mean * season, (240_000 // per_year, 104))
    weekly = (
        rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion)
        if dispersion > 1
        else rng.poisson(mean)
    )
    found = trends_of(compiled, weekly)
    assert found["has_whole_windows"].all()
    covers = (found["rate_ratio_low"] <= true) & (found["rate_ratio_high"] >= true)
    assert 0.93 <= covers.mean() <= 0.97
