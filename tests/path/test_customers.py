"""What marts and reports say of customers, against pandas, scipy, lifelines and truth."""

import itertools
from collections.abc import Callable, Iterator

import duckdb
import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from scipy import stats

from demo.purchases import make_units
from tests.path.compiled import Compiled

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("compiled")

FIRST = pd.Timestamp("2018-01-10")
N_DAYS = 150


# ---------------------------------------------------------------- simulated purchases


def at_random_times(rng: np.random.Generator, days: np.ndarray) -> pd.Series:
    """An instant in the working hours of each of these days, in UTC."""
    seconds = np.clip(rng.normal(13 * 3600, 9000, days.size), 7 * 3600, 21 * 3600)
    local = pd.Series(FIRST + pd.to_timedelta(days, unit="D"))
    return local + pd.to_timedelta(seconds.astype(int) + 8 * 3600, unit="s")


def visits_of(
    rng: np.random.Generator, card: str, kiosks: list[str], per_day: float
) -> pd.DataFrame:
    """Visits of one card on working days, each to one of its kiosks."""
    days = np.repeat(np.arange(N_DAYS), rng.poisson(per_day, N_DAYS))
    days = days[(days + FIRST.weekday()) % 7 < 5]
    return pd.DataFrame(
        {
            "card": card,
            "kiosk_id": rng.choice(kiosks, days.size),
            "at": at_random_times(rng, days),
        }
    )


def fill_baskets(
    rng: np.random.Generator, visits: pd.DataFrame, n_products: int, more: float
) -> pd.DataFrame:
    """Purchases: one and some more products a visit, some of them seconds later."""
    sizes = 1 + rng.poisson(more, len(visits))
    found = visits.loc[visits.index.repeat(sizes)].reset_index(drop=True)
    popularity = 1 / np.arange(3, n_products + 3)
    found["product_id"] = rng.choice(
        np.arange(n_products), len(found), p=popularity / popularity.sum()
    ).astype(str)
    # Gaps on both sides of the ten minutes, and on them.
    late = rng.choice([0, 0, 0, 40, 599, 600, 601, 900], len(found))
    found["at"] += pd.to_timedelta(late, unit="s")
    return found


def town(rng: np.random.Generator, n_cards: int = 500) -> pd.DataFrame:
    """Purchases of regulars and passers-by, and of one card that forty people use."""
    parts = []
    for card in range(n_cards):
        first_day = rng.integers(0, N_DAYS)
        visits = visits_of(rng, f"c{card}", [f"k{card % 8}"], rng.choice([0.02, 0.1, 0.5]))
        parts.append(visits[visits["at"] >= FIRST + pd.Timedelta(days=first_day)])
    parts.append(visits_of(rng, "shared", [f"k{kiosk}" for kiosk in range(30)], 20.0))
    # At a kiosk that else nobody but the shared card comes to.
    parts.append(visits_of(rng, "neighbor", ["k29"], 0.5))
    nobody = visits_of(rng, "", ["k1"], 2.0)
    parts.append(nobody.assign(card=None))
    return fill_baskets(rng, pd.concat(parts, ignore_index=True), 40, 0.7)


def demo_purchases(scale: float) -> pd.DataFrame:
    units, _ = make_units(np.random.default_rng((1, 1, 0)), scale)
    no_card = units["card"].max() if scale == 1 else 119_780
    card = pd.Series(units["card"])
    return pd.DataFrame(
        {
            "card": card.astype(str).where(card != no_card),
            "kiosk_id": units["kiosk_id"].astype(str),
            "product_id": units["product_id"].astype(str),
            "at": pd.to_datetime(units["instant"], unit="s"),
        }
    )


def customers(
    compiled: Compiled, purchases: pd.DataFrame, *models: str
) -> duckdb.DuckDBPyConnection:
    """Build on these purchases the models on customers, or only some of them."""
    connection = compiled.connect()
    connection.register("purchases", purchases)
    connection.execute(
        "create table marts.fct_purchases as select "
        "cast(kiosk_id as varchar) as kiosk_id, cast(product_id as varchar) as product_id, "
        "cast(md5(coalesce(cast(card as varchar), '')) as uuid) as customer_key, "
        'cast("at" as timestamp) as purchased_at_utc, '
        'cast("at" as timestamp) - interval 8 hour as purchased_at, '
        'cast(cast("at" as timestamp) - interval 8 hour as date) as purchase_date, '
        "cast(null as decimal(18, 2)) as price_usd "
        "from purchases"
    )
    connection.execute(
        "create table intermediate.marts.dim_customers as select distinct "
        "cast(md5(coalesce(cast(card as varchar), '')) as uuid) as customer_key, "
        "card, card is not null as is_known from purchases"
    )
    connection.execute(
        "create table marts.dim_products as select distinct product_id, "
        "'product ' || product_id as product_name from marts.fct_purchases"
    )
    reports = [
        model.name
        for model in compiled.models
        if "model.eventmart.dim_cards" in model.depends_on.nodes
    ]
    compiled.add(connection, *(models or ["dim_times_of_day", *VISITS, *reports]))
    return connection


