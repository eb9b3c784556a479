"""Lives of kiosks: what was planted is found, to the day, and nothing else."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, nbinom, theilslopes

from demo.catalog import catalog
from demo.purchases import FIRST_DAY, make_units
from tests.path.compiled import Compiled
from tests.projects import Project

FIRST, N_DAYS = date(2018, 1, 1), 300
MODELS = (
    *("fct_selling_days", "dim_kiosks", "dim_dates"),
    *("int_sales_paces_measured", "int_sales_dispersions_estimated"),
    *("int_sales_gaps_found", "int_sales_gaps_tested", "fct_kiosk_days"),
    *("int_kiosk_weeks_counted", "int_kiosk_trends_estimated"),
    *("int_kiosk_silences_counted", "rpt_kiosk_life_cycles"),
)
Spans = list[tuple[int, int]]


class Street:
    """Kiosks whose lives are known: visits in clusters, few on weekends and holidays."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.silent: dict[str, Spans] = {}
        self.states: dict[str, str] = {}
        self.sales: list[tuple[str, int, int]] = []
        weekday = (np.arange(N_DAYS) % 7 < 5) * 0.9 + 0.1
        # A season that all kiosks share is no decline of one.
        self.pace = weekday * (1 - 0.5 * np.arange(N_DAYS) / N_DAYS)
        for day in (0, 45, 147, 184, 245):
            self.pace[day] *= 0.2

    def add(
        self, name: str, rate: float, state: str, silent: Spans, end: float = 1
    ) -> None:
        """A kiosk of so many visits a day, silent from day to day; `end`: what is left."""
        rate_by_day = rate * self.pace / self.pace.mean()
        falls = np.clip((np.arange(N_DAYS) - 120) / (N_DAYS - 120), 0, 1)
        rate_by_day = rate_by_day * (1 - (1 - end) * falls)
        for first, last in silent:
            rate_by_day[first : last + 1] = 0
        visits = self.rng.poisson(rate_by_day * self.rng.gamma(8, 1 / 8, N_DAYS))
        self.sales += [(name, day, int(n)) for day, n in enumerate(visits) if n]
        self.silent[name], self.states[name] = silent, state

    def build(self, compiled: Compiled) -> duckdb.DuckDBPyConnection:
        units = pd.DataFrame(
            [
                (name, FIRST + timedelta(day), visit, unit)
                for name, day, n in self.sales
                for visit in range(n)
                # Some buy two units at once: no two visits.
                for unit in range(1 + visit % 2)
            ],
            columns=["kiosk_id", "purchase_date", "visit", "unit"],
        )
        day = pd.to_datetime(units["purchase_date"])
        units["purchased_at"] = day + pd.to_timedelta(units["visit"], unit="min")
        return build(compiled, units.assign(product_id="p"))


