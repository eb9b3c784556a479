"""Which products, kiosks and cards there are, and how much each sells at scale 1.

What was published is kept; everything else is invented around it so that all published
totals come out, and nothing unlisted enters a published list.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from demo.margins import Cell, Ints, PurchaseMargins, apportion, published, spread

TIMES_OF_DAY = ("Morning", "Afternoon", "Evening")
NO_CATEGORY = -1
# The one published unit of a category that no product of the published lists can have:
# a single purchase that was coded differently from its product.
MISCODED_CATEGORY = 33
_UNCATEGORIZED_BOTTOM = (2937, 4430, 3172, 2864, 3965)
_UNCATEGORIZED = 5465
_GAP = 40  # cells between the published ranks 30 and 71 of the three cross tables


@dataclass(frozen=True)
class Catalog:
    """Products, kiosks and cards in the order of their numbers here, with units sold.

    Attributes:
        product_ids: the source's identifiers.
        product_units: units of each product.
        product_categories: category of each product, -1 for none.
        product_times: units of each product in the morning, afternoon, evening (UTC).
        kiosk_ids: the source's identifiers.
        kiosk_units: units of each kiosk.
        card_units: units of each card, best first; the last entry is "no card".
        kiosk_cells: (product, kiosk, units) that are settled.
        card_cells: (product, card, units) that are settled.
        kiosk_limit: the most units of any other product at a kiosk.
        card_limit: the most units of any other product on a card.
        n_listed_cards: cards that published lists name.
    """

    product_ids: Ints
    product_units: Ints
    product_categories: Ints
    product_times: Ints
    kiosk_ids: Ints
    kiosk_units: Ints
    card_units: Ints
    kiosk_cells: list[Cell]
    card_cells: list[Cell]
    kiosk_limit: int
    card_limit: int
    n_listed_cards: int


@cache
def catalog() -> Catalog:
    """The catalog; the same for every seed."""
    facts = published().purchases
    products = _products(facts)
    product_ids = np.array([p[0] for p in products])
    product_units = np.array([p[1] for p in products])
    kiosk_ids, kiosk_units = _kiosks(facts)
    card_units, n_listed = _cards(facts)
    product_of = {int(p): i for i, p in enumerate(product_ids)}
    kiosk_of = {int(k): i for i, k in enumerate(kiosk_ids)}
    at_kiosks = [(product_of[p], kiosk_of[k], n) for k, p, n in facts.kiosk_products]
    on_cards = [(product_of[p], c - 1, n) for c, p, n in facts.card_products]
    return Catalog(
        product_ids,
        product_units,
        np.array([p[2] for p in products]),
        _times(facts, product_of, product_units),
        kiosk_ids,
        kiosk_units,
        card_units,
        _with_gap(at_kiosks, np.outer(product_units, kiosk_units)),
        _with_gap(on_cards, np.outer(product_units, card_units[:1])),
        min(n for *_, n in at_kiosks) - 1,
        min(n for *_, n in on_cards) - 1,
        n_listed,
    )


def _sizes(total: int, n: int, low: int, high: int) -> Ints:
    """Log-normal sizes in [low, high], largest first, as wide as the limit allows."""
    middles = (np.arange(n) + 0.5) / n
    # The quantile function of the normal distribution, close enough for a shape.
    z = (middles**0.1349 - (1 - middles) ** 0.1349) / 0.1975
    widths = np.linspace(0.05, 2.0, 40)
    shapes = [np.exp(-width * z) for width in widths]
    fitting = [s for s in shapes if s[0] / s.sum() * total <= high]
    return spread(total, fitting[-1] if fitting else shapes[0], low, high)


def _unlisted_ids(taken: set[int], n: int, first: int, last: int) -> list[int]:
    free = [number for number in range(first, last + 1) if number not in taken]
    return [free[i * len(free) // n] for i in range(n)]


def _kiosks(facts: PurchaseMargins) -> tuple[Ints, Ints]:
    listed = [k for k, _ in facts.top_kiosks]
    named = sorted({k for k, *_ in facts.kiosk_products} - set(listed))
    n_rest = facts.n_kiosks - len(listed)
    rest_units = facts.units - sum(n for _, n in facts.top_kiosks)
    rest = _sizes(rest_units, n_rest, 1, facts.top_kiosks[-1][1] - 1)
    others = _unlisted_ids(set(listed + named), n_rest - len(named), 1, 1199)
    ids = np.array(listed + named + others)
    return ids, np.concatenate([[n for _, n in facts.top_kiosks], rest])


def _cards(facts: PurchaseMargins) -> tuple[Ints, int]:
    listed = [n for _, n in facts.top_cards]
    units = facts.units - facts.units_without_card - sum(listed)
    n_rest = facts.n_cards - len(listed)
    rest = _sizes(units, n_rest, 1, listed[-1] - 1)
    n_listed = max(card for card, *_ in facts.card_products)
    return np.concatenate([listed, rest, [facts.units_without_card]]), n_listed


def _products(facts: PurchaseMargins) -> list[tuple[int, int, int]]:
    """(product, units, category) of every product."""
    room = dict(facts.categories)
    room[facts.categories[0][0]] += room.pop(MISCODED_CATEGORY)
    products = []
    for product, units in facts.top_products + facts.bottom_products:
        if product in _UNCATEGORIZED_BOTTOM:
            products.append((product, units, NO_CATEGORY))
            continue
        exact = [c for c, free in room.items() if free == units]
        category = exact[0] if exact else max(room, key=lambda c: room[c])
        room[category] -= units
        products.append((product, units, category))
    uncategorized = facts.units_without_category - sum(
        n for _, n, c in products if c == NO_CATEGORY
    )
    products.append((_UNCATEGORIZED, uncategorized, NO_CATEGORY))
    return products + _unlisted_products(facts, room, {p for p, *_ in products})


def _unlisted_products(
    facts: PurchaseMargins, room: dict[int, int], taken: set[int]
) -> list[tuple[int, int, int]]:
    low, high = facts.bottom_products[0][1] + 1, facts.top_products[-1][1] - 1
    slots = sorted(_slots(facts.n_products - len(taken), room, low, high), reverse=True)
    needs = dict.fromkeys((p for _, p, _ in facts.kiosk_products), 0)
    for _, product, units in facts.card_products:
        needs[product] = max(needs.get(product, 0), 3 * units)
    for product in {p for p, *_ in facts.product_times}:
        # Both other times of day have to stay under the published list.
        units = sum(n for p, _, n in facts.product_times if p == product)
        needs[product] = max(needs.get(product, 0), round(1.4 * units))
    named = sorted(set(needs) - taken, key=lambda p: (-needs[p], p))
    ids = named + _unlisted_ids(taken | set(named), len(slots) - len(named), 2340, 6130)
    return [(p, units, c) for p, (units, c) in zip(ids, slots, strict=True)]


def _slots(
    n_slots: int, room: dict[int, int], low: int, high: int
) -> list[tuple[int, int]]:
    """(units, category) of products that fill up every category exactly."""
    free = {category: units for category, units in room.items() if units}
    fewest = {c: -(-units // high) for c, units in free.items()}
    extra = apportion(
        [units if units >= 4 * high // 10 else 0 for units in free.values()],
        n_slots - sum(fewest.values()),
    )
    slots = []
    for (category, units), more in zip(free.items(), extra, strict=True):
        n = fewest[category] + int(more)
        slots += [(int(u), category) for u in _sizes(units, n, low, high)]
    return slots


def _with_gap(cells: list[Cell], expected: Ints) -> list[Cell]:
    """Add the cells whose ranks were cut out of a published list of a hundred."""
    order = [n for *_, n in cells]
    above, below = order[29], order[30]
    open_cells = expected.astype(np.float64)
    for row, column, _ in cells:
        if column < open_cells.shape[1]:
            open_cells[row, column] = -1
    best = np.argsort(-open_cells, axis=None, kind="stable")[:_GAP]
    values = np.linspace(above - 1, below + 1, _GAP).astype(np.int64)
    rows, columns = np.unravel_index(best, open_cells.shape)
    more = zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True)
    return cells + list(more)


def _times(facts: PurchaseMargins, product_of: dict[int, int], units: Ints) -> Ints:
    """Units of each product by time of day: published cells, published totals."""
    totals = np.array([facts.times_of_day[t] for t in TIMES_OF_DAY])
    low = np.zeros((units.size, 3), dtype=np.int64)
    order = [n for *_, n in facts.product_times]
    high = np.full_like(low, order[-1] - 1)
    settled = np.zeros(low.shape, dtype=bool)
    for product, time, n in facts.product_times:
        cell = product_of[product], TIMES_OF_DAY.index(time)
        low[cell] = high[cell] = n
        settled[cell] = True
    _open_gap(units, totals, settled, low, high, (order[30] + 1, order[29] - 1))
    return _fill(units, totals, low, high)


def _open_gap(
    units: Ints,
    totals: Ints,
    settled: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    low: Ints,
    high: Ints,
    gap: tuple[int, int],
) -> None:
    """Let exactly forty cells lie in the gap of the published list."""
    rest = units - np.where(settled, low, 0).sum(axis=1)
    shares = np.where(settled, 0.0, totals / totals.sum())
    wish = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-9) * rest[:, None]
    for _ in range(_GAP):
        # First rows that do not fit without, then where the natural figure is high.
        short = units - high.sum(axis=1)
        score = np.where(settled | (low == gap[0]), -1.0, wish)
        score += np.where((short > 0)[:, None] & (score >= 0), 1e6, 0.0)
        cell = np.unravel_index(int(np.argmax(score)), score.shape)
        low[cell], high[cell] = gap


def _fill(units: Ints, totals: Ints, low: Ints, high: Ints) -> Ints:
    """A table between `low` and `high` with these row and column sums."""
    table = low.copy()
    for row, n in enumerate(units):
        room = high[row] - low[row]
        need = int(n - low[row].sum())
        wish = np.minimum(np.round(totals / totals.sum() * need).astype(np.int64), room)
        for column in np.argsort(-(room - wish), kind="stable"):
            step = np.clip(need - wish.sum(), -wish[column], room[column] - wish[column])
            wish[column] += step
        table[row] += wish
    for _ in range(100):
        surplus = table.sum(axis=0) - totals
        source, target = int(np.argmax(surplus)), int(np.argmin(surplus))
        move = int(min(surplus[source], -surplus[target]))
        if not move:
            return table
        slack = np.minimum(table[:, source] - low[:, source], (high - table)[:, target])
        moved = np.minimum(slack, apportion(slack, min(move, int(slack.sum()))))
        table[:, source] -= moved
        table[:, target] += moved
    raise ValueError("the published times of day do not fit the products")
