"""What somebody gets out of all exports together who has nothing else: no hidden count."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from loaders.publishing.crossing import tellings
from loaders.publishing.exports import export, hide_cells
from loaders.publishing.privacy import relation_of
from tests.path.compiled import Compiled
from tests.projects import Project, new_project

# It shares what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

Place = frozenset[tuple[str, str]]
# Columns in which reports say the same of a row in other words.
AXES = {
    "product_id": "product",
    "kiosk_id": "kiosk",
    "neighborhood_slug": "neighborhood",
    "occurred_year": "year",
    "request_year": "year",
    "request_month": "month",
    "month_start_date": "month",
}
PLACES = {*AXES, "vintage", "offense_family", "agency", "has_shared_cards", "feed"}
COUNTS = ("n_purchases", "n_requests", "n_accidents")


def place_of(row: dict[str, Any]) -> Place:
    """Where a row is: by what its columns are called, whatever its report says of it."""
    steps = {
        (AXES.get(name, name), str(value))
        for name, value in row.items()
        if name in PLACES and value is not None
    }
    if "dimension_value" in row and row["dimension"] != "overall":
        steps.add((str(row["dimension"]), str(row["dimension_value"])))
    return frozenset(steps)


def rows_of(connection: duckdb.DuckDBPyConnection, source: str) -> Iterator[dict[str, Any]]:
    found = connection.execute(f"from {source}")
    names = [column[0] for column in found.description or ()]
    yield from (dict(zip(names, row, strict=True)) for row in found.fetchall())


@pytest.mark.fault("hostile.differencing")
def test_no_hidden_count_can_be_had_from_all_exports_together(built: Project) -> None:
    folder = Path(built.paths.published) / "exports"
    shown: dict[str, dict[Place, set[int]]] = {count: defaultdict(set) for count in COUNTS}
    hidden: dict[str, dict[Place, set[str]]] = {count: defaultdict(set) for count in COUNTS}
    true: dict[str, dict[Place, int]] = {count: {} for count in COUNTS}
    with built.published() as connection:
        for file in sorted(folder.glob("*.parquet")):
            for row in rows_of(connection, f"'{file}'"):
                place = place_of(row)
                for count in {*COUNTS} & {*row}:
                    if row.get("is_suppressed"):
                        hidden[count][place].add(file.stem)
                    elif row[count] is not None:
                        shown[count][place].add(row[count])
        for report in {
            one for places in hidden.values() for of in places.values() for one in of
        }:
            for row in rows_of(connection, f"reports.{report}"):
                for count in {*COUNTS} & {*row}:
                    if report in hidden[count].get(place_of(row), ()):
                        true[count][place_of(row)] = row[count]
    assert {"n_purchases", "n_accidents", "n_requests"} <= {n for n in COUNTS if hidden[n]}
    for count in COUNTS:
        told = [place for place, n in true[count].items() if n and n in shown[count][place]]
        assert not told, (count, told[:5])
        # A total less what is shown of it is the one that is not.
        lines: dict[tuple[Place, str], list[Place]] = defaultdict(list)
        for place in {*shown[count], *hidden[count]}:
            for step in place:
                lines[place - {step}, step[0]].append(place)
        n_totals = 0
        for (whole, _), parts in lines.items():
            unseen = [place for place in parts if not shown[count].get(place)]
            rest = sum(max(shown[count][place]) for place in parts if place not in unseen)
            for total in shown[count].get(whole, ()):
                n_totals += 1
                # Of several, what they are together is a small count, or none.
                counts = [true[count].get(place) or 0 for place in unseen]
                n_told = total - rest
                is_told = n_told == sum(counts) and sum(n > 0 for n in counts) == 1
                assert not is_told or not unseen, (count, whole, unseen)
                assert n_told != sum(counts) or n_told not in range(1, 5), (count, unseen)
        assert n_totals > 5, count
        # Nor do all totals at once, solved for what is hidden.
        numbers = {place: at for at, place in enumerate(true[count])}
        equations = []
        for (whole, _), parts in lines.items():
            unseen = [place for place in parts if not shown[count].get(place)]
            rest = sum(max(shown[count][place]) for place in parts if place not in unseen)
            n_whole = max(shown[count].get(whole, ()), default=true[count].get(whole))
            if n_whole == rest + sum(true[count].get(place) or 0 for place in unseen):
                equation = {numbers[place]: 1 for place in unseen if place in numbers}
                if whole in numbers and not shown[count].get(whole):
                    equation[numbers[whole]] = -1
                equations.append(equation)
        solved = tellings({at: cells for at, cells in enumerate(equations) if cells})
        counts = [*true[count].values()]
        assert len(equations) > 5, count
        assert not [counts[at] for at in solved if counts[at]], count


@pytest.mark.fault("hostile.differencing")
@pytest.mark.parametrize("count", [*COUNTS, "n_cards", "n_visits", "n_buyers"])
def test_no_export_shows_a_small_count_of_what_others_hide(
    built: Project, count: str
) -> None:
    folder = Path(built.paths.published) / "exports"
    with built.published() as connection:
        for file in sorted(folder.glob("*.parquet")):
            small = [
                row
                for row in rows_of(connection, f"'{file}'")
                if isinstance(row.get(count), int) and 0 < row[count] < 5
            ]
            assert not small, (file.stem, small[:3])


@pytest.mark.fault("hostile.differencing")
@pytest.mark.parametrize(
    ("whole", "part"), [("n_purchases", "n_purchases_known"), ("n_cards", "n_active")]
)
def test_no_export_shows_two_counts_that_tell_a_small_one(
    built: Project, whole: str, part: str
) -> None:
    folder = Path(built.paths.published) / "exports"
    n_rows = 0
    with built.published() as connection:
        for file in sorted(folder.glob("*.parquet")):
            for row in rows_of(connection, f"'{file}'"):
                if row.get(whole) is not None and row.get(part) is not None:
                    n_rows += 1
                    assert not 0 < row[whole] - row[part] < 5, (file.stem, row)
    assert n_rows


@pytest.mark.fault("hostile.differencing")
@pytest.mark.xdist_group("compiled")
def test_no_revenue_of_a_hidden_cell_can_be_had_by_subtraction(
    compiled: Compiled, tmp_path: Path
) -> None:
    """Purchases of which some kiosks tell the price: totals of money less what is shown."""
    rng = np.random.default_rng(3)
    n = 2500
    kiosk, product = rng.geometric(0.25, n), rng.geometric(0.2, n)
    at = pd.Timestamp("2018-01-01 09:00") + pd.to_timedelta(
        rng.integers(0, 90 * 86_400, n), unit="s"
    )
    has_price = (kiosk % 3 > 0) & (rng.uniform(size=n) < 0.8)
    sold = pd.DataFrame(
        {
            "kiosk_id": kiosk,
            "product_id": product,
            "card_hash": [f"card{card}" for card in rng.integers(0, 200, n)],
            "date_time": at.strftime("%Y-%m-%d %H:%M:%S-08"),
            "Qty": 1,
            # Prices that no two sums have in common.
            "Unit Price": np.where(has_price, np.round(1 + rng.uniform(size=n), 2), np.nan),
        }
    )
    file = tmp_path / "sold.csv"
    sold.to_csv(file, index=False)
    project = new_project(tmp_path / "data")
    project.land("purchases", file)
    names = ("rpt_top_products", "rpt_top_kiosks", "rpt_product_economics")
    relations = [
        relation_of({**model.to_dict(), "columns": model.to_dict()["columns"]})
        for model in compiled.models
        if model.name in names
    ]
    shown: dict[Place, set[Decimal]] = defaultdict(set)
    true: dict[Place, Decimal] = {}
    small: set[Place] = set()
    with compiled.build(project.paths.landing, *names) as connection:
        hide_cells(connection, relations, 5)
        for relation in relations:
            export(connection, relation)
            for row in rows_of(connection, "export"):
                if row["revenue_usd"] is not None:
                    shown[place_of(row)].add(row["revenue_usd"])
            for row in rows_of(connection, f"reports.{relation.name}"):
                true[place_of(row)] = row["revenue_usd"] or Decimal(0)
                if row["n_priced_purchases"] in range(1, 5):
                    small.add(place_of(row))
    lines: dict[tuple[Place, str], list[Place]] = defaultdict(list)
    for place in true:
        for step in place:
            lines[place - {step}, step[0]].append(place)
    n_told, n_attacks = 0, 0
    for (whole, _), parts in lines.items():
        unseen = [place for place in parts if not shown.get(place)]
        rest = sum((max(shown[place]) for place in parts if shown.get(place)), Decimal(0))
        of_money = [place for place in unseen if true[place] > 0]
        for total in shown.get(whole, ()):
            n_attacks += 1
            n_told += total - rest == sum(true[place] for place in unseen) and bool(unseen)
            # Of one that was hidden for another's sake it is no harm.
            is_told = len(of_money) == 1 and total - rest == true[of_money[0]]
            assert not is_told or of_money[0] not in small, (whole, unseen)
    assert len(small) > 20
    assert n_attacks > 20
    assert n_told > 5