VISITS = ("fct_visit_products", "fct_visits", "dim_cards")
PAIRS = (*VISITS, "int_product_pairs_counted", "rpt_product_pairs")


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    return town(np.random.default_rng(6))


@pytest.fixture(scope="module")
def connection(
    compiled: Compiled, purchases: pd.DataFrame
) -> Iterator[duckdb.DuckDBPyConnection]:
    with customers(compiled, purchases) as found:
        yield found


# ---------------------------------------------------------------- oracles


@pytest.fixture(scope="module")
def with_visits(purchases: pd.DataFrame) -> pd.DataFrame:
    """The purchases with a card, each with its visit, by pandas."""
    found = purchases.dropna(subset="card").sort_values(["card", "kiosk_id", "at"])
    gap = found.groupby(["card", "kiosk_id"])["at"].diff()
    found["visit"] = (gap.isna() | (gap > pd.Timedelta(minutes=10))).cumsum()
    return found.reset_index(drop=True)


@pytest.fixture(scope="module")
def visits(with_visits: pd.DataFrame) -> pd.DataFrame:
    found = with_visits.groupby(["visit", "card", "kiosk_id"], as_index=False).agg(
        n_units=("product_id", "size"),
        n_products=("product_id", "nunique"),
        started=("at", "min"),
        ended=("at", "max"),
    )
    local = found["started"] - pd.Timedelta(hours=8)
    found["date"], found["hour"] = local.dt.normalize(), local.dt.hour
    found = found.sort_values(["card", "started", "kiosk_id"])
    found["number"] = found.groupby("card").cumcount() + 1
    return found


def both(found: pd.DataFrame) -> list[tuple[bool, pd.DataFrame]]:
    """Everything, and what is not of the shared card."""
    return [(True, found), (False, found[found["card"] != "shared"])]


def table(
    connection: duckdb.DuckDBPyConnection, name: str, index: list[str]
) -> pd.DataFrame:
    return connection.execute(f"select * from {name}").df().set_index(index).sort_index()


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame, tolerance: float = 1e-9) -> None:
    """Compare the columns of `wanted` as numbers, row by row."""
    wanted = wanted.sort_index()
    assert len(wanted) > 1
    assert list(found.index) == list(wanted.index)
    np.testing.assert_allclose(
        found[wanted.columns].astype(float).to_numpy(),
        wanted.astype(float).to_numpy(),
        rtol=tolerance,
        atol=1e-12,
    )


def wilson(n_with: int, n: int) -> tuple[float, float]:
    if not n:
        return np.nan, np.nan
    low, high = stats.binomtest(int(n_with), int(n)).proportion_ci(method="wilson")
    return low, high


# ---------------------------------------------------------------- visits


def test_visits_equal_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame
) -> None:
    found = connection.execute(
        "select card, kiosk_id, n_units, n_products, started_at_utc as started, "
        "ended_at_utc as ended, visit_date as date, visit_hour as hour, "
        "visit_number as number from marts.fct_visits "
        "inner join intermediate.marts.dim_customers using (customer_key) "
        "order by card, visit_number"
    ).df()
    wanted = visits.sort_values(["card", "number"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, wanted[list(found)], check_dtype=False)
    assert (wanted["n_units"] > 1).mean() > 0.2
    # Some end on the boundary, some begin before midnight of UTC and go on after it.
    assert (wanted["ended"].dt.date > wanted["started"].dt.date).any()


def test_a_visit_over_local_midnight_is_one(compiled: Compiled) -> None:
    at = pd.to_datetime(["2018-03-02 07:55:00", "2018-03-02 08:05:00"])
    rows = pd.DataFrame({"card": "a", "kiosk_id": "1", "product_id": ["p", "q"], "at": at})
    with customers(compiled, rows, *VISITS) as found:
        ((date, hour, n_units),) = found.execute(
            "select visit_date, visit_hour, n_units from marts.fct_visits"
        ).fetchall()
    assert (str(date), hour, n_units) == ("2018-03-01", 23, 2)


def test_of_no_purchases_nothing_is_said(
    compiled: Compiled, purchases: pd.DataFrame
) -> None:
    with customers(compiled, purchases.iloc[:0]) as connection:
        rows = {
            name: connection.execute(f"select count(*) from {compiled[name]}").fetchone()
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() "
                "where schema_name not in ('meta', 'seeds') and table_name not in "
                "('fct_purchases', 'dim_customers', 'dim_products', 'dim_times_of_day')"
            ).fetchall()
        }
    # Of shared cards, that there are none.
    assert rows.pop("rpt_shared_cards") == (6,)
    assert len(rows) == 14
    assert set(rows.values()) == {(0,)}