def build(compiled: Compiled, units: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """The lives of kiosks, from these purchases."""
    connection = compiled.connect()
    connection.execute(
        f"create table {compiled['int_kiosk_info_listed']} "
        "(kiosk_id text, place text, kind_of_site text, opened_on date, capacity bigint)"
    )
    connection.register("units", units)
    connection.execute(
        "create table marts.fct_purchases as select kiosk_id, product_id, purchased_at, "
        "cast(purchased_at as date) as purchase_date from units"
    )
    for fact, columns in {
        "fct_service_requests": ("request_date", "closed_date"),
        "fct_accidents": ("occurred_date", "reported_date"),
    }.items():
        typed = ", ".join(f"{column} date" for column in columns)
        connection.execute(f"create table marts.{fact} ({typed})")
    compiled.add(connection, *MODELS)
    return connection


@pytest.fixture(scope="module")
def street() -> Street:
    street = Street(seed=3)
    for number in range(40):
        street.add(f"steady {number}", float(street.rng.uniform(2, 20)), "open", [])
    for number in range(30):
        street.add(f"quiet {number}", float(street.rng.uniform(0.1, 0.6)), "open", [])
    for number in range(10):
        first = int(street.rng.integers(40, 150))
        street.add(f"opened {number}", 5, "open", [(0, first)])
        street.add(f"closed {number}", 5, "closed", [(first + 80, N_DAYS - 1)])
        street.add(f"paused {number}", 5, "open", [(first, first + 20)])
        street.add(f"twice {number}", 5, "open", [(first, first + 15), (first + 90, 270)])
        street.add(f"now {number}", 8, "paused", [(N_DAYS - 14, N_DAYS - 1)])
        street.add(f"falling {number}", 12, "declining", [], end=0.05)
    street.add("brief", 1.5, "unknown", [(2, N_DAYS - 1)])
    return street


@pytest.fixture(scope="module")
def found(street: Street, compiled: Compiled) -> Iterator[duckdb.DuckDBPyConnection]:
    with street.build(compiled) as connection:
        yield connection


@pytest.mark.xdist_group("compiled")
def test_planted_lives_are_found_and_no_others(
    street: Street, found: duckdb.DuckDBPyConnection
) -> None:
    states = found.execute(
        "select kiosk_id, kiosk_state from reports.rpt_kiosk_life_cycles"
    ).fetchall()
    assert dict(states) == street.states


@pytest.mark.xdist_group("compiled")
def test_planted_silences_are_found_to_the_day_and_no_others(
    street: Street, found: duckdb.DuckDBPyConnection
) -> None:
    sold = pd.DataFrame(street.sales, columns=["kiosk", "day", "n"]).groupby("kiosk")["day"]
    days_of = {kiosk: set(days) for kiosk, days in sold}
    expected = set()
    for kiosk, spans in street.silent.items():
        days = days_of[kiosk]
        for first, last in spans:
            # Seen from outside, it lasts from sale to sale.
            begin = max((day for day in days if day < first), default=-1) + 1
            end = min((day for day in days if day > last), default=N_DAYS) - 1
            expected.add((kiosk, begin, end))
    rows = found.execute(
        "select subject_id, first_silent_date, last_silent_date, kind "
        "from int_sales_gaps_tested where subject = 'kiosk' and is_beyond_chance"
    ).fetchall()
    silences = {(k, (a - FIRST).days, (b - FIRST).days) for k, a, b, _ in rows}
    assert silences == {s for s in expected if s[0] != "brief"}
    report = found.execute(
        "select kiosk_id, opened_date, closed_date, n_pauses, n_active_days "
        "from reports.rpt_kiosk_life_cycles"
    ).fetchall()
    for kiosk, opened, closed, n_pauses, n_active in report:
        spans = sorted((a, b) for k, a, b in silences if k == kiosk)
        begins = [b for a, b in spans if a == 0]
        ends = [(a, b) for a, b in spans if b == N_DAYS - 1]
        assert opened == (FIRST + timedelta(begins[0] + 1) if begins else None), kiosk
        is_closed = street.states[kiosk] == "closed"
        assert closed == (FIRST + timedelta(ends[0][0] - 1) if is_closed else None), kiosk
        assert n_pauses == len(spans) - len(begins) - len(ends)
        assert n_active == N_DAYS - sum(b - a + 1 for a, b in spans)


@pytest.mark.xdist_group("compiled")
def test_each_kiosk_says_from_when_to_when_its_life_can_be_told(
    street: Street, found: duckdb.DuckDBPyConnection
) -> None:
    report = found.execute("select * from reports.rpt_kiosk_life_cycles").df()
    visits = pd.DataFrame(street.sales, columns=["kiosk", "day", "n"])
    sold = visits.pivot_table(index="kiosk", columns="day", values="n", fill_value=0)
    sold = sold.reindex(columns=range(N_DAYS), fill_value=0)
    days_of = {kiosk: np.flatnonzero(sold.loc[kiosk]) for kiosk in sold.index}
    always = [k for k, days in days_of.items() if days[0] < 28 and days[-1] >= N_DAYS - 28]
    pace = sold.loc[always].sum().to_numpy(dtype=float)
    n_silences = sum((np.diff([-1, *days, N_DAYS]) > 1).sum() for days in days_of.values())

    so_far = np.cumsum(pace) - pace
    to_come = pace.sum() - np.cumsum(pace)

    def chances(kiosk: str, silent: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """By day, the logarithm of the chance of nothing sold over the silent pace."""
        n, selling = sold.loc[kiosk].to_numpy(), days_of[kiosk]
        expected = pace[selling] * n.sum() / pace[selling].sum()
        pearson = ((n[selling] - expected) ** 2 / expected).sum()
        scatter = max(pearson / (len(selling) - 1), 1)
        if (sales := n[chosen].sum()) < 10:
            return np.full(N_DAYS, np.nan)
        over = pace[chosen.min() : chosen.max() + 1].sum()
        # Counts that are negative binomial: gamma-Poisson.
        return nbinom.logpmf(0, sales / scatter, over / (over + silent))

    judged = found.execute(
        "select subject_id, kind, log_probability from int_sales_gaps_tested "
        "where subject = 'kiosk' and kind <> 'between_sales'"
    ).fetchall()
    logs = {(kiosk, kind): np.nan if log is None else log for kiosk, kind, log in judged}
    for row in report.itertuples():
        kiosk, selling = row.kiosk_id, days_of[row.kiosk_id]
        opening = chances(kiosk, so_far, selling[:20])
        closing = chances(kiosk, to_come, selling[-20:])
        seen = (logs[kiosk, "before_first_sale"], logs[kiosk, "since_last_sale"])
        np.testing.assert_allclose(
            seen, (opening[selling[0]], closing[selling[-1]]), atol=1e-5
        )
        allowed = np.log(0.01 / n_silences)
        first = next(iter(np.flatnonzero(opening < allowed)), None)
        last = next(iter(np.flatnonzero(closing < allowed)[::-1]), None)
        last = None if last is None else min(last, N_DAYS - 29)
        assert day_number(row.opening_told_from_date) == first, kiosk
        assert day_number(row.closing_told_until_date) == last, kiosk
    assert report["opening_told_from_date"].notna().sum() > 80
    assert_told_where_the_report_says(report)


def day_number(found: pd.Timestamp) -> int | None:
    return None if pd.isna(found) else (found.date() - FIRST).days


def assert_told_where_the_report_says(report: pd.DataFrame) -> None:
    opened = report["first_purchase_date"] >= report["opening_told_from_date"]
    closed = report["last_purchase_date"] <= report["closing_told_until_date"]
    first, last = report["first_purchase_date"], report["last_purchase_date"]
    pd.testing.assert_series_equal(
        report["opened_date"], first.where(opened), check_names=False
    )
    pd.testing.assert_series_equal(
        report["closed_date"], last.where(closed), check_names=False
    )


@pytest.mark.full
@pytest.mark.xdist_group("compiled")
def test_the_lives_of_the_demo_are_told_at_the_real_size(
    compiled: Compiled, report: Callable[[str, str], None]
) -> None:
    units, lives = make_units(np.random.default_rng((1, 1, 0)), 1)
    local = units["instant"] + units["utc_offset"]
    purchases = pd.DataFrame(
        {
            "kiosk_id": units["kiosk_id"].astype(str),
            "product_id": units["product_id"].astype(str),
            "purchased_at": pd.to_datetime(local, unit="s"),
        }
    )
    with build(compiled, purchases) as connection:
        found = connection.execute("select * from reports.rpt_kiosk_life_cycles").df()
    assert_told_where_the_report_says(found)
    found = found.set_index("kiosk_id").sort_index()
    kiosks = pd.Index(catalog().kiosk_ids.astype(str))
    opens, closes = (
        (pd.Timestamp(FIRST_DAY) + pd.Series(pd.to_timedelta(days, unit="D"), kiosks))[
            found.index
        ]
        for days in lives.kiosk
    )
    was_opened, was_closed = opens > opens.min(), closes < closes.max()
    sold = purchases["purchased_at"].dt.normalize().groupby(purchases["kiosk_id"])
    # What lies farther from the ends than the report says it must is found, to the day of
    # the first and the last sale; and none that was not planted.
    is_opening = was_opened & (opens >= found["opening_told_from_date"])
    is_closing = was_closed & (closes <= found["closing_told_until_date"])
    assert (found["opened_date"] == sold.min())[is_opening].all()
    assert (found["closed_date"] == sold.max())[is_closing].all()
    assert was_opened[found["opened_date"].notna()].all()
    assert was_closed[found["closed_date"].notna()].all()
    is_silent = found["kiosk_state"].isin(["paused", "closed"])
    assert was_closed[is_silent].all()
    assert is_opening.sum() >= 0.9 * was_opened.sum()
    report(
        "Kiosk lives",
        f"the demo at scale 1: {is_opening.sum()} of {was_opened.sum()} planted openings "
        f"and {is_closing.sum()} of {was_closed.sum()} planted closings lie where the "
        "report says that they can be told (a closing takes 28 days of silence); all of "
        "them are, to the day of the first and the last sale, and none that was not "
        f"planted; {is_silent.sum() - is_closing.sum()} more closings are told as pauses",
    )


@pytest.mark.xdist_group("built")
def test_trends_are_those_of_scipy(built: Project) -> None:
    with built.unpublished() as connection:
        days = connection.execute("select * from marts.fct_kiosk_days").df()
        trends = connection.execute("select * from int_kiosk_trends_estimated").df()
    last = days["calendar_date"].max()
    first = days["calendar_date"].min()
    sold = (
        days[days["n_visits"] > 0].groupby("kiosk_id")["calendar_date"].agg(["min", "max"])
    )
    day = pd.Timedelta(days=1)
    panel = sold[(sold["min"] < first + 28 * day) & (sold["max"] > last - 28 * day)].index
    pace = days[days["kiosk_id"].isin(panel)].groupby("calendar_date")["n_visits"].sum()
    active = days[days["is_active"] & (days["calendar_date"] < last)].copy()
    active["pace"] = active["calendar_date"].map(pace).astype(float)
    active["week"] = -(((last - active["calendar_date"]).dt.days - 1) // 7)
    active = active[active["week"] > -26]
    checked = 0
    by_week = active.groupby(["kiosk_id", "week"])[["n_visits", "pace"]].sum()
    for trend in trends.nlargest(200, "n_visits").itertuples():
        weeks = by_week.loc[trend.kiosk_id]
        ratio = (weeks["n_visits"] / weeks["pace"]).to_numpy()
        assert trend.n_weeks == len(ratio)
        if trend.n_visits == 0:
            assert np.isnan(trend.trend_z)
            continue
        order = np.sign(ratio[None, :] - ratio[:, None])
        score = np.triu(order).sum()
        tied = np.unique(ratio, return_counts=True)[1]
        n = len(ratio)
        variance = (
            n * (n - 1) * (2 * n + 5) - (tied * (tied - 1) * (2 * tied + 5)).sum()
        ) / 18
        if len(tied) == n:
            tau = kendalltau(weeks.index, ratio).statistic
            np.testing.assert_allclose(trend.kendall_tau_a, tau, atol=1e-8)
        np.testing.assert_allclose(
            trend.trend_z, (score - np.sign(score)) / np.sqrt(variance), atol=1e-6
        )
        if np.median(ratio) > 0:
            slope = theilslopes(ratio, weeks.index).slope / np.median(ratio)
            np.testing.assert_allclose(trend.weekly_change_share, slope, atol=1e-7)
            checked += 1
    assert checked > 5
