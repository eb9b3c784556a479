"""Denver service requests, as five whole windows of a year that overlap."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from demo.files import LINE_BREAK, DeliveryFile, Extra, copy_out, load
from demo.margins import Bools, Floats, Ints, Table, apportion, deal, published, scaled
from demo.places import neighborhoods, points_in
from demo.truth import MAX_EXAMPLES, Truth

DAY = 86_400
WINDOW_DAYS = 366
COLUMNS = (
    *("Case Summary", "Case Status", "Case Source", "Case Created Date"),
    *("Case Created dttm", "Case Closed Date", "Case Closed dttm"),
    *("First Call Resolution", "Customer Zip Code", "Incident Address 1"),
    *("Incident Address 2", "Incident Intersection 1", "Incident Intersection 2"),
    *("Incident Zip Code", "Longitude", "Latitude", "Agency", "Division"),
    *("Major Area", "Type", "Topic", "Council District", "Police District"),
    "Neighborhood",
)
Arrays = dict[str, Ints]


@dataclass(frozen=True)
class Window:
    """One delivery: its last day, and how that vintage writes."""

    name: str
    last_day: date
    encoding: str
    spell: Callable[[str], str]
    bom: bool = False
    quoted: bool = False
    null: str = ""
    has_object_id: bool = False
    older_labels: bool = False
    is_newest_layout: bool = False

    @property
    def end(self) -> int:
        """The last second, as a wall clock counted from 1970."""
        return _seconds(self.last_day) + DAY - 1

    @property
    def start(self) -> int:
        """The first second that the window covers."""
        if self.is_newest_layout:
            return LAST.start
        return _seconds(self.last_day - timedelta(days=WINDOW_DAYS))

    @property
    def layout(self) -> str:
        """The layout's name in feeds.yml."""
        return "with_objectid" if self.has_object_id else "open_data_24"


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


WINDOWS = (
    Window(
        "311_service_requests_2016-09-14.csv",
        date(2016, 9, 14),
        "cp1252-via-cp850",
        str,
        older_labels=True,
    ),
    Window(
        "311_service_requests_2016-09-23.csv",
        date(2016, 9, 23),
        "utf-8",
        lambda name: name.upper().replace(" ", "_"),
        bom=True,
    ),
    Window(
        "311_service_requests_2016-10-03.csv.gz",
        date(2016, 10, 3),
        "cp1252",
        lambda name: name.replace(" ", "_"),
        quoted=True,
        has_object_id=True,
    ),
    Window(
        "311_service_requests_2016-10-12.zip",
        date(2016, 10, 12),
        "utf-8",
        lambda name: name.upper().replace(" ", "_"),
        null="null",
    ),
)
LAST = WINDOWS[-1]
# The layout of later years, as it is exported the day before the last window: it tells
# the same requests as those about it, but neither their type nor their neighborhood.
NEWEST = Window(
    "311_service_requests_2016-10-11.csv.gz",
    date(2016, 10, 11),
    "utf-8",
    lambda name: name.replace(" ", "_"),
    has_object_id=True,
    is_newest_layout=True,
)
# Each file with the bits of the windows that hold what it holds.
FILES = (*((window, 1 << i) for i, window in enumerate(WINDOWS)), (NEWEST, 0b1100))
_IN_ORDER = (*FILES[:3], FILES[4], FILES[3])
_FIRST_DAY = date(2015, 9, 14)
_OLDER = 0.068  # requests before the last window, for one inside it
_OPEN = {
    *("New", "Intake", "Routed to Agency", "Re-Routed", "In-Progress", "Escalated"),
    *("Re-Opened", "Customer Updated", "Waiting on Customer", "On Hold (Internal)"),
}
_EARLIER = ("New", "Routed to Agency", "In-Progress")
_MASS_CLOSE = _seconds(date(2016, 9, 26)) + DAY - 1
# The hour 2016-03-13 02:00 does not exist.
_GAP = _seconds(date(2016, 3, 13)) + 2 * 3600
_HOURS = np.array(
    [
        *(1, 0.6, 0.4, 0.3, 0.4, 1, 3, 20, 60, 72, 72, 66),
        *(58, 62, 64, 58, 46, 18, 9, 7, 6, 5, 3, 2),
    ]
)
# Where labels stand between a question answered at once and work on the ground.
_TYPE_PLACE = {"Complaint": 0.6, "Request": 1.0, "": 0.3, "DIA Case": 0.5}
_STATUS_PLACE = {
    "Closed - Answer Provided": 0.0,
    "Closed - Transfered to External Agency": 0.15,
    "Closed - Other": 0.3,
}
_SOURCE_PLACE = {"Phone": 0.2, "PocketGov": 1.0}


