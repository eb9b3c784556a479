"""Published counts, and the integer arithmetic that keeps to them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Table = dict[str, list[int]]
Cell = tuple[int, int, int]


@dataclass(frozen=True)
class PurchaseMargins:
    """Published counts of kiosk purchases; cards are numbered by rank, from 1."""

    units: int
    n_kiosks: int
    n_products: int
    n_cards: int
    units_without_card: int
    units_without_category: int
    times_of_day: dict[str, int]
    top_products: list[tuple[int, int]]
    bottom_products: list[tuple[int, int]]
    categories: list[tuple[int, int]]
    top_kiosks: list[tuple[int, int]]
    top_cards: list[tuple[int, int]]
    kiosk_products: list[Cell]
    card_products: list[Cell]
    product_times: list[tuple[int, str, int]]


@dataclass(frozen=True)
class RequestMargins:
    """Published counts of service requests per month; `rows` counts one row more."""

    rows: int
    months: list[str]
    statuses: Table
    sources: Table
    types: Table


@dataclass(frozen=True)
class AccidentMargins:
    """Published counts of accident offense records per reported month."""

    rows: int
    months: list[str]
    categories: Table
    districts: Table
    top_precincts: Table
    top_neighborhoods: Table


@dataclass(frozen=True)
class Margins:
    """Everything that was published about the three sources."""

    purchases: PurchaseMargins
    service_requests: RequestMargins
    accidents: AccidentMargins


@cache
def published() -> Margins:
    """The published counts, from `margins.json`."""
    path = Path(__file__).with_name("margins.json")
    facts = json.loads(path.read_text(encoding="utf-8"))
    return Margins(
        PurchaseMargins(**facts["purchases"]),
        RequestMargins(**facts["service_requests"]),
        AccidentMargins(**facts["accidents"]),
    )


def apportion(weights: ArrayLike, total: int) -> Ints:
    """Split a total by weights into whole numbers, by largest remainder.

    Ties go to the earlier weight, so that the result is one and the same everywhere.
    """
    shares = np.asarray(weights, dtype=np.float64)
    if total == 0 or shares.sum() == 0:
        return np.zeros(shares.shape, dtype=np.int64)
    quotas: Floats = (shares * total / shares.sum()).ravel()
    counts: Ints = np.floor(quotas).astype(np.int64)
    rest = np.argsort(counts - quotas, kind="stable")
    counts[rest[: total - int(counts.sum())]] += 1
    return counts.reshape(shares.shape)


def scaled(counts: ArrayLike, scale: float) -> Ints:
    """Counts at another scale, by largest remainder."""
    whole = np.asarray(counts, dtype=np.int64)
    return apportion(whole, round(int(whole.sum()) * scale))


def spread(total: int, weights: Floats, low: int, high: int) -> Ints:
    """Split a total by weights into whole numbers that all lie in [low, high]."""
    if not low * weights.size <= total <= high * weights.size:
        raise ValueError(f"{total} does not fit {weights.size} x [{low}, {high}]")
    smallest, largest = 0.0, high / float(weights.min())
    for _ in range(200):
        factor = (smallest + largest) / 2
        counts = np.clip(np.floor(weights * factor), low, high)
        if counts.sum() > total:
            largest = factor
        else:
            smallest = factor
    counts = np.clip(np.floor(weights * smallest), low, high).astype(np.int64)
    while missing := total - int(counts.sum()):
        counts[np.flatnonzero(counts < high)[:missing]] += 1
    return counts


def pair_up(
    rng: np.random.Generator,
    rows: Ints,
    columns: Ints,
    fixed: Sequence[Cell],
    limit: int | None = None,
    order: tuple[Floats, Floats] | None = None,
) -> tuple[Ints, Ints]:
    """Units of a table with these row and column sums: the row and column of each.

    Args:
        rng: where the rest of the table is drawn from.
        rows: how many units each row has.
        columns: how many units each column has.
        fixed: cells (row, column, units) that have exactly these units.
        limit: the most units of any other cell.
        order: a place in [0, 1] for each row and each column; units of near ones
            pair up more often. None pairs them at random.
    """
    settled = np.array(fixed, dtype=np.int64).reshape(-1, 3)
    left = rows - np.bincount(settled[:, 0], settled[:, 2], rows.size).astype(np.int64)
    right = columns - np.bincount(settled[:, 1], settled[:, 2], columns.size).astype(
        np.int64
    )
    row = np.repeat(np.arange(rows.size), left)
    column = np.repeat(np.arange(columns.size), right)
    if order is None:
        column = rng.permutation(column)
    else:
        row = row[np.argsort(near(rng, order[0][row]))]
        column = column[np.argsort(near(rng, order[1][column]))]
    _keep_within(rng, row, column, rows.size, settled, limit)
    return (
        np.concatenate([np.repeat(settled[:, 0], settled[:, 2]), row]),
        np.concatenate([np.repeat(settled[:, 1], settled[:, 2]), column]),
    )


def near(rng: np.random.Generator, places: Floats) -> Floats:
    """Where units go: half of them stay near their place, the others go anywhere."""
    stays = rng.random(places.size) < 0.5
    return np.where(
        stays, places + rng.normal(0, 0.02, places.size), rng.random(places.size)
    )


def _keep_within(
    rng: np.random.Generator,
    row: Ints,
    column: Ints,
    n_rows: int,
    settled: Ints,
    limit: int | None,
) -> None:
    """Exchange columns between units, in place, until no cell holds too many."""
    most = row.size if limit is None else limit
    n_columns = int(max(column.max(initial=0), settled[:, 1].max(initial=0))) + 1
    # Only columns with more units than a cell may hold, or with fixed cells, matter.
    matters = np.bincount(column, minlength=n_columns) > most
    matters[settled[:, 1]] = True
    number = np.cumsum(matters) - 1
    limits = np.full(n_rows * int(matters.sum()), most)
    limits[settled[:, 0] * int(matters.sum()) + number[settled[:, 1]]] = 0
    for _ in range(1000):
        units = np.flatnonzero(matters[column])
        cells = row[units] * int(matters.sum()) + number[column[units]]
        by_cell = np.argsort(cells, kind="stable")
        cells = cells[by_cell]
        place = np.arange(cells.size) - np.searchsorted(cells, cells)
        surplus = units[by_cell][place >= limits[cells]]
        if not surplus.size:
            return
        others = np.setdiff1d(rng.integers(0, row.size, 2 * surplus.size), surplus)
        others = rng.permutation(others)[: surplus.size]
        surplus = rng.permutation(surplus)[: others.size]
        column[surplus], column[others] = column[others], column[surplus]


def deal(
    rng: np.random.Generator,
    groups: Ints,
    table: Ints,
    place: Floats | None = None,
    label_place: Floats | None = None,
) -> Ints:
    """Give each unit a label so that each group has exactly its counts of labels.

    Args:
        rng: for the order within a group.
        groups: the group of each unit; as many per group as its counts sum up to.
        table: counts, one row a label, one column a group.
        place: where a unit stands (any number); near labels go to near units.
        label_place: where a label stands, on the same line.
    """
    n_labels, n_groups = table.shape
    labels = np.tile(np.arange(n_labels), n_groups).repeat(table.T.ravel())
    label_groups = np.repeat(np.arange(n_groups), table.sum(axis=0))
    if place is None or label_place is None:
        units = np.lexsort((rng.random(groups.size), groups))
    else:
        labels = labels[np.lexsort((label_place[labels], label_groups))]
        units = np.lexsort((place, groups))
    dealt = np.empty(groups.size, dtype=np.int64)
    dealt[units] = labels
    return dealt
