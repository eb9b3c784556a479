"""Which products and kiosks sell most, against pandas, numpy and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import gamma

from tests.projects import Project

pytestmark = pytest.mark.xdist_group("built")


def query(built: Project, sql: str) -> pd.DataFrame:
    with built.unpublished() as connection:
        return connection.execute(sql).df()


@pytest.fixture(scope="module")
def purchases(built: Project) -> pd.DataFrame:
    """Each unit sold, with what reports break down by."""
    sold = query(built, "select * from marts.fct_purchases")
    products = query(built, "select * from marts.dim_products").set_index("product_id")
    parts = np.select(
        [sold["purchase_hour"] < hour for hour in (6, 12, 18)],
        ["Night", "Morning", "Afternoon"],
        "Evening",
    )
    category = sold["product_id"].map(products["fc_number"]).fillna("Unknown")
    return sold.assign(
        overall="All",
        kiosk=sold["kiosk_id"],
        category=category,
        day_part=parts,
        month=sold["purchase_date"].dt.strftime("%Y-%m"),
    )


def ranked(purchases: pd.DataFrame, dimension: str, key: str) -> pd.DataFrame:
    """Rank, shares and class of each product or kiosk, as pandas has them."""
    sold = purchases.groupby([dimension, key])["purchase_date"]
    table = sold.agg(["size", "min", "max"]).reset_index()
    table.columns = ["dimension_value", key, "n_purchases", "first", "last"]
    table = table.sort_values(["dimension_value", "n_purchases", key], ascending=[1, 0, 1])
    group = table.groupby("dimension_value")["n_purchases"]
    table["sales_rank"] = group.rank("min", ascending=False).astype(int)
    total = group.transform("sum")
    table["purchase_share"] = table["n_purchases"] / total
    table["cumulative_share"] = group.cumsum() / total
    before = (group.cumsum() - table["n_purchases"]) / total
    table["pareto_class"] = np.select(
        [before < 0.8 - 1e-12, before < 0.95 - 1e-12], "AB", "C"
    )
    return table.set_index(["dimension_value", key]).sort_index()


@pytest.mark.parametrize(
    ("report", "key", "dimensions"),
    [
        ("rpt_top_products", "product_id", "overall category kiosk day_part month"),
        ("rpt_top_kiosks", "kiosk_id", "overall category day_part month"),
    ],
)
def test_ranks_shares_and_classes_equal_pandas(
    built: Project, purchases: pd.DataFrame, report: str, key: str, dimensions: str
) -> None:
    found = query(built, f"select * from reports.{report}")
    assert set(found["dimension"]) == set(dimensions.split())
    for dimension, rows in found.groupby("dimension"):
        rows = rows.set_index(["dimension_value", key]).sort_index()
        expected = ranked(purchases, str(dimension), key)
        assert rows.index.equals(expected.index), dimension
        for column in ("n_purchases", "sales_rank", "pareto_class"):
            assert (rows[column] == expected[column]).all(), (dimension, column)
        for column in ("purchase_share", "cumulative_share"):
            np.testing.assert_allclose(rows[column], expected[column], atol=1e-12)
        assert (rows["first_purchase_date"] == expected["first"]).all()
        assert (rows["last_purchase_date"] == expected["last"]).all()


def test_rates_are_per_active_day(built: Project) -> None:
    days = query(built, "select * from marts.fct_kiosk_days where is_active")
    found = query(
        built, "select * from reports.rpt_top_kiosks where dimension = 'overall'"
    ).set_index("kiosk_id")
    active = days.groupby("kiosk_id").size().reindex(found.index)
    assert (found["n_active_days"] == active).all()
    rates = found["n_purchases"] / active
    np.testing.assert_allclose(found["purchases_per_active_day"], rates, atol=1e-8)
    assert (found["rate_rank"] == rates.rank(method="min", ascending=False)).all()

    spans = query(built, "select * from int_product_sale_spans_found")
    by_day = days.groupby("calendar_date").size()
    products = query(
        built,
        "select * from reports.rpt_top_products where dimension in ('overall', 'month')",
    )
    for span in spans.itertuples():
        on_sale = by_day.loc[span.first_on_sale_date : span.last_on_sale_date]
        assert span.n_active_kiosk_days == on_sale.sum()
    span = spans.set_index("product_id")
    for row in (
        products[products["dimension"] == "month"].sample(50, random_state=1).itertuples()
    ):
        window = span.loc[row.product_id]
        on_sale = by_day.loc[window["first_on_sale_date"] : window["last_on_sale_date"]]
        assert row.n_active_kiosk_days == on_sale.loc[row.dimension_value].sum()


def test_kiosks_are_drawn_together_as_the_moments_say(
    built: Project, purchases: pd.DataFrame
) -> None:
    found = query(built, "select * from int_kiosk_products_shrunk")
    spans = query(built, "select * from int_product_sale_spans_found").set_index(
        "product_id"
    )
    sizes = purchases.groupby(["product_id", "kiosk_id"]).size()
    chosen = purchases["product_id"].value_counts().index[[0, 5, 40, 150]]
    for product in chosen:
        rows = found[found["product_id"] == product].set_index("kiosk_id").sort_index()
        span = spans.loc[product]
        meanwhile = purchases["purchase_date"].between(
            span["first_on_sale_date"], span["last_on_sale_date"]
        )
        volume = purchases[meanwhile].groupby("kiosk_id").size().sort_index()
        assert rows.index.equals(volume.index)
        units = sizes[product].reindex(volume.index, fill_value=0)
        expected = units.sum() * volume / volume.sum()
        np.testing.assert_allclose(rows["n_expected_purchases"], expected, atol=1e-5)
        index = units / expected
        spread = (expected * (index - 1) ** 2).sum() / expected.sum()
        variance = max(spread - 1 / expected.mean(), 0.01)
        posterior = gamma(units + 1 / variance, scale=1 / (expected + 1 / variance))
        np.testing.assert_allclose(rows["shrunken_index"], posterior.mean(), atol=1e-5)
        for column, level in (("low", 0.025), ("high", 0.975)):
            found_ends = rows[f"shrunken_index_{column}"]
            np.testing.assert_allclose(found_ends, posterior.ppf(level), atol=1e-6)
