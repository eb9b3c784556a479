"""Look-alike kiosks and what they sell that others lack, against pandas and plants."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

from tests.path.compiled import Compiled
from tests.projects import Project

N_KIOSKS, N_PRODUCTS = 60, 50


@pytest.mark.xdist_group("built")
def test_profiles_equal_pandas(built: Project) -> None:
    with built.published() as connection:
        sold = connection.execute("select * from marts.fct_purchases").df()
        days = connection.execute("select * from marts.fct_kiosk_days where is_active").df()
        # The key of no card is that of nothing.
        known = connection.execute(
            "select distinct customer_key from marts.fct_purchases "
            "where customer_key <> cast(md5('~') as uuid)"
        ).df()["customer_key"]
        found = connection.execute(
            "select * from reports.rpt_kiosk_profiles order by kiosk_id"
        ).df()
    by = sold.groupby("kiosk_id")
    cards = sold[sold["customer_key"].isin(known)]
    seen = cards.groupby(["kiosk_id", "customer_key"])["product_id"].transform("size")
    n = by.size()
    expected = pd.DataFrame(
        {
            "n_purchases": n,
            "n_active_days": days.groupby("kiosk_id").size(),
            "late_share": by["purchase_hour"].agg(lambda h: 1 - h.between(6, 17).mean()),
            "weekend_share": by["purchase_date"].agg(lambda d: (d.dt.weekday >= 5).mean()),
            "regular_share": (cards[seen >= 10].groupby("kiosk_id").size() / n).fillna(0),
        }
    ).loc[found["kiosk_id"]]
    for column in expected:
        np.testing.assert_allclose(
            found[column], expected[column].fillna(0), atol=1e-9, err_msg=column
        )
    rate = expected["n_purchases"] / expected["n_active_days"]
    volume = np.select(
        [rate < 0.5 * rate.median(), rate >= 2 * rate.median()],
        ["quiet", "busy"],
        "middling",
    )
    assert (found["volume_class"] == volume).all()


@pytest.mark.xdist_group("built")
def test_groups_agree_as_pandas_has_it(built: Project) -> None:
    with built.unpublished() as connection:
        profiles = connection.execute("select * from int_kiosks_profiled").df()
        found = connection.execute("select * from reports.rpt_kiosk_groups").df()
    for trait in ("kiosk_group", "volume_class", "rhythm"):
        halves = profiles.pivot_table(
            index="kiosk_id", columns="part", values=trait, aggfunc="first"
        ).dropna()
        odd, even = halves["odd_weeks"], halves["even_weeks"]
        agreed = (odd == even).mean()
        chance = (
            odd.value_counts(normalize=True) * even.value_counts(normalize=True)
        ).sum()
        rows = found[found["trait"] == trait].set_index("trait_value")
        np.testing.assert_allclose(rows.loc["All", "agreement_share"], agreed, atol=1e-12)
        if chance < 1:
            kappa = (agreed - chance) / (1 - chance)
            np.testing.assert_allclose(rows.loc["All", "kappa"], kappa, atol=1e-8)
        for value in rows.index.drop("All"):
            both = ((odd == value) & (even == value)).sum()
            either = ((odd == value) | (even == value)).sum()
            assert (rows.loc[value, "n_agreeing"], rows.loc[value, "n_judged"]) == (
                both,
                either,
            )


@pytest.fixture(scope="module")
def pairs() -> pd.DataFrame:
    """Kiosks of two groups whose tastes differ; of some products some have none."""
    rng = np.random.default_rng(11)
    volume = rng.integers(800, 3000, N_KIOSKS)
    group = np.where(np.arange(N_KIOSKS) % 2 == 0, "a", "b")
    rows = []
    for product in range(N_PRODUCTS):
        share = {"a": rng.uniform(0.005, 0.05), "b": rng.uniform(0.005, 0.05)}
        for kiosk in range(N_KIOSKS):
            taste = rng.gamma(20, 1 / 20)
            n = rng.poisson(volume[kiosk] * share[group[kiosk]] * taste)
            is_gap = (kiosk * 7 + product * 3) % 97 == 0
            rows.append((str(kiosk), str(product), group[kiosk], n * (not is_gap), is_gap))
    columns = ["kiosk_id", "product_id", "kiosk_group", "n_purchases", "is_gap"]
    table = pd.DataFrame(rows, columns=columns)
    table["n_all_purchases"] = volume[table["kiosk_id"].astype(int)]
    return table


@pytest.fixture(scope="module")
def gaps(pairs: pd.DataFrame, compiled: Compiled) -> pd.DataFrame:
    key = "cast(md5({}) as uuid)"
    with compiled.connect() as connection:
        connection.register("pairs", pairs)
        for name, columns in {
            "int_kiosks_profiled": "distinct kiosk_id, kiosk_group, 'all_weeks' as part",
            "int_kiosk_products_shrunk": f"*, {key.format('kiosk_id')} as kiosk_key, "
            f"{key.format('product_id')} as product_key",
            "int_product_sale_spans_found": "distinct product_id, "
            "false as was_discontinued",
            "dim_products": "distinct product_id, 'thing' as product_name",
            "fct_kiosk_days": "distinct kiosk_id, date '2018-01-01' as calendar_date, "
            "true as is_active",
        }.items():
            connection.execute(
                f"create table {compiled[name]} as select {columns} from pairs"
            )
        compiled.add(connection, "int_kiosk_assortments_compared", "rpt_assortment_gaps")
        return connection.execute("select * from reports.rpt_assortment_gaps").df()


@pytest.mark.xdist_group("compiled")
def test_planted_gaps_are_found_and_hardly_any_others(
    pairs: pd.DataFrame, gaps: pd.DataFrame
) -> None:
    planted = pairs[pairs["is_gap"]]
    assert len(planted) > 20
    found = set(zip(gaps["kiosk_id"], gaps["product_id"], strict=True))
    expected = set(zip(planted["kiosk_id"], planted["product_id"], strict=True))
    assert expected <= found
    # Of 3,000 that were compared 0.05 % come out by chance.
    assert len(found - expected) <= 5
    assert (gaps["was_never_sold"] == (gaps["n_purchases"] == 0)).all()


@pytest.mark.xdist_group("compiled")
def test_expected_units_are_calculated_from_look_alikes(
    pairs: pd.DataFrame, gaps: pd.DataFrame
) -> None:
    for row in gaps.itertuples():
        group = pairs[
            (pairs["kiosk_group"] == row.kiosk_group)
            & (pairs["product_id"] == row.product_id)
        ]
        others = group[group["kiosk_id"] != row.kiosk_id]
        here = group[group["kiosk_id"] == row.kiosk_id].iloc[0]
        share = others["n_purchases"].sum() / others["n_all_purchases"].sum()
        mean = here["n_all_purchases"] * share
        np.testing.assert_allclose(row.n_expected_purchases, mean, atol=1e-5)
        even = group["n_all_purchases"] * (
            group["n_purchases"].sum() / group["n_all_purchases"].sum()
        )
        pearson = ((group["n_purchases"] - even) ** 2 / even).sum()
        variance = max((pearson - len(group)) / group["n_purchases"].sum(), 0.01)
        shape = mean / (1 + variance * mean)
        ends = gamma(shape, scale=mean / shape).ppf([0.0005, 0.9995])
        found = (row.n_expected_purchases_low, row.n_expected_purchases_high)
        np.testing.assert_allclose(found, ends, atol=1e-6)
        assert row.n_selling_look_alikes == (others["n_purchases"] > 0).sum()
