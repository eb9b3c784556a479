"""Purchases at kiosks, as increments: who bought what, where, and when."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from demo.catalog import MISCODED_CATEGORY, NO_CATEGORY, TIMES_OF_DAY, Catalog, catalog
from demo.files import DeliveryFile, Extra, copy_out, load
from demo.margins import Cell, Floats, Ints, near, pair_up, published, scaled
from demo.truth import Fault, Truth

HEADER = ("kiosk_id", "product_id", "card_hash", "date_time", "fc_number")
DAY = 86_400
Arrays = dict[str, Ints]
FIRST_DAY = date(2017, 9, 27)
FIRST = int(datetime(2017, 9, 27, 7, 7, 36, tzinfo=UTC).timestamp())
LAST = int(datetime(2018, 9, 25, 21, 34, 46, tzinfo=UTC).timestamp())
WINTER = int(datetime(2017, 11, 5, 9, tzinfo=UTC).timestamp())
SUMMER = int(datetime(2018, 3, 11, 10, tzinfo=UTC).timestamp())
# Weights of the hours of the UTC day: most purchases fall in the local working day.
_HOURS = np.array(
    [
        *(10, 7, 5, 4, 3, 2.5, 2, 1.2, 0.6, 0.5, 0.6, 1, 2),
        *(3, 7, 11, 12, 11),
        *(10, 13, 14, 12, 11, 9),
    ]
)
_BINS = ((0, 13), (13, 18), (18, 24))
_HOLIDAYS = {(11, 23), (12, 25), (1, 1), (5, 28), (7, 4), (9, 3)}
_WEEKDAYS = (5.4, 5.5, 5.6, 5.5, 4.9, 1.15, 0.95)


@dataclass(frozen=True)
class Increment:
    """One file: its last local day, how it writes categories, what it sends again.

    `resent_days` is how many days of the increment before it the file holds again.
    """

    name: str
    last_day: date
    category_suffix: str
    resent_days: int = 0

    @property
    def end(self) -> int:
        """The instant at which the last day is over."""
        midnight = datetime(*self.last_day.timetuple()[:3], tzinfo=UTC)
        summer = not date(2017, 11, 5) <= self.last_day < date(2018, 3, 11)
        return int((midnight + timedelta(days=1, hours=7 if summer else 8)).timestamp())


@dataclass(frozen=True)
class Lives:
    """First and last day on which each kiosk and each product sells, from 0."""

    kiosk: tuple[Ints, Ints]
    product: tuple[Ints, Ints]
    day_ends: Floats


INCREMENTS = (
    Increment("purchases_2017-11-14.csv", date(2017, 11, 14), ""),
    Increment("purchases_2017-12-31.csv", date(2017, 12, 31), ".0", resent_days=2),
    Increment("purchases_2018-02-15.csv", date(2018, 2, 15), ".0", resent_days=3),
    Increment("purchases_2018-03-31.csv", date(2018, 3, 31), ""),
    Increment("purchases_2018-05-15.csv.gz", date(2018, 5, 15), ".0"),
    Increment("purchases_2018-06-30.csv.gz", date(2018, 6, 30), ""),
    Increment("purchases_2018-08-15.zip", date(2018, 8, 15), ".0"),
    Increment("purchases_2018-09-25.zip", date(2018, 9, 25), ""),
)
SENT_TWICE = "purchases_2018-03-31.csv"
SENT_AGAIN_AS = "purchases_2018-03-31_copy.csv"
_CARD = "QnJvY2NvbGkgaXMgbm90IGEgY2FyZCBidXQgdGhpcyBsaW5lIGlzIG5vIHB1cmNoYXNlIGVpdGhlci4="
_EXTRAS = {
    "purchases_2017-11-14.csv": (
        Extra("108,2457", "rejected", "too_few_fields"),
        Extra("", "blank", "blank_line"),
        Extra(f"108,2457,{_CARD},yesterday,20", "set_aside", "unreadable_time"),
    ),
    "purchases_2018-02-15.csv": (
        Extra(
            f"108,2457,{_CARD},2018-01-16 12:06:36-08,20.0,1",
            "rejected",
            "too_many_fields",
        ),
        Extra(f",2457,{_CARD},2018-01-16 12:06:36-08,20.0", "set_aside", "missing_kiosk"),
        Extra(f'108,"24"57,{_CARD},2018-01-16 12:06:36-08,20.0', "rejected", "stray_quote"),
    ),
    "purchases_2018-08-15.zip": (
        Extra(
            f"108,2457,{_CARD},2018-07-45 12:06:36-07,20.0",
            "set_aside",
            "unreadable_time",
        ),
    ),
}
_SELECT = """
    select
        kiosk_id,
        product_id,
        card_hash,
        strftime(make_timestamp((instant + utc_offset) * 1000000), '%Y-%m-%d %H:%M:%S')
            || case when utc_offset = -25200 then '-07' else '-08' end,
        cast(nullif(category, -1) as varchar) || $suffix
    from sold
    where instant >= $first and instant < $last