def test_basket_sizes_equal_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame
) -> None:
    parts = ["Night", "Morning", "Afternoon", "Evening"]
    day_part = visits["hour"].map(lambda hour: parts[hour // 6])
    visits = visits.assign(overall="All", kiosk=visits["kiosk_id"], day_part=day_part)
    rows = []
    for has_shared, chosen in both(visits):
        for dimension in ("overall", "kiosk", "day_part"):
            for value, part in chosen.groupby(dimension):
                units, n_cards = part["n_units"], part["card"].nunique()
                # The sandwich estimator of a mean, with cards as clusters.
                scores = (units - units.mean()).groupby(part["card"]).sum()
                variance = (scores**2).sum() * n_cards / max(n_cards - 1, 1)
                half_width = stats.norm.ppf(0.975) * variance**0.5 / len(part)
                low, high = units.mean() - half_width, units.mean() + half_width
                n_single = (units == 1).sum()
                rows.append(
                    {
                        "has_shared_cards": has_shared,
                        "dimension": dimension,
                        "dimension_value": value,
                        "n_cards": n_cards,
                        "n_visits": len(part),
                        "n_units": units.sum(),
                        "n_visits_of_1": n_single,
                        "n_visits_of_4": (units == 4).sum(),
                        "n_visits_of_5_or_more": (units > 4).sum(),
                        "max_units": units.max(),
                        "avg_products": part["n_products"].mean(),
                        "avg_units": units.mean(),
                        "avg_units_low": max(low, 1) if n_cards > 1 else np.nan,
                        "avg_units_high": high if n_cards > 1 else np.nan,
                        "single_unit_share": n_single / len(part),
                        "single_unit_share_low": wilson(n_single, len(part))[0],
                        "single_unit_share_high": wilson(n_single, len(part))[1],
                    }
                )
    key = ["has_shared_cards", "dimension", "dimension_value"]
    wanted = pd.DataFrame(rows).set_index(key)
    assert_same(table(connection, "reports.rpt_basket_sizes", key), wanted, 1e-7)


def test_gaps_equal_pandas(
    connection: duckdb.DuckDBPyConnection, with_visits: pd.DataFrame, visits: pd.DataFrame
) -> None:
    rows = {}
    for has_shared, chosen in both(with_visits):
        waited = chosen.groupby(["card", "kiosk_id"])["at"].diff()
        for gap in (0, 1, 2, 5, 10, 15, 30, 60, 120):
            n_visits = (waited.isna() | (waited > pd.Timedelta(minutes=gap))).sum()
            rows[has_shared, gap] = {"n_units": len(chosen), "n_visits": n_visits}
    key = ["has_shared_cards", "gap_minutes"]
    wanted = pd.DataFrame(rows).T.rename_axis(key)
    assert_same(table(connection, "reports.rpt_visit_gaps", key), wanted)
    assert wanted.loc[(True, 10), "n_visits"] == len(visits)


# ---------------------------------------------------------------- pairs of products


def expected_pairs(baskets: pd.DataFrame) -> pd.DataFrame:
    """Count and chance of each pair, basket by basket, from visit, kiosk, product."""
    seen: dict[tuple[str, str], int] = {}
    chance: dict[tuple[str, str], float] = {}
    for _, at_kiosk in baskets.groupby("kiosk_id"):
        sets = [sorted(set(b)) for _, b in at_kiosk.groupby("visit")["product_id"]]
        sets = [basket for basket in sets if len(basket) > 1]
        counts = pd.Series([p for basket in sets for p in basket], dtype=str).value_counts()
        n_pairs = 0
        for basket in sets:
            for pair in itertools.combinations(basket, 2):
                seen[pair] = seen.get(pair, 0) + 1
                n_pairs += 1
        weights = {
            (one, other): float(counts[one] * counts[other])
            for one, other in itertools.combinations(sorted(counts.index), 2)
        }
        for pair, weight in weights.items():
            dealt = n_pairs * weight / sum(weights.values())
            chance[pair] = chance.get(pair, 0.0) + dealt
    products = sorted({p for pair in seen for p in pair})
    found = pd.DataFrame(
        index=pd.MultiIndex.from_tuples(
            itertools.combinations(products, 2),
            names=["one_product_id", "other_product_id"],
        )
    )
    found["n_together"] = pd.Series(seen)
    found["expected_n_together"] = pd.Series(chance)
    found = found.fillna(0.0)
    above = found["n_together"] > found["expected_n_together"]
    tail = stats.poisson.sf(found["n_together"] - 1, found["expected_n_together"])
    found["p_value"] = np.where(above & (found["n_together"] >= 5), tail, 1.0)
    found["false_discovery_share"] = stats.false_discovery_control(found["p_value"])
    found["n_pairs_tested"] = len(found)
    return found


def test_pairs_equal_scipy(
    connection: duckdb.DuckDBPyConnection, with_visits: pd.DataFrame
) -> None:
    found = table(
        connection,
        "reports.rpt_product_pairs",
        ["has_shared_cards", "one_product_id", "other_product_id"],
    )
    for has_shared, chosen in both(with_visits):
        wanted = expected_pairs(chosen)
        n_visits = chosen["visit"].nunique()
        n_with = chosen.groupby("product_id")["visit"].nunique()
        one = n_with.reindex(wanted.index.get_level_values(0)).to_numpy()
        other = n_with.reindex(wanted.index.get_level_values(1)).to_numpy()
        together = wanted["n_together"]
        wanted["support_share"] = together / n_visits
        wanted["other_given_one_share"] = together / one
        wanted["one_given_other_share"] = together / other
        wanted["plain_lift"] = (together / n_visits) / (one / n_visits * other / n_visits)
        wanted["lift"] = together / wanted["expected_n_together"]
        wanted = wanted[together >= 5]
        ours = found.loc[has_shared]
        assert len(wanted) > 50
        assert_same(ours, wanted, 1e-7)
        # Byar's interval beside the exact one.
        exact_low = stats.chi2.ppf(0.025, 2 * ours["n_together"]) / 2
        exact_high = stats.chi2.ppf(0.975, 2 * ours["n_together"] + 2) / 2
        expected = ours["expected_n_together"]
        np.testing.assert_allclose(ours["lift_low"], exact_low / expected, rtol=0.02)
        np.testing.assert_allclose(ours["lift_high"], exact_high / expected, rtol=0.02)


def independent_baskets(
    rng: np.random.Generator, n_visits: int, n_planted: int
) -> tuple[pd.DataFrame, set[tuple[str, str]]]:
    """Each product is in a visit or not, by itself; planted pairs come along more."""
    n_products = 30
    share = 0.15 / np.arange(1, n_products + 1) ** 0.5
    # Kiosks lack products and differ in how much is bought: neither makes a pair.
    kiosk = rng.integers(0, 5, n_visits)
    sells = rng.random((5, n_products)) < 0.7
    sells[:, : 2 * n_planted] = True
    busy = np.array([0.5, 0.8, 1.0, 1.2, 1.6])
    taken = rng.random((n_visits, n_products)) < share * sells[kiosk] * busy[kiosk, None]
    planted = set()
    for number in range(n_planted):
        one, other = 2 * number, 2 * number + 1
        taken[:, other] |= taken[:, one] & (rng.random(n_visits) < 0.25)
        planted.add((str(min(str(one), str(other))), str(max(str(one), str(other)))))
    visit, product = np.nonzero(taken)
    # Each visit of a card of its own, so that no card is anything but ordinary.
    rows = pd.DataFrame(
        {
            "card": visit.astype(str),
            "kiosk_id": kiosk[visit].astype(str),
            "product_id": product.astype(str),
            "at": FIRST + pd.to_timedelta(visit * 60, unit="s"),
            "visit": visit,
        }
    )
    return rows, planted


def found_pairs(compiled: Compiled, rows: pd.DataFrame) -> pd.DataFrame:
    with customers(compiled, rows, *PAIRS) as connection:
        found = table(
            connection, "reports.rpt_product_pairs", ["one_product_id", "other_product_id"]
        )
    return found[~found["has_shared_cards"]]


def test_planted_pairs_are_found_and_few_others(compiled: Compiled) -> None:
    rows, planted = independent_baskets(np.random.default_rng(8), 6000, 4)
    found = found_pairs(compiled, rows)
    found = found[found["is_found"]]
    assert planted <= set(found.index)
    assert len(found) - len(planted) <= 1
    assert (found.loc[list(planted), "lift_low"] > 1).all()


def test_planted_pairs_are_beyond_chance_by_the_exact_law_too(compiled: Compiled) -> None:
    """At one kiosk that law is the hypergeometric one, given how often each is sold."""
    rows, planted = independent_baskets(np.random.default_rng(9), 6000, 4)
    rows = rows.assign(kiosk_id="1")
    found = found_pairs(compiled, rows)
    n_with = rows.groupby("product_id")["visit"].nunique()
    one = n_with[found.index.get_level_values(0)].to_numpy()
    other = n_with[found.index.get_level_values(1)].to_numpy()
    exact = stats.hypergeom.sf(found["n_together"] - 1, 6000, one, other)
    is_planted = np.array([pair in planted for pair in found.index])
    assert (exact[is_planted] < 1e-4).all()
    assert (found["p_value"][is_planted] < 1e-4).all()


@pytest.mark.full
def test_pairs_by_chance_are_found_no_more_often_than_promised(
    compiled: Compiled, report: Callable[[str, str], None]
) -> None:
    rng, n_runs = np.random.default_rng(4), 60
    n_any = sum(
        found_pairs(compiled, independent_baskets(rng, 5000, 0)[0])["is_found"].any()
        for _ in range(n_runs)
    )
    false_shares, n_planted, n_found = [], 0, 0
    for _ in range(n_runs):
        rows, planted = independent_baskets(rng, 5000, 4)
        found = found_pairs(compiled, rows)
        pairs = set(found[found["is_found"]].index)
        false_shares.append(len(pairs - planted) / max(len(pairs), 1))
        n_planted, n_found = n_planted + len(planted), n_found + len(pairs & planted)
    assert stats.binomtest(n_any, n_runs, 0.05, alternative="greater").pvalue > 0.01
    assert np.mean(false_shares) <= 0.05
    assert n_found >= 0.95 * n_planted
    report(
        "Customers",
        f"products bought independently, 435 pairs, {n_runs} samples of 5,000 visits: any "
        f"pair found in {n_any} (promised at most 1 in 20); with 4 planted pairs "
        f"{n_found} of {n_planted} found, {np.mean(false_shares):.1%} of findings false",
    )


# ---------------------------------------------------------------- shared cards


def by_card(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return (
        connection.execute(
            "select card, dim_cards.* from marts.dim_cards "
            "inner join intermediate.marts.dim_customers using (customer_key)"
        )
        .df()
        .set_index("card")
    )


def test_evidence_of_cards_equals_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame
) -> None:
    found = by_card(connection).sort_index()
    before = visits.groupby("card")[["kiosk_id", "ended"]].shift()
    quick = visits[
        (visits["kiosk_id"] != before["kiosk_id"])
        & (visits["started"] - before["ended"] <= pd.Timedelta(minutes=10))
    ]
    pair = [
        tuple(sorted(both_kiosks))
        for both_kiosks in zip(
            quick["kiosk_id"], before.loc[quick.index, "kiosk_id"], strict=True
        )
    ]
    quick = quick.assign(pair=pair)
    lone = quick[quick.groupby("pair")["card"].transform("nunique") < 3]
    daily = visits.groupby(["card", "date"])["kiosk_id"].agg(["size", "nunique"])
    cards = visits.groupby("card")
    wanted = pd.DataFrame(
        {
            "n_visits": cards.size(),
            "n_units": cards["n_units"].sum(),
            "n_days": cards["date"].nunique(),
            "n_kiosks": cards["kiosk_id"].nunique(),
            "n_quick_moves": lone.groupby("card").size(),
            "n_quick_move_pairs": lone.groupby("card")["pair"].nunique(),
            "max_visits_in_a_day": daily["size"].groupby("card").max(),
            "n_days_of_many_visits": (daily["size"] >= 20).groupby("card").sum(),
            "max_kiosks_in_a_day": daily["nunique"].groupby("card").max(),
            "n_days_of_many_kiosks": (daily["nunique"] >= 15).groupby("card").sum(),
        }
    ).fillna(0)
    assert_same(found, wanted)
    assert (wanted["n_quick_moves"] > 0).sum() >= 1
    assert list(found.index[found["is_shared_card"]]) == ["shared"]


@pytest.mark.parametrize(
    ("n_cards", "n_visits", "is_beyond"),
    [(1000, 20, True), (1000, 19, False), (999, 30, True), (998, 30, False)],
)
def test_twenty_times_the_visits_of_almost_all_others_is_far_beyond_them(
    compiled: Compiled, n_cards: int, n_visits: int, is_beyond: bool
) -> None:
    # Of 1,001 cards the second busiest is the one that one in a thousand may pass.
    cards = [*map(str, range(n_cards)), *["busy"] * n_visits]
    rows = pd.DataFrame({"card": cards, "kiosk_id": "1", "product_id": "p"})
    rows["at"] = FIRST + pd.to_timedelta(np.arange(len(rows)), unit="D")
    with customers(compiled, rows, *VISITS) as connection:
        found = by_card(connection)
    assert found.loc["busy", "is_far_beyond_others"] == is_beyond
    assert found.loc["busy", "is_shared_card"] == is_beyond
    assert found["is_far_beyond_others"].sum() == int(is_beyond)


def test_the_shared_card_of_the_demo_is_found_and_no_other(compiled: Compiled) -> None:
    for scale in (0.005, 0.02):
        with customers(compiled, demo_purchases(scale), *VISITS) as connection:
            found = by_card(connection)
        assert list(found.index[found["is_shared_card"]]) == ["0"]
        assert found["n_units"].idxmax() == "0"


def mixed_cards(rng: np.random.Generator, n_each: int) -> tuple[pd.DataFrame, set[str]]:
    """Cards of one person and cards of many, both of kinds that are easily confused.

    Honest: regulars of one kiosk who come up to eight times a day; people in a building
    with up to four kiosks side by side, who go from one to the next within minutes, alone
    or with others; drivers who call at six to nine kiosks a day, a quarter of an hour
    apart and more; travellers with another kiosk every week; and passers-by. Shared: the
    card of a company, used by 6 to 40 people in as many places, once a day or a little
    less; one of a canteen, used at one kiosk all day; and a placeholder used everywhere.
    """
    kiosks = [f"k{number}" for number in range(400)]
    parts, shared = [], set()

    def some(n: int) -> list[str]:
        return [str(kiosk) for kiosk in rng.choice(kiosks, n, replace=False)]

    for number in range(n_each):
        parts.append(visits_of(rng, f"regular {number}", some(1), rng.uniform(2, 8)))
        building = [f"b{number // 2} {door}" for door in range(rng.integers(2, 5))]
        worker = visits_of(rng, f"near {number}", building, rng.uniform(1, 4))
        second = worker[rng.random(len(worker)) < 0.4].copy()
        second["kiosk_id"] = rng.choice(building, len(second))
        second["at"] += pd.to_timedelta(rng.integers(60, 540, len(second)), unit="s")
        parts += [worker, second]
        n_stops = int(rng.integers(6, 10))
        days = np.repeat(np.arange(0, N_DAYS, 2), n_stops)
        hours = 8 + np.arange(days.size) % n_stops
        # In the first 45 minutes of an hour: never closer than a quarter of one.
        seconds = (8 + hours) * 3600 + rng.integers(0, 2700, days.size)
        driver = pd.DataFrame(
            {
                "card": f"driver {number}",
                "kiosk_id": rng.choice(some(60), days.size),
                "at": FIRST + pd.to_timedelta(days * 86_400 + seconds, unit="s"),
            }
        )
        parts.append(driver)
        traveller = visits_of(rng, f"traveller {number}", some(1), rng.uniform(1, 3))
        week = (traveller["at"] - FIRST).dt.days // 7
        traveller["kiosk_id"] = np.array(some(30))[week % 30]
        parts.append(traveller)
        people = int(rng.integers(6, 41))
        company = visits_of(
            rng, f"company {number}", some(people), people * rng.uniform(0.7, 1.1)
        )
        parts.append(company)
        shared.add(f"company {number}")
    for number in range(max(n_each // 10, 1)):
        parts.append(visits_of(rng, f"canteen {number}", some(1), rng.uniform(40, 80)))
        parts.append(visits_of(rng, f"placeholder {number}", kiosks, 60.0))
        shared |= {f"canteen {number}", f"placeholder {number}"}
    for number in range(20 * n_each):
        parts.append(visits_of(rng, f"passer-by {number}", some(2), 0.05))
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(product_id="p"), shared


def found_shared(compiled: Compiled, rows: pd.DataFrame) -> pd.DataFrame:
    with customers(compiled, rows, *VISITS) as connection:
        return by_card(connection)


def precision_and_recall(found: pd.DataFrame, shared: set[str]) -> tuple[float, float]:
    called = set(found.index[found["is_shared_card"]])
    return len(called & shared) / len(called), len(called & shared) / len(shared)


def test_shared_cards_are_found_among_heavy_but_honest_ones(compiled: Compiled) -> None:
    rows, shared = mixed_cards(np.random.default_rng(12), 30)
    precision, recall = precision_and_recall(found_shared(compiled, rows), shared)
    assert min(precision, recall) >= 0.95


@pytest.mark.full
def test_shared_cards_are_found_with_precision_and_recall(
    compiled: Compiled, report: Callable[[str, str], None]
) -> None:
    rng, n_samples, n_cards, n_shared = np.random.default_rng(13), 5, 0, 0
    scores = []
    for _ in range(n_samples):
        rows, shared = mixed_cards(rng, 100)
        found = found_shared(compiled, rows)
        scores.append(precision_and_recall(found, shared))
        n_cards, n_shared = n_cards + len(found), n_shared + len(shared)
    precision, recall = np.mean(scores, axis=0)
    assert min(precision, recall) >= 0.95
    report(
        "Customers",
        f"{n_shared} cards shared by 6 to 40 people, at canteens or placeholders among "
        f"{n_cards - n_shared:,} honest ones, 2,000 of them heavy ({n_samples} samples): "
        f"found with precision {precision:.3f} and recall {recall:.3f}",
    )
    recalls = []
    for people in range(3, 10):
        rows, _ = mixed_cards(rng, 10)
        few = [
            visits_of(
                rng,
                f"few {number}",
                [f"k{kiosk}" for kiosk in rng.permutation(400)[:people]],
                people * 0.9,
            )
            for number in range(100)
        ]
        rows = pd.concat([rows, *few], ignore_index=True).assign(product_id="p")
        found = found_shared(compiled, rows)
        is_few = found.index.str.startswith("few ")
        recalls.append(f"{people}: {found.loc[is_few, 'is_shared_card'].mean():.0%}")
    report(
        "Customers",
        "cards shared by few people in as many places, 0.9 visits each a working day for "
        f"{N_DAYS} days, found by number of people: {', '.join(recalls)}",
    )


def test_shares_of_shared_cards_equal_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame
) -> None:
    found = table(connection, "reports.rpt_shared_cards", ["reason"])
    is_shared = visits["card"] == "shared"
    for reason, chosen in (("any", is_shared), ("none", ~is_shared)):
        assert found.loc[reason, "n_units"] == visits.loc[chosen, "n_units"].sum()
        assert found.loc[reason, "visit_share"] == pytest.approx(chosen.mean())
        assert found.loc[reason, "n_cards"] == visits.loc[chosen, "card"].nunique()


# ---------------------------------------------------------------- do they come back?


@pytest.fixture(scope="module")
def last_date(purchases: pd.DataFrame) -> pd.Timestamp:
    return (purchases["at"].max() - pd.Timedelta(hours=8)).normalize()


def test_repeat_customers_equal_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame, last_date: pd.Timestamp
) -> None:
    first = visits.groupby("card")["date"].min()
    later = visits[visits["date"] > visits["card"].map(first)]
    after = (later.groupby("card")["date"].min() - first).dt.days
    cards = pd.DataFrame({"first": first, "after": after}).reset_index()
    cards["watched"] = (last_date - cards["first"]).dt.days > 30
    cards["month"] = cards["first"].dt.strftime("%Y-%m")
    rows = {}
    for has_shared, chosen in both(cards):
        groups = {"All": chosen, **dict(list(chosen.groupby("month")))}
        for month, part in groups.items():
            n = part["watched"].sum()
            n_returned = (part["watched"] & (part["after"] <= 30)).sum()
            low, high = wilson(n_returned, n)
            rows[has_shared, month] = {
                "n_cards": len(part),
                "n_censored": len(part) - n,
                "n_watched": n,
                "n_returned": n_returned,
                "repeat_share": n_returned / n if n else np.nan,
                "repeat_share_low": low,
                "repeat_share_high": high,
            }
    key = ["has_shared_cards", "first_visit_month"]
    wanted = pd.DataFrame(rows).T.rename_axis(key)
    assert wanted["n_censored"].max() > 10
    assert_same(table(connection, "reports.rpt_repeat_customers", key), wanted)


def test_retention_equals_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame, last_date: pd.Timestamp
) -> None:
    month = visits["date"].dt.to_period("M")
    cohort = month.groupby(visits["card"]).transform("min")
    visits = visits.assign(month=month, cohort=cohort)
    last = last_date.to_period("M")
    rows = {}
    for has_shared, chosen in both(visits):
        for start, part in chosen.groupby("cohort"):
            n_cards = part["card"].nunique()
            for months_after in range((last - start).n + 1):
                at = start + months_after
                n_active = part.loc[part["month"] == at, "card"].nunique()
                low, high = wilson(n_active, n_cards)
                is_whole = at < last
                rows[has_shared, str(start), months_after] = {
                    "n_cards": n_cards,
                    "n_active": n_active,
                    "retention_share": n_active / n_cards if is_whole else np.nan,
                    "retention_share_low": low if is_whole else np.nan,
                    "retention_share_high": high if is_whole else np.nan,
                    "is_whole": is_whole,
                    "is_first_cohort": start == cohort.min(),
                }
    key = ["has_shared_cards", "cohort_month", "months_after"]
    wanted = pd.DataFrame(rows).T.rename_axis(key)
    assert_same(table(connection, "reports.rpt_customer_retention", key), wanted)


def test_time_between_visits_equals_lifelines(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame, last_date: pd.Timestamp
) -> None:
    following = visits.groupby("card")["date"].shift(-1)
    visits = visits.assign(
        days=(following.fillna(last_date) - visits["date"]).dt.days,
        returned=following.notna(),
        band=pd.cut(
            visits["number"],
            [0, 1, 2, 5, 10, np.inf],
            labels=["1", "2", "3 to 5", "6 to 10", "over 10"],
        ).astype(str),
    )
    rows = {}
    for has_shared, chosen in both(visits):
        groups = {("overall", "All"): chosen}
        groups |= {("visit_number", band): p for band, p in chosen.groupby("band")}
        for key, part in groups.items():
            fitted = KaplanMeierFitter().fit(part["days"], part["returned"])
            curve = fitted.survival_function_.iloc[:, 0]
            ends = fitted.confidence_interval_.to_numpy()
            row = {
                "n_visits": len(part),
                "n_returned": part["returned"].sum(),
                "n_censored": (~part["returned"]).sum(),
                "median_days_of_returned": np.quantile(
                    part.loc[part["returned"], "days"], 0.5, method="inverted_cdf"
                ),
                "median_days_to_return": curve.index[curve <= 0.5 + 1e-12][0],
            }
            for days in (1, 7, 30, 90):
                step = curve.index.get_indexer([days], method="ffill")[0]
                name = f"returned_in_{days}_days_share"
                is_watched = part["days"].max() >= days or curve.iloc[-1] == 0
                row[name] = 1 - curve.iloc[step] if is_watched else np.nan
                known = is_watched and 0 < curve.iloc[step] < 1
                row[f"{name}_low"] = 1 - ends[step][1] if known else np.nan
                row[f"{name}_high"] = 1 - ends[step][0] if known else np.nan
            rows[has_shared, *key] = row
    key = ["has_shared_cards", "dimension", "dimension_value"]
    wanted = pd.DataFrame(rows).T.rename_axis(key)
    assert (wanted["median_days_of_returned"] < wanted["median_days_to_return"]).any()
    assert_same(table(connection, "reports.rpt_time_between_visits", key), wanted, 1e-7)


def test_products_bought_again_equal_pandas(
    connection: duckdb.DuckDBPyConnection, with_visits: pd.DataFrame, visits: pd.DataFrame
) -> None:
    numbers = visits.set_index("visit")["number"]
    items = with_visits.assign(number=with_visits["visit"].map(numbers))
    items = items.drop_duplicates(["visit", "product_id"]).sort_values(["card", "number"])
    honest = items[items["card"] != "shared"]
    popularity = honest["product_id"].value_counts(normalize=True).to_dict()
    rows = []
    for card, of_card in items.groupby("card"):
        known: set[str] = set()
        for number, basket in of_card.groupby("number")["product_id"]:
            again = sum(product in known for product in basket)
            chance = len(basket) * sum(popularity[product] for product in known)
            rows.append((card, number, len(basket), again, chance))
            known |= set(basket)
    columns = ["card", "number", "n_products", "n_bought_again", "chance"]
    later = pd.DataFrame(rows, columns=columns).query("number > 1")
    labels = ["1", "2 to 4", "5 to 9", "10 to 24", "25 or more"]
    later["band"] = pd.cut(
        later["number"], [1, 2, 5, 10, 25, np.inf], labels=labels
    ).astype(str)
    wanted = {}
    for has_shared, chosen in both(later):
        groups = {("overall", "All"): chosen}
        groups |= {("earlier_visits", band): p for band, p in chosen.groupby("band")}
        for key, part in groups.items():
            n, n_again = part["n_products"].sum(), part["n_bought_again"].sum()
            wanted[has_shared, *key] = {
                "n_visits": len(part),
                "n_visits_with_one_again": (part["n_bought_again"] > 0).sum(),
                "n_products": n,
                "n_bought_again": n_again,
                "bought_again_share": n_again / n,
                "bought_again_share_low": wilson(n_again, n)[0],
                "bought_again_share_high": wilson(n_again, n)[1],
                "chance_bought_again_share": part["chance"].sum() / n,
            }
    key = ["has_shared_cards", "dimension", "dimension_value"]
    found = table(connection, "reports.rpt_products_bought_again", key)
    assert_same(found, pd.DataFrame(wanted).T.rename_axis(key), 1e-7)
    # Here products are taken by their popularity, and so the card has no tastes.
    overall = found.loc[False, "overall", "All"]
    assert overall["bought_again_share"] == pytest.approx(
        overall["chance_bought_again_share"], rel=0.03
    )


def test_repeat_buyers_equal_pandas(
    connection: duckdb.DuckDBPyConnection, with_visits: pd.DataFrame, visits: pd.DataFrame
) -> None:
    numbers = visits.set_index("visit")["number"]
    last = visits.groupby("card")["number"].max()
    items = with_visits.drop_duplicates(["visit", "product_id"])
    items = items.assign(number=items["visit"].map(numbers))
    buyers = items.groupby(["product_id", "card"])["number"].agg(["min", "size"])
    buyers = buyers.reset_index()
    buyers["seen_again"] = buyers["card"].map(last) > buyers["min"]
    rows = {}
    for has_shared, chosen in both(buyers):
        for product, part in chosen.groupby("product_id"):
            n, n_repeat = part["seen_again"].sum(), (part["size"] > 1).sum()
            rows[has_shared, product] = {
                "n_buyers": len(part),
                "n_seen_again": n,
                "n_repeat_buyers": n_repeat,
                "repeat_buyer_share": n_repeat / n,
                "repeat_buyer_share_low": wilson(n_repeat, n)[0],
                "repeat_buyer_share_high": wilson(n_repeat, n)[1],
                "is_small_sample": n < 100,
            }
    key = ["has_shared_cards", "product_id"]
    wanted = pd.DataFrame(rows).T.rename_axis(key)
    assert_same(table(connection, "reports.rpt_product_repeat_buyers", key), wanted)


def test_classes_and_concentration_equal_pandas(
    connection: duckdb.DuckDBPyConnection, visits: pd.DataFrame, last_date: pd.Timestamp
) -> None:
    cards = visits.groupby("card", as_index=False).agg(
        last=("date", "max"), n_visits=("visit", "size"), n_units=("n_units", "sum")
    )
    days = (last_date - cards["last"]).dt.days
    cards["recency"] = pd.cut(
        days,
        [-1, 7, 30, 90, np.inf],
        labels=["0 to 7 days", "8 to 30 days", "31 to 90 days", "over 90 days"],
    ).astype(str)
    visits_labels = ["1 visit", "2 to 4 visits", "5 to 9 visits", "10 to 24 visits"]
    cards["frequency"] = pd.cut(
        cards["n_visits"],
        [0, 1, 4, 9, 24, np.inf],
        labels=[*visits_labels, "25 visits or more"],
    ).astype(str)
    classes, tops = {}, {}
    for has_shared, chosen in both(cards):
        n, n_units = len(chosen), chosen["n_units"].sum()
        for (recency, frequency), part in chosen.groupby(["recency", "frequency"]):
            classes[has_shared, recency, frequency] = {
                "n_cards": len(part),
                "n_visits": part["n_visits"].sum(),
                "card_share": len(part) / n,
                "unit_share": part["n_units"].sum() / n_units,
            }
        ordered = chosen["n_units"].sort_values(ascending=False)
        for top, size in {
            "top card": 1,
            "top 10 cards": 10,
            "top 1 %": -(-n // 100),
            "top 10 %": -(-n // 10),
            "top half": -(-n // 2),
            "all cards": n,
        }.items():
            share = ordered.iloc[:size].sum() / n_units
            tops[has_shared, top] = {"n_cards": size, "unit_share": share}
    key = ["has_shared_cards", "recency_class", "frequency_class"]
    wanted = pd.DataFrame(classes).T.rename_axis(key)
    assert_same(table(connection, "reports.rpt_customer_classes", key), wanted)
    key = ["has_shared_cards", "top_cards"]
    wanted = pd.DataFrame(tops).T.rename_axis(key)
    assert_same(table(connection, "reports.rpt_customer_concentration", key), wanted)
