"""What the kiosks sell, as two whole lists; every name, brand and price is invented."""

import csv
import io
from pathlib import Path

import numpy as np

from demo.catalog import NO_CATEGORY, catalog
from demo.truth import Delivery, Fault, Truth

HEADER = (
    "product_id",
    "product_name",
    "fc_number",
    "brand",
    "onqi",
    "cost",
    "margins",
)
FIRST, SECOND = "products_2017-09-27.csv", "products_2018-09-25.csv"
ADDED_ID = "9001"
_KINDS = (
    "Smoky",
    "Golden",
    "Sea Salt",
    "Maple",
    "Ginger",
    "Wild Berry",
    "Garden",
    "Toasted",
    "Lemon",
    "Old Town",
    "Double",
    "Harvest",
    "Little",
    "Mountain",
    "Jalapeño",
    "Honey & Oat",
    "Cocoa",
    "Plain",
)
_THINGS = (
    "Almond Square",
    "Bean Crisps",
    "Lentil Chips",
    "Fig Bar",
    "Rice Puffs",
    "Seed Mix",
    "Yogurt Cup",
    "Cheese Twist",
    "Pasta Salad",
    "Wrap",
    "Soup, Ready to Drink",
    "Cold Brew",
    "Sparkling Water",
    "Fruit Cup",
    "Noodle Bowl",
    "Cookie Pair",
    "Popcorn",
    "Hummus Pot",
    "Turkey Roll",
)
_BRANDS = (
    "Brightwell",
    "Corner Oak",
    "Dayfare",
    "Juniper Row",
    "Kettle Lane",
    "Nine Acres",
)
_WITHOUT_CATEGORY = 18


def write_products(out: Path, truth: Truth) -> None:
    """Write both snapshots: the second changes a price, adds and withdraws one."""
    rows = _rows(truth.seed)
    later = [row.copy() for row in rows]
    changed, withdrawn = later[3], later[-1]
    changed[5] = f"{float(changed[5]) + 0.25:.2f}"
    added = [ADDED_ID, "Late Summer Peach Cup", "7", "Brightwell", "71", "2.49", "38%"]
    later = [*later[:-1], added]
    for name, listed, encoding in ((FIRST, rows, "cp1252"), (SECOND, later, "utf-8")):
        path = out / "products" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_text(listed).encode(encoding))
        truth.deliveries.append(_delivery(path, out, len(listed), encoding))
        truth.faults += _faults(path.relative_to(out).as_posix())
    truth.products.update(
        listed_first=len(rows),
        listed_second=len(later),
        price_changed=changed[0],
        added=ADDED_ID,
        withdrawn=withdrawn[0],
        name_twice=rows[1][1],
    )


def _rows(seed: int) -> list[list[str]]:
    known = catalog()
    rng = np.random.default_rng((seed, 2))
    n = known.product_ids.size
    names = [f"{kind} {thing}" for thing in _THINGS for kind in _KINDS][:n]
    names[7] = names[1]
    margins = rng.integers(5, 96, n)
    margins[[10, 20]] = 0, 100
    cents = rng.integers(101, 993, n)
    scores = rng.integers(1, 101, n)
    brands = rng.integers(0, len(_BRANDS), n)
    without = set(_without_category())
    return [
        [
            str(known.product_ids[i]),
            names[i],
            "" if i in without else str(known.product_categories[i]),
            _BRANDS[brands[i]],
            str(scores[i]),
            f"{cents[i] / 100:.2f}",
            f"{margins[i]}%",
        ]
        for i in range(n)
    ]


def _without_category() -> list[int]:
    """Products without a category in purchases, and some that only lack it here."""
    categories = catalog().product_categories
    never = np.flatnonzero(categories == NO_CATEGORY).tolist()
    others = np.flatnonzero(categories != NO_CATEGORY)[-_WITHOUT_CATEGORY:].tolist()
    return [*never, *others[: _WITHOUT_CATEGORY - len(never)]]


def _text(rows: list[list[str]]) -> str:
    """CSV whose last line has no line end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    return text.getvalue().rstrip("\n")


def _delivery(path: Path, out: Path, records: int, encoding: str) -> Delivery:
    return Delivery(
        feed="products",
        file=path.relative_to(out).as_posix(),
        member=None,
        as_of=f"{path.stem.removeprefix('products_')}T00:00:00",
        records=records,
        rejected=[],
        blank=0,
        set_aside=[],
        encoding=encoding,
        layout="product_info",
    )


def _faults(name: str) -> list[Fault]:
    return [
        Fault("no_final_newline", name, 1, "the last line has no line end"),
        Fault("missing_category", name, _WITHOUT_CATEGORY, "products without fc_number"),
        Fault("same_name", name, 2, "two products of one name"),
        Fault("margin_at_the_edge", name, 2, "margins of 0% and 100%"),
    ]
