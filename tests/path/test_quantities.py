"""Kiosk exports with quantities and prices, beside those without, in any order."""

from decimal import Decimal
from itertools import permutations
from pathlib import Path

import pytest

from tests.path.compiled import Compiled
from tests.projects import new_project

pytestmark = pytest.mark.xdist_group("compiled")

PLAIN = "kiosk_id,product_id,card_hash,date_time"
PRICED = PLAIN + ",Qty,Unit Price"
FILES = {
    # Two units of one purchase, and one of another.
    "plain": f"""{PLAIN}
1,7,a,2018-03-01 10:00:00-08
1,7,a,2018-03-01 10:00:00-08
1,8,b,2018-03-01 11:00:00-08
""",
    # The first again, with what it cost; two lines alike of two units each; a return.
    "priced": f"""{PRICED}
1,7,a,2018-03-01 10:00:00-08,2,$1.50
1,7,c,2018-03-02 10:00:00-08,2,2.00
1,7,c,2018-03-02 10:00:00-08,2,2.00
1,9,d,2018-03-03 10:00:00-08,1,
1,9,e,2018-03-03 11:00:00-08,-1,2.00
1,9,f,2018-03-03 12:00:00-08,2,3.00
""",
    # A later export repeats some, and corrects the last from two units to one.
    "corrected": f"""{PRICED}
1,7,c,2018-03-02 10:00:00-08,2,2.00
1,7,c,2018-03-02 10:00:00-08,2,2.00
1,9,f,2018-03-03 12:00:00-08,1,3.00
1,8,g,2018-03-04 12:00:00-08,,0.00
""",
}


@pytest.mark.parametrize("order", list(permutations(FILES)), ids="-".join)
def test_units_and_revenue_are_the_same_in_any_order(
    compiled: Compiled, tmp_path: Path, order: tuple[str, ...]
) -> None:
    project = new_project(tmp_path / "data")
    for name in (*order, order[0]):
        file = tmp_path / f"{name}.csv"
        file.write_text(FILES[name])
        project.land("purchases", file)
    models = ("rpt_top_products", "rpt_basket_sizes", "rpt_product_economics")
    with compiled.build(project.paths.landing, *models, "rpt_silence_costs") as connection:
        found = connection.execute(
            """
            select product_id, n_purchases, n_priced_purchases, revenue_usd, revenue_rank
            from reports.rpt_top_products where dimension = 'overall' order by product_id
            """
        ).fetchall()
        assert found == [
            ("7", 6, 6, Decimal("11.00"), 1),
            ("8", 2, 1, Decimal("0.00"), 3),
            ("9", 2, 1, Decimal("3.00"), 2),
        ]
        units = connection.execute(
            "select product_id, cast(price_usd as varchar), count(*), max(unit_number) "
            "from marts.fct_purchases group by all order by all"
        ).fetchall()
        assert units == [
            *(("7", "1.50", 2, 2), ("7", "2.00", 4, 4), ("8", "0.00", 1, 1)),
            *(("8", None, 1, 1), ("9", "3.00", 1, 1), ("9", None, 1, 1)),
        ]
        # Of six visits four have a price for each unit.
        baskets = connection.execute(
            """
            select n_visits, n_units, n_priced_visits, n_priced_cards, avg_revenue_usd
            from reports.rpt_basket_sizes where dimension = 'overall' and has_shared_cards
            """
        ).fetchone()
        assert baskets == (6, 10, 4, 4, 3.5)
        economics = connection.execute(
            """
            select
                n_purchases, n_priced_purchases, revenue_usd, n_margin_purchases, margin_usd
            from reports.rpt_product_economics where dimension = 'overall'
            """
        ).fetchone()
        assert economics == (10, 8, Decimal("14.00"), 0, None)
        fates = connection.execute(
            "select fate, set_aside_reason, count(*) "
            f"from {compiled['int_purchase_row_fates']} group by all order by all"
        ).fetchall()
        assert fates == [
            ("current_version", None, 7),
            ("duplicate", None, 3),
            ("set_aside", "implausible_quantity", 1),
        ]