@dataclass(frozen=True)
class Case:
    """A summary text: whose it is, and how often it is asked for, by type."""

    summary: str
    agency: str
    inquiry: float
    complaint: float
    request: float
    days: float


QUOTE = "\u2019"  # the typographic apostrophe that earlier exports mangled
NO_BREAK_CASE, BROKEN_CASE = 0, 1
EXACT, SAME_IDENTITY = 1, 2
AMERICAN = "%m/%d/%Y %I:%M:%S %p"
CASES = (
    Case("Street sweeping\u00a0schedule", "Public Works", 0, 0, 0, 1),
    Case(f"Paint on wall,{LINE_BREAK}garage and fence", "Public Works", 0, 0, 0, 5),
    Case(f"Mayor{QUOTE}s Office call back", "Mayor's Office", 1, 1, 1, 4),
    Case(f"President{QUOTE}s Day pick-up", "Public Works", 1, 1, 2, 2),
    Case("“Slow” sign wanted", "Public Works", 0.5, 0.5, 2, 12),
    Case("Plate renewal", "311", 20, 1, 1, 0.3),
    Case("New resident car papers", "311", 12, 0.5, 0.5, 0.3),
    Case("Title transfer", "311", 6, 0.5, 0.5, 0.4),
    Case(f"Other city{QUOTE}s matter", "External Agency", 5, 2, 1, 0.5),
    Case("Talk to an agent \u2013 transfer", "311", 8, 2, 2, 0.2),
    Case("Property tax bill", "Finance", 10, 1, 1, 1.2),
    Case("Vehicle purchase tax", "Finance", 7, 0.5, 0.5, 1),
    Case("Sales tax rate", "Finance", 5, 0.3, 0.3, 1.5),
    Case("Business permit", "Finance", 4, 0.5, 1, 2.5),
    Case("Missed trash", "Public Works", 2, 9, 14, 2.5),
    Case("Missed recycling", "Public Works", 1, 5, 8, 2.8),
    Case("Cart: new, broken, stolen", "Public Works", 1, 2, 10, 4),
    Case("Pothole", "Public Works", 1, 5, 12, 3.5),
    Case("Street light out", "Public Works", 1, 3, 5, 9),
    Case("Signal dark or blinking", "Public Works", 0.5, 3, 4, 1),
    Case("Illegal parking", "Public Works", 1, 8, 3, 2),
    Case("Abandoned vehicle", "Public Works", 0.5, 5, 4, 7),
    Case("Weeds over a foot", "Community Planning & Development", 0.5, 10, 3, 14),
    Case("Snow on sidewalk", "Community Planning & Development", 0.5, 6, 2, 4),
    Case("Fence or shed set-back", "Community Planning & Development", 1, 4, 1, 20),
    Case("Building permit", "Community Planning & Development", 3, 1, 2, 3),
    Case("Loose dog", "Public Health & Environment", 1, 6, 2, 1),
    Case("Animal shelter hours", "Public Health & Environment", 4, 0.3, 0.5, 0.2),
    Case("Noise at night", "Public Health & Environment", 0.5, 5, 0.5, 6),
    Case("Restaurant kitchen", "Public Health & Environment", 0.3, 3, 0.5, 8),
    Case("Park picnic site", "Parks & Recreation", 3, 0.5, 3, 2),
    Case("Tree limb down", "Parks & Recreation", 0.5, 2, 5, 6),
    Case("Ballot not arrived", "Clerk & Recorder", 3, 0.5, 2, 0.6),
    Case("Marriage record", "Clerk & Recorder", 3, 0.1, 1, 0.4),
    Case("Web page does not load", "Technology Services", 0.5, 1, 0.5, 3),
)
_STREETS = (
    *("Alder", "Birch", "Cedar", "Dogwood", "Elder", "Fern", "Grove", "Hazel"),
    *("Iris", "Juniper", "Kelp", "Larch", "Maple", "Nettle", "Oak", "Pine", "Quince"),
    *("Rose", "Sage", "Thistle", "Umber", "Vine", "Willow", "Yarrow"),
)
_ZIP_FAULTS = ("INDIA", "M5E1A6", "802111", "8020")


# ---------------------------------------------------------------- requests made


@dataclass(frozen=True)
class Labels:
    """The labels that codes stand for; '' is a label that is not given."""

    statuses: list[str]
    sources: list[str]
    types: list[str]