"""
_SOLD = """
    create table sold as
    select * from units left join cards using (card) order by unit
"""
# Cards of the published lists are the same whatever the seed and the tile.
_CARDS = """
    create table cards as
    select
        card,
        to_base64(unhex(sha256('left ' || name) || sha256('right ' || name))) as card_hash
    from (
        select
            range as card,
            case when range >= $n_listed then $prefix else 'listed' end || range as name
        from range($n_cards)
    )
"""


def write_purchases(out: Path, work: Path, truth: Truth, tiles: list[float]) -> None:
    """Write the increments of the feed, and say in the truth what they hold."""
    folder = out / "purchases"
    files = [
        DeliveryFile(folder / i.name, HEADER, member=i.name.replace(".zip", ".csv"))
        for i in INCREMENTS
    ]
    newest = [0] * len(INCREMENTS)
    for tile, share in enumerate(tiles):
        units, _ = make_units(np.random.default_rng((truth.seed, 1, tile)), share)
        with duckdb.connect() as warehouse:
            load(warehouse, "units", units)
            _make_cards(warehouse, truth.seed, tile)
            warehouse.execute(_SOLD)
            for i, (first, last) in enumerate(_spans()):
                parameters = {
                    "first": first,
                    "last": last,
                    "suffix": INCREMENTS[i].category_suffix,
                }
                n = copy_out(warehouse, _SELECT, work / "part", parameters)
                extras = () if tile else _EXTRAS.get(INCREMENTS[i].name, ())
                files[i].add(work / "part", n, extras)
        _add_truth(truth, units)
        for i, (_, last) in enumerate(_spans()):
            before = units["instant"][units["instant"] < last]
            newest[i] = max(newest[i], int(before.max(initial=0)))
    for file, seconds in zip(files, newest, strict=True):
        as_of = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
        truth.deliveries.append(file.close(out, "purchases", "kiosk_export", as_of))
        truth.faults.extend(file.faults(out))
    _send_again(out, truth)


def _add_truth(truth: Truth, units: Arrays) -> None:
    """Count what the increments hold, and what is awkward about it."""
    instant, category = units["instant"], units["category"]
    columns = (units[name] for name in ("instant", "card", "kiosk_id", "product_id"))
    alike = np.all([np.diff(column) == 0 for column in columns], axis=0)
    counts = {
        "units": instant.size,
        "units_like_another": int(alike.sum()),
        "units_without_card": int((units["card"] == catalog().card_units.size - 1).sum()),
        "units_without_category": int((category == NO_CATEGORY).sum()),
    }
    truth.add(truth.purchases, counts)
    for i, (first, last) in enumerate(_spans()):
        inside = (instant >= first) & (instant < last)
        resent = int((inside & (instant < (INCREMENTS[i - 1].end if i else 0))).sum())
        truth.add(truth.purchases, {"resent_units": resent})
        floats = inside.sum() if INCREMENTS[i].category_suffix else 0
        miscoded = (inside & (category == MISCODED_CATEGORY)).sum()
        faults = {
            "sent_before": (resent, "units that the increment before held"),
            "float_category": (int(floats), "category written as 20.0"),
            "miscoded_category": (int(miscoded), "a unit not of its product's category"),
        }
        truth.add_faults(f"purchases/{INCREMENTS[i].name}", faults)


def _send_again(out: Path, truth: Truth) -> None:
    """Deliver the bytes of one increment once more, under another name."""
    sent = out / "purchases" / SENT_TWICE
    again = sent.with_name(SENT_AGAIN_AS)
    shutil.copyfile(sent, again)
    first = next(d for d in truth.deliveries if d.file.endswith(SENT_TWICE))
    name = again.relative_to(out).as_posix()
    truth.deliveries.append(replace(first, file=name, status="seen_again"))
    what = f"the bytes of {SENT_TWICE} under another name"
    truth.faults.append(Fault("sent_again", name, first.records, what))


def _spans() -> Iterator[tuple[int, int]]:
    """The instants [first, last) of each increment, what it sends again included."""
    end = FIRST
    for increment in INCREMENTS:
        yield end - increment.resent_days * DAY, increment.end
        end = increment.end


def _make_cards(warehouse: duckdb.DuckDBPyConnection, seed: int, tile: int) -> None:
    known = catalog()
    parameters = {
        "n_listed": known.n_listed_cards,
        "n_cards": known.card_units.size - 1,
        "prefix": f"seed {seed} tile {tile} card ",
    }
    warehouse.execute(_CARDS, parameters)


# ---------------------------------------------------------------- units sold


def make_units(rng: np.random.Generator, share: float) -> tuple[Arrays, Lives]:
    """The units of one tile, by time: kiosk, product, card, instant, category.

    Beside them from which day to which each kiosk and each product sells.

    Args:
        rng: where everything comes from that was not published.
        share: the tile's size, at most 1: the whole of the published year.
    """
    known = catalog()
    product, kiosk, card, time = _who_what_where(rng, known, share)
    lives = _lives(rng, known)
    instant = _instants(rng, lives, product, kiosk, card, time)
    order = np.lexsort((product, kiosk, card, instant))
    product, instant = product[order], instant[order]
    units = {
        "unit": np.arange(product.size),
        "kiosk_id": known.kiosk_ids[kiosk[order]],
        "product_id": known.product_ids[product],
        "card": card[order],
        "instant": instant,
        "utc_offset": np.where((instant >= WINTER) & (instant < SUMMER), -8, -7) * 3600,
        "category": _categories(known, product, share),
    }
    return units, lives


def _who_what_where(
    rng: np.random.Generator, known: Catalog, share: float
) -> tuple[Ints, Ints, Ints, Ints]:
    """Product, kiosk, card and time of day of each unit, with the published counts."""
    products = scaled(known.product_units, share)

    def cells(settled: list[Cell]) -> list[Cell]:
        return [(row, column, int(n * share)) for row, column, n in settled]

    whole = share == 1
    kiosks = scaled(known.kiosk_units, share)
    cards = scaled(known.card_units, share)
    times = scaled(known.product_times.sum(axis=0), share)
    at = pair_up(
        rng,
        products,
        kiosks,
        cells(known.kiosk_cells),
        known.kiosk_limit if whole else None,
    )
    tastes = rng.random(known.product_units.size), rng.random(cards.size)
    by = pair_up(
        rng,
        products,
        cards,
        cells(known.card_cells),
        known.card_limit if whole else None,
        tastes,
    )
    when = pair_up(rng, products, times, cells(_all_cells(known.product_times)))
    # Within a product kiosks and cards meet so that a card has a kiosk it prefers.
    street = (np.cumsum(kiosks) - kiosks / 2) / max(int(kiosks.sum()), 1)
    homes = rng.random(cards.size)
    kiosk = at[1][np.lexsort((near(rng, street[at[1]]), at[0]))]
    card_order = np.lexsort((near(rng, homes[by[1]]), by[0]))
    time = when[1][np.lexsort((rng.random(when[0].size), when[0]))]
    return by[0][card_order], kiosk, by[1][card_order], time


def _all_cells(table: Ints) -> list[Cell]:
    return [(int(r), int(c), int(table[r, c])) for r, c in np.argwhere(table)]


def _categories(known: Catalog, product: Ints, share: float) -> Ints:
    """The category of each unit follows its product, but for one miscoded unit."""
    categories = known.product_categories[product]
    if share == 1:
        first = published().purchases.categories[0][0]
        categories[np.flatnonzero(categories == first)[0]] = MISCODED_CATEGORY
    return categories


# ---------------------------------------------------------------- times


def _lives(rng: np.random.Generator, known: Catalog) -> Lives:
    days = [FIRST_DAY + timedelta(days=i) for i in range(364)]
    weights = np.array([_WEEKDAYS[d.weekday()] for d in days])
    weights *= 1 + 0.25 * np.linspace(-1, 1, len(days))
    weights[[i for i, d in enumerate(days) if (d.month, d.day) in _HOLIDAYS]] *= 0.25

    def some(n: int, share: float) -> tuple[Ints, Ints]:
        opens = np.where(rng.random(n) < share, rng.integers(0, 200, n), 0)
        closes = np.where(rng.random(n) < share, rng.integers(230, 364, n), 363)
        return opens, closes

    return Lives(
        some(known.kiosk_ids.size, 0.2),
        some(known.product_ids.size, 0.25),
        np.cumsum(weights) / weights.sum(),
    )


def _instants(
    rng: np.random.Generator,
    lives: Lives,
    product: Ints,
    kiosk: Ints,
    card: Ints,
    time: Ints,
) -> Ints:
    """When each unit was bought; units of one visit share the instant."""
    opens = np.maximum(lives.kiosk[0][kiosk], lives.product[0][product])
    closes = np.minimum(lives.kiosk[1][kiosk], lives.product[1][product])
    never = opens > closes
    opens = np.where(never, lives.kiosk[0][kiosk], opens)
    closes = np.where(never, lives.kiosk[1][kiosk], closes)
    starts = np.concatenate([[0.0], lives.day_ends])
    low, high = starts[opens], starts[closes + 1]
    drawn = low + (high - low) * rng.random(product.size)
    day = np.minimum(np.searchsorted(lives.day_ends, drawn), 363)
    instant = _seconds(rng, day, time)
    # One visit: same card, kiosk and time of day, and both products on sale that day.
    order = np.lexsort((product, time, kiosk, card))
    starts_visit = np.ones(order.size, dtype=bool)
    alike = np.ones(order.size - 1, dtype=bool)
    for column in (time, kiosk, card):
        alike &= np.diff(column[order]) == 0
    starts_visit[1:] = ~alike | (rng.random(alike.size) > 0.35)
    leader = order[np.maximum.accumulate(np.where(starts_visit, np.arange(order.size), 0))]
    on_sale = (day[leader] >= opens[order]) & (day[leader] <= closes[order])
    leader = np.where(on_sale, leader, order)
    visited = np.empty_like(instant)
    visited[order] = instant[leader]
    return _pinned(visited, time)


def _seconds(rng: np.random.Generator, day: Ints, time: Ints) -> Ints:
    """The instant within the UTC time of day that falls on this local day."""
    ends = np.cumsum(_HOURS) / _HOURS.sum()
    edges = np.concatenate([[0.0], ends])
    low = edges[[first for first, _ in _BINS]][time]
    high = edges[[last for _, last in _BINS]][time]
    drawn = low + (high - low) * rng.random(day.size)
    hour = np.clip(np.searchsorted(ends, drawn), 0, 23)
    for number, (first, last) in enumerate(_BINS):
        hour = np.where(time == number, np.clip(hour, first, last - 1), hour)
    second = hour * 3600 + rng.integers(0, 3600, day.size)
    # The local day begins at 7 or 8 in UTC.
    midnight = FIRST // DAY * DAY
    instant: Ints = midnight + (day + (second < 8 * 3600)) * DAY + second
    return instant


def _pinned(instant: Ints, time: Ints) -> Ints:
    """Keep within the published year, and meet its first and last instant."""
    instant = np.where(instant < FIRST, instant + DAY, instant)
    while (late := instant > LAST).any():
        instant = np.where(late, instant - DAY, instant)
    morning = np.flatnonzero(time == TIMES_OF_DAY.index("Morning"))
    evening = np.flatnonzero(time == TIMES_OF_DAY.index("Evening"))
    if morning.size and evening.size:
        instant[morning[np.argmin(instant[morning])]] = FIRST
        instant[evening[np.argmax(instant[evening])]] = LAST
    return instant
