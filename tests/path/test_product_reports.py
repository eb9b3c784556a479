"""What products bring and what goes with their sales, against pandas and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr

from tests.projects import Project

pytestmark = pytest.mark.xdist_group("built")


def query(built: Project, sql: str) -> pd.DataFrame:
    with built.unpublished() as connection:
        return connection.execute(sql).df()


def sold_products(built: Project) -> pd.DataFrame:
    products = query(built, "select * from marts.dim_products").set_index("product_id")
    sold = query(built, "select product_id from marts.fct_purchases").value_counts(
        "product_id"
    )
    products = products.loc[sold.index].assign(n=sold)
    products["category"] = products["fc_number"].fillna("Unknown")
    products["brand"] = products["brand"].fillna("Unknown")
    products["overall"] = "All"
    products["product"] = products.index
    return products


def test_estimates_are_those_of_both_readings(built: Project) -> None:
    products = sold_products(built)
    cost = products["cost_usd"].astype(float)
    margin = products["margin_share"]
    known = cost.notna() & margin.notna() & (margin < 1)
    assert 0 < (~known).sum() < len(products) / 2
    money = pd.DataFrame(
        {
            "estimated_revenue_if_of_price_usd": products["n"] * cost / (1 - margin),
            "estimated_revenue_if_of_cost_usd": products["n"] * cost * (1 + margin),
        }
    )
    for reading in ("price", "cost"):
        money[f"estimated_margin_if_of_{reading}_usd"] = (
            money[f"estimated_revenue_if_of_{reading}_usd"] - products["n"] * cost
        )
    money = money.where(known)
    found = query(built, "select * from reports.rpt_product_economics")
    for dimension, rows in found.groupby("dimension"):
        rows = rows.set_index("dimension_value").sort_index()
        by = products[str(dimension)]
        expected = money.groupby(by).sum(min_count=1).sort_index()
        assert rows.index.equals(expected.index)
        for column in money:
            np.testing.assert_allclose(
                rows[column].astype(float), expected[column], atol=0.0051
            )
        assert (rows["n_purchases"] == products["n"].groupby(by).sum()).all()
        n_known = (products["n"] * known).groupby(by).sum()
        assert (rows["n_purchases_known"] == n_known).all()


def test_rank_correlations_are_those_of_scipy(built: Project) -> None:
    products = sold_products(built)
    spans = query(built, "select * from int_product_sale_spans_found").set_index(
        "product_id"
    )
    products["rate"] = (products["n"] / spans["n_active_kiosk_days"]).round(9)
    found = query(built, "select * from reports.rpt_nutrition_and_sales")
    checked = 0
    for row in found.itertuples():
        scope = products[products[row.dimension] == row.dimension_value]
        assert (row.n_products, row.n_purchases) == (len(scope), scope["n"].sum())
        sales = scope["n" if row.measure == "purchases" else "rate"]
        if len(scope) < 4 or scope["onqi_score"].nunique() < 2 or sales.nunique() < 2:
            assert np.isnan(row.rank_correlation)
            continue
        expected = spearmanr(scope["onqi_score"].astype(int), sales).statistic
        np.testing.assert_allclose(row.rank_correlation, expected, atol=1e-8)
        if abs(expected) < 1 - 1e-9:
            error = np.sqrt((1 + expected**2 / 2) / (len(scope) - 3))
            ends = np.tanh(np.arctanh(expected) + norm.ppf([0.025, 0.975]) * error)
            found_ends = (row.rank_correlation_low, row.rank_correlation_high)
            np.testing.assert_allclose(found_ends, ends, atol=1e-6)
            checked += 1
    assert checked > 20