def labels() -> Labels:
    """The published labels, each list with a blank one at its end."""
    facts = published().service_requests
    return Labels(list(facts.statuses), [*facts.sources, ""], [*facts.types, ""])


def make_requests(rng: np.random.Generator, share: float, special: bool) -> Arrays:
    """The requests of one tile, older and withdrawn ones included.

    Args:
        rng: where everything comes from that was not published.
        share: the tile's size, at most 1: the whole of the published year.
        special: whether the request with a date-time in its date column is there.
    """
    made = _labelled(rng, share, special)
    made["created"] = _distinct(_created(rng, made.pop("month")))
    made["held"] = np.full(made["created"].size, 0b1111)
    made = _with_leavers(rng, made, share)
    made["case_number"] = _cases(rng, made)
    made |= _where(rng, made["created"])
    made |= _when_settled(rng, made)
    _with_faults(made)
    _pin_as_ofs(made)
    _make_alike(made, share)
    order = np.argsort(made["created"], kind="stable")
    made = {name: values[order] for name, values in made.items()}
    return made | {"request": np.arange(order.size)}


def _labelled(rng: np.random.Generator, share: float, special: bool) -> Arrays:
    """Month, status, source and type of the requests in the last window."""
    facts, known = published().service_requests, labels()
    status_table = scaled(_rows(facts.statuses), share)
    sizes = status_table.sum(axis=0)
    month = np.repeat(np.arange(sizes.size), sizes)
    kind = deal(rng, month, _fitted(facts.types, facts.statuses, sizes))
    place = _places(_TYPE_PLACE, known.types)[kind] + rng.normal(0, 0.25, kind.size)
    status_place = _places(_STATUS_PLACE, known.statuses, 0.9)
    status = deal(rng, month, status_table, place, status_place)
    place += rng.normal(0, 0.3, kind.size)
    source_place = _places(_SOURCE_PLACE, known.sources, 0.5)
    source_table = _fitted(facts.sources, facts.statuses, sizes)
    source = deal(rng, month, source_table, place, source_place)
    made = {"month": month, "status": status, "source": source, "type": kind}
    made["is_special"] = np.zeros(month.size, dtype=np.int64)
    if special:
        one = {
            "month": facts.months.index("2016-08"),
            "status": known.statuses.index("Closed - Answer Provided"),
            "source": known.sources.index(""),
            "type": known.types.index(""),
            "is_special": 1,
        }
        made = {name: np.append(values, one[name]) for name, values in made.items()}
    return made


def _rows(table: Table) -> Ints:
    return np.array(list(table.values()))


def _fitted(table: Table, whole: Table, sizes: Ints) -> Ints:
    """A published table with its left-out rows as last label, scaled to these months."""
    rows = _rows(table)
    rows = np.vstack([rows, _rows(whole).sum(axis=0) - rows.sum(axis=0)])
    months = [apportion(rows[:, i], int(n)) for i, n in enumerate(sizes)]
    return np.stack(months, axis=1)


def _places(known: dict[str, float], names: list[str], other: float = 0.0) -> Floats:
    return np.array([known.get(name, other) for name in names])


def _created(rng: np.random.Generator, month: Ints) -> Ints:
    """A moment in each month (numbered from 2015-10), inside the last window."""
    days = [date(2015, 10, 12) + timedelta(days=i) for i in range(WINDOW_DAYS + 1)]
    created = np.empty(month.size, dtype=np.int64)
    for number in np.unique(month):
        units = np.flatnonzero(month == number)
        year, calendar_month = divmod(9 + int(number), 12)
        inside = [d for d in days if (d.year, d.month) == (2015 + year, calendar_month + 1)]
        created[units] = _moments(rng, inside, units.size)
    return created


def _moments(rng: np.random.Generator, days: list[date], n: int) -> Ints:
    weights = np.array([1.0 if d.weekday() < 5 else 0.12 for d in days])
    day = rng.choice([_seconds(d) for d in days], n, p=weights / weights.sum())
    hour = rng.choice(24, n, p=_HOURS / _HOURS.sum())
    return day + hour * 3600 + rng.integers(0, 3600, n)


def _distinct(moments: Ints) -> Ints:
    """Move moments by seconds so that no two are the same and all exist."""
    moments = np.where((moments >= _GAP) & (moments < _GAP + 3600), moments + 3600, moments)
    order = np.argsort(moments, kind="stable")
    steps = np.arange(moments.size)
    distinct = np.empty_like(moments)
    distinct[order] = np.maximum.accumulate(moments[order] - steps) + steps
    return distinct


def _with_leavers(rng: np.random.Generator, made: Arrays, share: float) -> Arrays:
    """Add requests that only earlier windows hold, and let a few be absent once."""
    n = made["created"].size
    n_older = max(4, round(_OLDER * n))
    n_withdrawn = max(3, round(60 * share))
    days = (date(2015, 10, 11) - _FIRST_DAY).days + 1
    older = _moments(rng, [_FIRST_DAY + timedelta(days=i) for i in range(days)], n_older)
    inside = [date(2015, 11, 1) + timedelta(days=i) for i in range(300)]
    withdrawn = _moments(rng, inside, n_withdrawn)
    donors = rng.integers(0, n - 1, n_older + n_withdrawn)
    grown = {
        name: np.concatenate([values, values[donors]]) for name, values in made.items()
    }
    grown["created"][n:] = np.concatenate([older, withdrawn])
    grown["created"] = _distinct(grown["created"])
    grown["held"][n + n_older :] = np.array([0b0001, 0b0011, 0b0111])[
        np.arange(n_withdrawn) % 3
    ]
    early = np.flatnonzero(grown["created"][: n - 1] < _seconds(date(2016, 8, 1)))
    grown["held"][early[:: max(1, early.size // max(2, round(20 * share)))]] = 0b1101
    return grown


def _cases(rng: np.random.Generator, made: Arrays) -> Ints:
    """What each request is about, by its type; a few have awkward texts."""
    known = labels().types
    chosen = np.empty(made["type"].size, dtype=np.int64)
    for code, name in enumerate(known):
        units = np.flatnonzero(made["type"] == code)
        weights = np.array([_weight(case, name) for case in CASES])
        chosen[units] = rng.choice(len(CASES), units.size, p=weights / weights.sum())
    recent = np.flatnonzero(made["created"] > WINDOWS[0].end)
    chosen[recent[:: max(1, recent.size // 40)]] = NO_BREAK_CASE
    chosen[:: max(1, chosen.size // 60)] = BROKEN_CASE
    chosen[1:2] = next(i for i, c in enumerate(CASES) if QUOTE in c.summary)
    return chosen


def _weight(case: Case, type_name: str) -> float:
    if type_name in ("Complaint", "DIA Case"):
        return case.complaint
    return case.request if type_name == "Request" else case.inquiry


def _where(rng: np.random.Generator, created: Ints) -> Arrays:
    """Place, address, zips, coordinates, and how the coordinates are broken."""
    known, n = neighborhoods(), created.size
    people = known.populations**0.8
    place = rng.choice(people.size, n, p=people / people.sum())
    located = rng.random(n) < 0.45
    chance = rng.random(n)
    longitude, latitude = points_in(rng, place)
    whole = created < _seconds(date(2016, 1, 1))
    coordinates = np.select(
        [~located, chance < 0.03, whole, chance < 0.08, chance < 0.087],
        [0, 0, 2, 4, 3],
        default=1,
    )
    customer = rng.random(n)
    return {
        "place": place,
        "located": located.astype(np.int64),
        "named": (located & (rng.random(n) < 0.69)).astype(np.int64),
        "coordinates": coordinates,
        "longitude_e7": np.round(longitude * 1e7).astype(np.int64),
        "latitude_e7": np.round(latitude * 1e7).astype(np.int64),
        "house": rng.integers(1, 5600, n),
        "street": rng.integers(0, len(_STREETS), n),
        "cross_street": rng.integers(0, len(_STREETS), n),
        "at_corner": (rng.random(n) < 0.14).astype(np.int64),
        "zip_plus": rng.integers(1000, 9999, n),
        "zip_kind": np.searchsorted([0.001, 0.05, 0.21, 0.4], customer),
    }


def _when_settled(rng: np.random.Generator, made: Arrays) -> Arrays:
    """When each request reached its final state, and what it was before."""
    created, n = made["created"], made["created"].size
    names = labels()
    is_open = np.array([s in _OPEN for s in names.statuses])[made["status"]]
    days = np.array([case.days for case in CASES])[made["case_number"]]
    asked = np.array([t in ("Inquiry", "Inqury", "") for t in names.types])[made["type"]]
    at_once = rng.random(n) < np.where(asked, 0.75, 0.12)
    took = np.where(
        at_once,
        np.maximum(rng.exponential(240, n) - 60, 0),
        days * DAY * rng.lognormal(0, 1.1, n),
    )
    closed = created + took.astype(np.int64)
    dated = ~at_once & (rng.random(n) < 0.45)
    closed = np.where(dated, closed // DAY * DAY + DAY - 1, closed)
    swept = ~at_once & (rng.random(n) < 0.01) & (created < _MASS_CLOSE)
    closed = np.where(swept, _MASS_CLOSE, closed)
    left = rng.random(n) * np.maximum(LAST.end - created, 0)
    closed = np.where(closed > LAST.end, created + left.astype(np.int64), closed)
    closed = np.where((closed >= _GAP) & (closed < _GAP + 3600), closed + 3600, closed)
    changes = rng.random(n) < 0.3
    moved = np.where(changes, created + left.astype(np.int64), created)
    earlier = [names.statuses.index(status) for status in _EARLIER]
    return {
        "settled": np.where(is_open, moved, closed),
        "is_open": is_open.astype(np.int64),
        "earlier": np.array(earlier)[rng.integers(0, 3, n)],
        "first_call": (at_once & ~is_open).astype(np.int64),
    }


def _with_faults(made: Arrays) -> None:
    """Make a few closes contradict the creation or the status."""
    made["has_close"] = 1 - made["is_open"]
    ordinary = (made["held"] == 0b1111) & (made["created"] < WINDOWS[0].end - 9 * DAY)
    closed = np.flatnonzero(ordinary & (made["is_open"] == 0))[7:40:11]
    made["settled"][closed] = made["created"][closed] - 3600
    still_open = np.flatnonzero(ordinary & (made["is_open"] == 1))[:3]
    made["settled"][still_open] = made["created"][still_open] + DAY
    made["has_close"][still_open] = 1


def _pin_as_ofs(made: Arrays) -> None:
    """Let each window hold an event in its last second: its as-of is then known."""
    for window in WINDOWS:
        near = (made["created"] > window.end - 20 * DAY) & (made["created"] < window.end)
        near &= (made["is_open"] == 0) & (made["held"] == 0b1111)
        near &= ~np.isin(made["settled"], [w.end for w in WINDOWS])
        made["settled"][np.flatnonzero(near)[-1:]] = window.end


def _make_alike(made: Arrays, share: float) -> None:
    """Make some pairs equal in every column, others in all that never changes."""
    n_pairs = max(2, round(12 * share))
    changing = {"status", "type", "settled", "is_open", "earlier", "first_call"}
    free = (made["held"] == 0b1111) & (made["is_special"] == 0)
    free &= (made["created"] >= LAST.start) & (made["has_close"] == 1 - made["is_open"])
    free &= ~np.isin(made["settled"], [w.end for w in WINDOWS])
    month = made["created"].astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    made["pair"] = np.zeros(month.size, dtype=np.int64)
    for kind, keys, kept in (
        (EXACT, ("status", "source", "type"), set[str]()),
        (SAME_IDENTITY, ("source",), changing | {"has_close"}),
    ):
        columns = [*(made[key] for key in keys), month]
        order = np.flatnonzero(free)
        order = order[np.lexsort([column[order] for column in columns])]
        alike = np.all([np.diff(column[order]) == 0 for column in columns], axis=0)
        if kind == SAME_IDENTITY:
            alike &= np.diff(made["status"][order]) != 0
        first = np.flatnonzero(alike)
        first = first[:: max(2, first.size // n_pairs)][:n_pairs]
        first = first[np.diff(first, prepend=-2) > 1]
        source, target = order[first], order[first + 1]
        for name in made.keys() - kept:
            made[name][target] = made[name][source]
        late = np.maximum(made["settled"][target], made["created"][source])
        made["settled"][target] = late
        made["pair"][target] = kind
        free[source] = free[target] = False


# ---------------------------------------------------------------- files written

_TEXTS = """
    create table texts as
    select
        request,
        created,
        settled,
        held,
        has_close,
        first_call,
        is_special,
        strftime(make_timestamp(created * 1000000), '%m/%d/%Y %I:%M:%S %p') as created_text,
        strftime(make_timestamp(settled * 1000000), '%m/%d/%Y %I:%M:%S %p') as settled_text,
        $summaries[case_number + 1] as summary,
        $agencies[case_number + 1] as agency,
        $statuses[status + 1] as status,
        $statuses[earlier + 1] as earlier_status,
        nullif($sources[source + 1], '') as source,
        nullif($types[type + 1], '') as type,
        case zip_kind
            when 0 then $zip_faults[1 + house % len($zip_faults)]
            when 1 then null
            when 2 then '99999'
            when 3 then printf('80%d-%d', 201 + place % 50, zip_plus)
            else printf('80%d', 201 + place % 50)
        end as customer_zip,
        case when located = 1 and at_corner = 0 then printf(
            '%d %s %s St', house, ['N', 'S', 'E', 'W'][1 + house % 4], $streets[street + 1]
        ) end as address_1,
        case when located = 1 and at_corner = 0 and house % 20 = 0
            then printf('Apt %d', 1 + zip_plus % 30)
        end as address_2,
        case when located = 1 and at_corner = 1
            then $streets[street + 1] || ' St'
        end as intersection_1,
        case when located = 1 and at_corner = 1
            then 'E ' || $streets[cross_street + 1] || ' Ave'
        end as intersection_2,
        case when located = 1 then printf('80%d', 201 + place % 50)
            || case when zip_plus % 3 = 0 then '-' || zip_plus else '' end
        end as incident_zip,
        [
            null,
            printf('%.7f', longitude_e7 / 1e7),
            '-105',
            printf('%.7f', latitude_e7 / 1e7),
            '0'
        ][coordinates + 1] as longitude,
        [
            null,
            printf('%.7f', latitude_e7 / 1e7),
            '40',
            printf('%.7f', longitude_e7 / 1e7),
            '0'
        ][coordinates + 1] as latitude,
        case when named = 1 then 1 + place % 11 end as council_district,
        case when named = 1 then 1 + place % 7 end as police_district,
        case when named = 1 then $neighborhoods[place + 1] end as neighborhood
    from requests
"""
# A wall clock of Denver as milliseconds of the instant that it means.
_MILLISECONDS = """(
    {moment} + case
        when {moment} >= 1446343200 and {moment} < 1457838000 then 25200 else 21600
    end
) * 1000"""
_SELECT = """
    select
        {object_id}
        summary,
        {status},
        source,
        case is_special when 1 then created_text else left(created_text, 10) end,
        {created},
        case when is_closed then left(settled_text, 10) end,
        case when is_closed then {closed} end,
        case when is_settled and has_close = 1
            then case first_call when 1 then 'Y' else 'N' end
        end,
        customer_zip,
        address_1,
        address_2,
        intersection_1,
        intersection_2,
        incident_zip,
        longitude,
        latitude,
        {agency},
        null,
        null,
        {type},
        null,
        council_district,
        police_district,
        {neighborhood}
    from (
        select
            *,
            settled <= $end as is_settled,
            has_close = 1 and settled <= $end as is_closed
        from texts
        where created between $start and $end and (held & $bits) = $bits
    )
"""
_STATUS = "case when is_settled then status else earlier_status end"
_RENAMED = ("Public Health & Environment", "Parks & Recreation", "Technology Services")
_OLDER_AGENCY = """case agency
    when 'Public Health & Environment' then 'Environmental Health'
    when 'Parks & Recreation' then 'Parks & Rec'
    when 'Technology Services' then 'Tech Services'
    else agency
end"""


def _query(window: Window) -> str:
    """The rows of one window, in the way of its vintage."""
    if not window.has_object_id:
        return _SELECT.format(
            object_id="",
            status=_STATUS,
            created="created_text",
            closed="settled_text",
            agency=_OLDER_AGENCY if window.older_labels else "agency",
            type="type",
            neighborhood="neighborhood",
        )
    return _SELECT.format(
        object_id=f"(request * {7919 + 2 * window.is_newest_layout} + 13) % 10000000,",
        status=f"replace({_STATUS}, 'Transfered', 'Transferred')",
        created=_MILLISECONDS.format(moment="created"),
        closed=_MILLISECONDS.format(moment="settled"),
        agency="agency",
        type="null" if window.is_newest_layout else "type",
        neighborhood="null" if window.is_newest_layout else "neighborhood",
    )


def write_service_requests(out: Path, work: Path, truth: Truth, tiles: list[float]) -> None:
    """Write the five windows, and say in the truth what they hold."""
    files = [_open(out, window) for window, _ in FILES]
    newest = 0
    for tile, share in enumerate(tiles):
        rng = np.random.default_rng((truth.seed, 3, tile))
        made = make_requests(rng, share, special=share == 1 or not tile)
        with duckdb.connect() as warehouse:
            load(warehouse, "requests", made)
            warehouse.execute(_TEXTS, _texts())
            for (window, bits), file in zip(FILES, files, strict=True):
                bounds = {"start": window.start, "end": window.end, "bits": bits}
                n = copy_out(
                    warehouse, _query(window), work / "part", bounds, _options(window)
                )
                file.add(work / "part", n, () if tile else _extras(window))
        _add_truth(truth, made)
        newest = max(newest, _newest_event(made))
    for (window, _), file in zip(FILES, files, strict=True):
        end = newest if window is NEWEST else window.end
        end += 6 * 3600 if window.has_object_id else 0
        as_of = datetime.fromtimestamp(end, UTC).replace(tzinfo=None).isoformat()
        truth.deliveries.append(file.close(out, "service_requests", window.layout, as_of))
        truth.faults.extend(file.faults(out))


def _open(out: Path, window: Window) -> DeliveryFile:
    header = [window.spell(name) for name in COLUMNS]
    return DeliveryFile(
        out / "service_requests" / window.name,
        ["OBJECTID", *header] if window.has_object_id else header,
        encoding=window.encoding,
        newline="\r\n",
        quoted=window.quoted,
        bom=window.bom,
        member="311_service_requests.csv",
    )


def _options(window: Window) -> str:
    quoting = ", force_quote *" if window.quoted else ""
    return f", new_line '\\r\\n', nullstr '{window.null}'{quoting}"


def _texts() -> dict[str, object]:
    known = labels()
    return {
        "summaries": [case.summary for case in CASES],
        "agencies": [case.agency for case in CASES],
        "statuses": known.statuses,
        "sources": known.sources,
        "types": known.types,
        "zip_faults": list(_ZIP_FAULTS),
        "streets": list(_STREETS),
        "neighborhoods": neighborhoods().names,
    }


def _extras(window: Window) -> tuple[Extra, ...]:
    """Faulty lines; the last window has none that a reader would reject."""
    stamp = "1475000000000" if window.has_object_id else "09/01/2016 02:10:00 PM"

    def line(created: str, values: list[str] | None = None) -> str:
        day = "09/01/2016" if created else ""
        fields = ["Pothole", "New", "Phone", day, created, *[""] * 19]
        fields[16] = "Public Works"
        fields = (["77"] if window.has_object_id else []) + fields + (values or [])
        return ",".join(f'"{f}"' for f in fields) if window.quoted else ",".join(fields)

    unreadable = (
        Extra(line("13/45/2016 25:61:00 PM"), "set_aside", "unreadable_time"),
        Extra(line(""), "set_aside", "missing_time"),
    )
    if window is NEWEST:
        return ()
    if window is LAST:
        return unreadable
    return (
        Extra(line(stamp).rsplit(",", 3)[0], "rejected", "too_few_fields"),
        *unreadable,
        Extra("", "blank", "blank_line"),
        Extra(line(stamp, ["", "x"]), "rejected", "too_many_fields"),
        Extra(
            line(stamp).replace("Public Works", '"Public" Works'),
            "rejected",
            "stray_quote",
        ),
    )


# ---------------------------------------------------------------- what is known


def _add_truth(truth: Truth, made: Arrays) -> None:
    """Count what the windows hold, how they differ, and what is wrong with them."""
    seen = [_inside(made, window, bits) for window, bits in FILES[: len(WINDOWS)]]
    gone = np.any(seen, axis=0) & ~seen[-1]
    withdrawn = gone & (made["created"] >= LAST.start)
    counts = {
        "current": seen[-1].sum(),
        "withdrawn": withdrawn.sum(),
        "aged_out": (gone & ~withdrawn).sum(),
        "reinstated": (seen[0] & ~seen[1] & seen[2]).sum(),
        "changed": sum(
            _changed(made, before, after).sum() for before, after in pairwise(_IN_ORDER)
        ),
        "exact_duplicate_pairs": (made["pair"] == EXACT).sum(),
        "equal_identity_pairs": (made["pair"] == SAME_IDENTITY).sum(),
    }
    truth.add(truth.service_requests, {name: int(n) for name, n in counts.items()})
    truth.service_requests.setdefault(
        "withdrawn_examples", _examples(made, np.flatnonzero(withdrawn))
    )
    for window, bits in FILES:
        there = _inside(made, window, bits)
        inside = {name: values[there] for name, values in made.items()}
        faults = {
            kind: (int(wrong.sum()), what) for kind, wrong, what in _faults(window, inside)
        }
        truth.add_faults(f"service_requests/{window.name}", faults)


def _examples(made: Arrays, requests: Ints) -> list[dict[str, str]]:
    return [
        {
            "created": datetime.fromtimestamp(made["created"][i], UTC).strftime(AMERICAN),
            "summary": CASES[made["case_number"][i]].summary.replace(LINE_BREAK, "\n"),
            "last_file": WINDOWS[int(made["held"][i]).bit_length() - 1].name,
        }
        for i in requests[:MAX_EXAMPLES].tolist()
    ]


def _inside(made: Arrays, window: Window, bits: int) -> Bools:
    inside = (made["created"] >= window.start) & (made["created"] <= window.end)
    there: Bools = inside & ((made["held"] & bits) == bits)
    return there


def _newest_event(made: Arrays) -> int:
    """The last second of which the newest layout tells: in no window of its own."""
    there = _inside(made, *FILES[-1])
    closed = there & (made["has_close"] == 1) & (made["settled"] <= NEWEST.end)
    return int(max(made["created"][there].max(), made["settled"][closed].max()))


def _changed(made: Arrays, before: tuple[Window, int], after: tuple[Window, int]) -> Bools:
    """Requests whose status or closing differs between two windows."""
    settles = (made["settled"] > before[0].end) & (made["settled"] <= after[0].end)
    differs = (made["has_close"] == 1) | (made["status"] != made["earlier"])
    changed: Bools = _inside(made, *before) & _inside(made, *after) & settles & differs
    return changed


def _faults(window: Window, made: Arrays) -> Iterator[tuple[str, Bools, str]]:
    """Kind, requests concerned, and what is wrong, of the values in one window."""
    names, closed = labels(), (made["has_close"] == 1) & (made["settled"] <= window.end)
    took = made["settled"] - made["created"]
    agency = np.array([case.agency for case in CASES])[made["case_number"]]
    transferred = [i for i, s in enumerate(names.statuses) if "Transfered" in s]
    for kind, code, what in (
        ("whole_degrees", 2, "longitude -105, latitude 40"),
        ("swapped_coordinates", 3, "latitude in the longitude column"),
        ("zero_coordinates", 4, "longitude 0, latitude 0"),
    ):
        yield kind, made["coordinates"] == code, what
    no_point = (made["coordinates"] == 0) & (made["located"] == 1)
    yield "missing_coordinates", no_point, "an address but no coordinates"
    yield "placeholder_zip", made["zip_kind"] == 2, "customer zip 99999"
    yield "odd_zip", made["zip_kind"] == 0, ", ".join(_ZIP_FAULTS)
    yield "closed_before_created", closed & (took < 0), "closed an hour too early"
    yield "closed_at_once", closed & (took == 0), "closed in the second of creation"
    in_open_status = closed & (made["is_open"] == 1)
    yield "open_but_closed", in_open_status, "a status of open requests, and a close"
    date_only = closed & (made["settled"] % DAY == DAY - 1)
    yield "date_only_close", date_only, "closed at 11:59:59 PM"
    yield "mass_close", closed & (made["settled"] == _MASS_CLOSE), "closed on one day"
    misspelt = made["type"] == names.types.index("Inqury")
    yield "misspelt_type", misspelt, "type Inqury"
    special = made["is_special"] == 1
    yield "time_in_date_column", special, "a date-time as the date of creation"
    yield "no_source", made["source"] == len(names.sources) - 1, "no source"
    yield "no_type", made["type"] == len(names.types) - 1, "no type"
    line_break = made["case_number"] == BROKEN_CASE
    yield "line_break", line_break, "a line break within the summary"
    no_break = made["case_number"] == NO_BREAK_CASE
    yield "no_break_space", no_break, "a no-break space within the summary"
    if window.is_newest_layout:
        everything = np.ones(took.size, dtype=bool)
        yield "untold_type", everything, "neither type nor neighborhood throughout"
    if window.older_labels:
        renamed = np.isin(agency, _RENAMED)
        yield "older_agency", renamed, "Environmental Health, Parks & Rec, Tech Services"
    if window.encoding == "cp1252-via-cp850":
        marked = [not case.summary.isascii() for case in CASES]
        mangled = np.array(marked)[made["case_number"]]
        yield "mangled_text", mangled, "cp1252 punctuation written through cp850"
    if window.has_object_id:
        respelt = closed & np.isin(made["status"], transferred)
        yield "respelt_status", respelt, "Transferred for Transfered"
        everything = np.ones(took.size, dtype=bool)
        yield "unstable_object_id", everything, "an OBJECTID that only this file has"
        yield "milliseconds", everything, "times as milliseconds since 1970"
