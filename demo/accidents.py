"""Traffic accidents, re-delivered whole five times, in five layouts, restated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np

from demo.files import DeliveryFile, Extra, copy_out, load
from demo.margins import (
    Bools,
    Floats,
    Ints,
    Table,
    apportion,
    deal,
    published,
    scaled,
    spread,
)
from demo.places import neighborhoods, points_in
from demo.truth import MAX_EXAMPLES, Truth

DAY = 86_400
REPEATED = 0b1000  # held by the last delivery only, beside the original
Arrays = dict[str, Ints]

_HEAD_17 = (
    *("INCIDENT_ID", "OFFENSE_ID", "OFFENSE_CODE", "OFFENSE_CODE_EXTENSION"),
    *("OFFENSE_TYPE_ID", "OFFENSE_CATEGORY_ID", "FIRST_OCCURRENCE_DATE"),
    *("LAST_OCCURRENCE_DATE", "REPORTED_DATE", "INCIDENT_ADDRESS", "GEO_X", "GEO_Y"),
    *("GEO_LON", "GEO_LAT", "DISTRICT_ID", "PRECINCT_ID", "NEIGHBORHOOD_ID"),
)
_INVOLVED = ("BICYCLE_IND", "PEDESTRIAN_IND")
_UNIT = (
    *("VEHICLE_TYPE", "TRAVEL_DIRECTION", "VEHICLE_MOVEMENT", "DRIVER_ACTION"),
    *("DRIVER_HUMANCONTRIBFACTOR", "PEDESTRIAN_ACTION"),
)
_HEAD_45 = (
    "OBJECTID_1",
    *_HEAD_17[:4],
    "TOP_TRAFFIC_ACCIDENT_OFFENSE",
    *_HEAD_17[6:],
    *_INVOLVED,
    *("HARMFUL_EVENT_SEQ_1", "HARMFUL_EVENT_SEQ_2", "HARMFUL_EVENT_SEQ_3"),
    *("ROAD_LOCATION", "ROAD_DESCRIPTION", "ROAD_CONTOUR", "ROAD_CONDITION"),
    "LIGHT_CONDITION",
    *(f"TU1_{name}" for name in _UNIT),
    *(f"TU2_{name}" for name in _UNIT),
    *("SERIOUSLY_INJURED", "FATALITIES", "FATALITY_MODE_1", "FATALITY_MODE_2"),
    *("SERIOUSLY_INJURED_MODE_1", "SERIOUSLY_INJURED_MODE_2"),
)
# The newest layouts write their first columns in lower case.
_HEAD_47 = (*(name.lower() for name in _HEAD_45[:22]), *_HEAD_45[22:], "POINT_X", "POINT_Y")


@dataclass(frozen=True)
class Vintage:
    """One delivery: its layout, the last second it holds, and the first year."""

    name: str
    layout: str
    header: tuple[str, ...]
    end: datetime
    encoding: str = "utf-8"

    @property
    def last(self) -> int:
        """The last second, as a wall clock counted from 1970."""
        return int(self.end.replace(tzinfo=UTC).timestamp())

    @property
    def first(self) -> int:
        """The first second: five calendar years before the year of the last."""
        return int(datetime(self.end.year - 5, 1, 1, tzinfo=UTC).timestamp())


VINTAGES = (
    Vintage(
        "traffic_accidents_2014-05-20.csv",
        "offenses_17",
        _HEAD_17,
        datetime(2014, 5, 20, 23, 0),
    ),
    Vintage(
        "traffic_accidents_2015-08-14.csv",
        "offenses_19",
        (*_HEAD_17, *_INVOLVED),
        datetime(2015, 8, 14, 23, 0),
    ),
    Vintage(
        "traffic_accidents_2016-07-05.csv.gz",
        "offenses_45",
        _HEAD_45,
        datetime(2016, 7, 5, 23, 0),
    ),
    Vintage(
        "traffic_accidents_2016-10-18.zip",
        "offenses_47",
        _HEAD_47,
        datetime(2016, 10, 18, 23, 0),
    ),
)
LAST = VINTAGES[-1]
# The layout of the latest years, as it is exported a month before the last delivery.
NEWEST = Vintage(
    "traffic_accidents_2016-09-20.csv.gz",
    "offenses_47",
    ("object_id", *_HEAD_47[1:]),
    datetime(2016, 9, 20, 23, 0),
)
# Each file with the bits of the deliveries that hold what it holds.
FILES = (*((vintage, 1 << i) for i, vintage in enumerate(VINTAGES)), (NEWEST, 0b1100))
_OLDER = 0.3  # records of those years for one in the last delivery
# Precincts of each district beside the ten of the published list.
_PRECINCTS = {
    "1": ("111", "112", "121", "122"),
    "2": ("211", "212", "213", "221", "222", "223"),
    "3": ("321",),
    "4": ("411", "412", "421", "422", "423"),
    "5": ("512", "521", "522", "523"),
    "6": ("612", "621", "622"),
    "7": ("759",),
}


@dataclass(frozen=True)
class Offense:
    """One kind of offense: its code, its names, and its weight in its category."""

    code: int
    extension: int
    type_id: str
    category: str
    top_label: str
    weight: float


OFFENSES = (
    Offense(5441, 0, "traffic-accident", "traffic-accident", "TRAF - ACCIDENT", 68),
    Offense(
        5401,
        0,
        "traffic-accident-hit-and-run",
        "traffic-accident",
        "TRAF - ACCIDENT - HIT & RUN",
        26,
    ),
    Offense(
        5420,
        0,
        "traffic-accident-dui-duid",
        "traffic-accident",
        "TRAF - ACCIDENT - DUI/DUID",
        3,
    ),
    Offense(
        5441, 1, "traffic-accident-sbi", "traffic-accident", "TRAF - ACCIDENT - SBI", 1.4
    ),
    Offense(
        5441,
        2,
        "traffic-accident-fatal",
        "traffic-accident",
        "TRAF - ACCIDENT - FATAL",
        0.2,
    ),
    Offense(
        5441,
        3,
        "traffic-accident-police",
        "traffic-accident",
        "TRAF - ACCIDENT - POLICE",
        1,
    ),
    Offense(
        5455, 0, "traf-vehicular-assault", "all-other-crimes", "TRAF - VEHICULAR ASSAULT", 1
    ),
    Offense(5450, 0, "traf-vehicular-homicide", "murder", "TRAF - VEHICULAR HOMICIDE", 1),
)
_HOURS = np.array(
    [
        *(1.4, 1.3, 1.4, 0.8, 0.6, 0.9, 2, 4.6, 5, 4, 3.8, 4.4),
        *(5.2, 5.2, 5.8, 7, 7.6, 8, 5.6, 3.8, 3, 2.7, 2.4, 1.9),
    ]
)


# ---------------------------------------------------------------- records made


def make_accidents(rng: np.random.Generator, share: float, tile: int) -> Arrays:
    """The offense records of one tile, those of older and withdrawn ones included.

    Args:
        rng: where everything comes from that was not published.
        share: the tile's size, at most 1: the whole of the published years.
        tile: number of the tile; tiles have incident numbers of their own.
    """
    made = _labelled(rng, share)
    made = _with_leavers(rng, made, share)
    reported, occurred = _times(rng, made.pop("month"))
    longitude, latitude = points_in(rng, made["place"])
    size = reported.size
    made |= {
        "reported": reported,
        "occurred": occurred,
        "longitude_e7": np.round(longitude * 1e7).astype(np.int64),
        "latitude_e7": np.round(latitude * 1e7).astype(np.int64),
        "noise": rng.integers(0, 2**62, size),
        "more_noise": rng.integers(0, 2**62, size),
    }
    _pin_as_ofs(made)
    made["incident"] = 100_000 + tile * 300_000 + np.arange(size)
    made["code"] = np.array([o.code for o in OFFENSES])[made["offense"]]
    made["extension"] = np.array([o.extension for o in OFFENSES])[made["offense"]]
    _pair_offenses(made, share)
    _correct(rng, made)
    made = _with_duplicates(made, share)
    order = np.argsort(made["reported"], kind="stable")
    made = {name: values[order] for name, values in made.items()}
    return made | {"record": np.arange(order.size)}


def _labelled(rng: np.random.Generator, share: float) -> Arrays:
    """Month, district, precinct, place and offense of the last delivery's records."""
    facts = published().accidents
    districts = scaled(_rows(facts.districts), share)
    sizes = districts.sum(axis=0)
    month = np.repeat(np.arange(sizes.size), sizes)
    category = deal(rng, month, _fitted(_rows(facts.categories), sizes))
    offense = np.empty(month.size, dtype=np.int64)
    for number, name in enumerate(facts.categories):
        units = np.flatnonzero(category == number)
        weights = np.array([o.weight * (o.category == name) for o in OFFENSES])
        offense[units] = rng.choice(len(OFFENSES), units.size, p=weights / weights.sum())
    district = deal(rng, month, districts)
    return {
        "month": month,
        "district": district + 1,
        "precinct": _precincts(rng, month, district),
        "place": _neighborhoods(rng, month, district, sizes),
        "offense": offense,
    }


def _rows(table: Table) -> Ints:
    return np.array(list(table.values()))


def _fitted(rows: Ints, sizes: Ints) -> Ints:
    months = [apportion(rows[:, i], int(n)) for i, n in enumerate(sizes)]
    return np.stack(months, axis=1)


def _precincts(rng: np.random.Generator, month: Ints, district: Ints) -> Ints:
    """A precinct inside each district; unlisted ones share what the list leaves."""
    facts = published().accidents
    precinct = np.empty(month.size, dtype=np.int64)
    for number, (name, others) in enumerate(_PRECINCTS.items()):
        units = np.flatnonzero(district == number)
        months = np.bincount(month[units], minlength=len(facts.months))
        whole = np.array(facts.districts[name])
        listed = [p for p in facts.top_precincts if p[0] == name]
        rows = [np.array(facts.top_precincts[p]) for p in listed]
        rest = whole - sum(rows, np.zeros_like(whole))
        rows += [rest / len(others)] * len(others)
        table = _split(np.array(rows), months)
        labels = np.array([int(p) for p in (*listed, *others)])
        precinct[units] = labels[deal(rng, month[units], table)]
    return precinct


def _split(rows: Floats | Ints, sizes: Ints) -> Ints:
    """Split each month by these weights; remainders wander, so that rows stay even."""
    columns = []
    for i, n in enumerate(sizes):
        turn = i % rows.shape[0]
        column = apportion(np.roll(rows[:, i], turn), int(n))
        columns.append(np.roll(column, -turn))
    return np.stack(columns, axis=1)


def _neighborhoods(
    rng: np.random.Generator, month: Ints, district: Ints, sizes: Ints
) -> Ints:
    """A neighborhood for each record: ten as published, the others below them."""
    facts, known = published().accidents, neighborhoods()
    listed = [known.slugs.index(slug) for slug in facts.top_neighborhoods]
    others = [i for i in range(len(known.slugs)) if i not in listed]
    top = _rows(facts.top_neighborhoods)
    whole = _rows(facts.districts).sum(axis=0)
    rest = whole - top.sum(axis=0)
    people = known.populations[others] ** 0.5
    people *= rng.uniform(0.7, 1.3, len(others))
    # No other one may come near the tenth of the list.
    shares = spread(int(rest.sum()), people, 100, int(top.sum(axis=1).min()) - 150)
    rows = np.vstack([top, np.outer(shares / shares.sum(), rest)])
    table = np.empty(rows.shape, dtype=np.int64)
    for i, n in enumerate(sizes):
        column = apportion(np.append(top[:, i], rest[i]), int(n))
        table[: len(listed), i] = column[:-1]
        table[len(listed) :, i] = _drawn(rng, rows[len(listed) :, i], int(column[-1]))
    west = known.longitudes[listed + others] + rng.normal(0, 0.005, len(known.slugs))
    place = district + rng.normal(0, 0.8, month.size)
    number = np.array(listed + others)
    return number[deal(rng, month, table, place, west)]


def _drawn(rng: np.random.Generator, weights: Floats, n: int) -> Ints:
    if n == 0 or weights.sum() == 0:
        return np.zeros(weights.size, dtype=np.int64)
    return rng.multinomial(n, weights / weights.sum()).astype(np.int64)


def _with_leavers(rng: np.random.Generator, made: Arrays, share: float) -> Arrays:
    """Add records of older years and withdrawn ones; decide who is restated."""
    n = made["month"].size
    n_older = max(4, round(_OLDER * n))
    n_withdrawn = max(3, round(90 * share))
    donors = rng.integers(0, n, n_older + n_withdrawn)
    grown = {
        name: np.concatenate([values, values[donors]]) for name, values in made.items()
    }
    # Months count from 2011-01; the withdrawn are reported before the first delivery.
    grown["month"][n : n + n_older] = rng.integers(-24, 0, n_older)
    grown["month"][n + n_older :] = rng.integers(2, 38, n_withdrawn)
    added_late = rng.random(grown["month"].size) < 0.07
    grown["held"] = np.where(
        added_late, np.array([0b1100, 0b1110])[rng.integers(0, 2, added_late.size)], 0b1111
    )
    kept_until = np.array([0b0001, 0b0011, 0b0111])[np.arange(n_withdrawn) % 3]
    grown["held"][n : n + n_older] = 0b1111
    grown["held"][n + n_older :] = kept_until
    return grown


def _times(rng: np.random.Generator, month: Ints) -> tuple[Ints, Ints]:
    """When each accident was reported (within its month), and when it happened."""
    starts = np.datetime64("2011-01", "M") + month
    first = starts.astype("datetime64[s]").astype(np.int64)
    last = (starts + 1).astype("datetime64[s]").astype(np.int64)
    last = np.minimum(last, LAST.last // DAY * DAY + DAY)
    day = first + (rng.random(month.size) * ((last - first) // DAY)).astype(np.int64) * DAY
    hour = rng.choice(24, month.size, p=_HOURS / _HOURS.sum())
    reported = day + hour * 3600 + rng.integers(0, 60, month.size) * 60
    reported = np.minimum(reported, LAST.last)
    late = rng.random(month.size)
    minutes = np.select(
        [late < 0.35, late < 0.9, late < 0.98],
        [
            np.zeros(month.size),
            rng.exponential(35, month.size),
            rng.exponential(900, month.size),
        ],
        default=rng.exponential(20_000, month.size),
    )
    return reported, reported - np.round(minutes).astype(np.int64) * 60


def _pin_as_ofs(made: Arrays) -> None:
    """Let each delivery hold a record of its last minute: its as-of is then known."""
    for vintage in VINTAGES:
        near = (made["reported"] <= vintage.last) & (made["held"] == 0b1111)
        near &= made["reported"] >= vintage.last // (30 * DAY) * (30 * DAY)
        near &= _month(made["reported"]) == _month(np.array([vintage.last]))
        made["reported"][np.flatnonzero(near)[-1:]] = vintage.last


def _month(seconds: Ints) -> Ints:
    return seconds.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def _pair_offenses(made: Arrays, share: float) -> None:
    """Let a few incidents have two offense records that differ in their code."""
    n_pairs = max(2, round(250 * share))
    keys = [made["place"], made["precinct"], made["held"], _month(made["reported"])]
    free = np.flatnonzero(~np.isin(made["reported"], [v.last for v in VINTAGES]))
    order = free[np.lexsort([key[free] for key in keys])]
    alike = np.all([np.diff(key[order]) == 0 for key in keys], axis=0)
    alike &= np.diff(made["offense"][order]) != 0
    first = np.flatnonzero(alike)
    first = first[:: max(2, first.size // n_pairs)][:n_pairs]
    first = first[np.diff(first, prepend=-2) > 1]
    source, target = order[first], order[first + 1]
    for name in made.keys() - {"offense", "code", "extension", "district"}:
        made[name][target] = made[name][source]
    made["is_second"] = np.zeros(made["held"].size, dtype=np.int64)
    made["is_second"][target] = 1


def _correct(rng: np.random.Generator, made: Arrays) -> None:
    """Two in a hundred were placed wrongly until the last delivery corrected them."""
    n = made["place"].size
    wrong = rng.random(n) < 0.02
    elsewhere = rng.integers(0, len(neighborhoods().slugs), n)
    made["place_before"] = np.where(wrong, elsewhere, made["place"])


def _with_duplicates(made: Arrays, share: float) -> Arrays:
    """Repeat a few records of the last delivery: word for word, or re-addressed."""
    n_each = max(2, round(15 * share))
    inside = np.flatnonzero(_inside(made, *FILES[3]))
    picked = inside[:: max(1, inside.size // (2 * n_each))][: 2 * n_each]
    grown = {name: np.concatenate([v, v[picked]]) for name, v in made.items()}
    n = made["held"].size
    grown["held"][n:] = REPEATED
    grown["is_readdressed"] = np.zeros(n + picked.size, dtype=np.int64)
    grown["is_readdressed"][n + picked.size // 2 :] = 1
    return grown


def _inside(made: Arrays, vintage: Vintage, bits: int) -> Bools:
    inside = (made["reported"] >= vintage.first) & (made["reported"] <= vintage.last)
    there: Bools = inside & ((made["held"] & bits) == bits)
    return there


# ---------------------------------------------------------------- files written

_WHOLE = "make_timestamp({moment} * 1000000)"
# Some exports cut a second off the full minute.
_CUT = """make_timestamp(
    ({moment} - case when noise % 100 < 46 and reported < $last then 1 else 0 end) * 1000000
)"""
_BLANK = "['', ' ', '  '][1 + noise // 128 % 3]"
_STREET = """[
    'ALDER', 'BIRCH', 'CEDAR', 'DOGWOOD', 'ELDER', 'FERN', 'GROVE', 'HAZEL', 'IRIS',
    'JUNIPER', 'LARCH', 'MAPLE', 'NETTLE', 'OAK', 'PINE', 'QUINCE', 'ROSE', 'SAGE'
]"""
_HARM = """[
    'FRONT TO REAR WITH MV IN TRANSPORT', 'FRONT TO SIDE WITH MV IN TRANSPORT',
    'SIDE TO SIDE SAME DIRECTION WITH MV IN TRANSPORT', 'PARKED MOTOR VEHICLE',
    'FRONT TO FRONT WITH MV IN TRANSPORT', 'FENCE', 'CURB'
]"""
_VEHICLE = """[
    'PASSENGER CAR/VAN', 'PASSENGER CAR/VAN', 'SUV', 'PICKUP TRUCK/UTILITY VAN',
    'MOTORCYCLE', 'VEHICLE OVER 10000 LBS', 'TRANSIT BUS', ''
]"""
_ACTION = """[
    'CARELESS DRIVING', 'FOLLOWED TOO CLOSELY', 'FAILED TO YIELD ROW', 'OTHER',
    'LANE VIOLATION', 'FAILED TO STOP AT SIGNAL', 'IMPROPER BACKING', ''
]"""
_FACTOR = """[
    'NO APPARENT', 'NO APPARENT', 'OTHER', 'AGGRESSIVE DRIVING', 'DISTRACTED-OTHER',
    'DRIVER INEXPERIENCE', 'DUI/DWAI/DUID', ''
]"""
_MODE = "['PASSENGER CAR/VAN', 'MOTORCYCLE', 'PEDESTRIAN', 'BICYCLE']"


def _pick(choices: str, shift: int, noise: str = "more_noise") -> str:
    """One of the choices, by some bits of a record's noise."""
    return f"{choices}[1 + ({noise} >> {shift}) % len({choices})]"


def _unit(number: int) -> dict[str, str]:
    """The columns of one traffic unit."""
    shift = 6 * number
    return {
        f"TU{number}_VEHICLE_TYPE": _pick(_VEHICLE, shift),
        f"TU{number}_TRAVEL_DIRECTION": _pick(
            "['NORTH', 'SOUTH', 'EAST', 'WEST']", shift + 3
        ),
        f"TU{number}_VEHICLE_MOVEMENT": _pick(
            "['GOING STRAIGHT', 'MAKING LEFT TURN', 'STOPPED IN TRAFFIC', 'BACKING']",
            shift + 5,
        ),
        f"TU{number}_DRIVER_ACTION": _pick(_ACTION, shift + 7),
        f"TU{number}_DRIVER_HUMANCONTRIBFACTOR": _pick(_FACTOR, shift + 11),
        f"TU{number}_PEDESTRIAN_ACTION": _pick(
            "[null, null, null, null, null, null, null, 'OTHER']", shift + 14
        ),
    }


_COLUMNS = {
    "OBJECTID_1": "record + 1",
    "OBJECT_ID": "record + 3",
    "INCIDENT_ID": "incident_id || '.0'",
    "OFFENSE_ID": "printf('%s%d%02d', incident_id, code, extension)",
    "OFFENSE_CODE": "code",
    "OFFENSE_CODE_EXTENSION": "extension",
    "OFFENSE_TYPE_ID": "$type_ids[offense + 1]",
    "OFFENSE_CATEGORY_ID": "$categories[offense + 1]",
    "TOP_TRAFFIC_ACCIDENT_OFFENSE": "rpad($top_labels[offense + 1], 30, ' ')",
    "INCIDENT_ADDRESS": f"""case
        when noise % 9 = 0 then null
        when noise % 9 < 4 then printf(
            '%d BLK N %s ST%s', 100 * (1 + noise % 55), {_pick(_STREET, 9, "noise")},
            case is_readdressed when 1 then ' UNIT B' else '' end
        )
        else printf(
            'N %s ST / E %s AVE%s', {_pick(_STREET, 9, "noise")},
            {_pick(_STREET, 17, "noise")},
            case is_readdressed when 1 then ' RAMP' else '' end
        )
    end""",
    "BICYCLE_IND": "case when noise % 53 = 0 then 1 + noise % 2 end",
    "PEDESTRIAN_IND": "case when noise % 47 = 0 then 1 end",
    "HARMFUL_EVENT_SEQ_1": _pick(_HARM, 23),
    "HARMFUL_EVENT_SEQ_2": f"case when noise % 5 = 0 then {_pick(_HARM, 27)} end",
    "HARMFUL_EVENT_SEQ_3": _pick(_HARM, 23),
    "ROAD_LOCATION": _pick("['ON ROADWAY', 'ON ROADWAY', 'PRIVATE PROPERTY']", 31),
    "ROAD_DESCRIPTION": _pick(
        "['NON INTERSECTION', 'AT INTERSECTION', 'INTERSECTION RELATED', 'ALLEY RELATED']",
        33,
    ),
    "ROAD_CONTOUR": _pick("['STRAIGHT AND LEVEL', 'CURVE AND GRADE', '']", 35),
    "ROAD_CONDITION": _pick("['DRY', 'DRY', 'DRY', 'WET', 'ICY', 'SNOWY']", 37),
    "LIGHT_CONDITION": _pick("['DAY LIGHT', 'DAY LIGHT', 'DARK-LIGHTED', 'DUSK']", 41),
    **_unit(1),
    **_unit(2),
    "SERIOUSLY_INJURED": "case when extension = 1 then 1 + noise % 3 // 2 else 0 end",
    "FATALITIES": "case when extension = 2 or code = 5450 then 1 else 0 end",
    "FATALITY_MODE_1": f"case when extension = 2 then {_pick(_MODE, 45)} end",
    "FATALITY_MODE_2": "null",
    "SERIOUSLY_INJURED_MODE_1": f"case when extension = 1 then {_pick(_MODE, 45)} end",
    "SERIOUSLY_INJURED_MODE_2": "null",
}
_PLACE = {
    "GEO_X": "printf('%.1f', geo_x)",
    "GEO_Y": "printf('%.1f', geo_y)",
    "GEO_LON": "printf('%.7f', longitude_e7 / 1e7)",
    "GEO_LAT": "printf('%.7f', latitude_e7 / 1e7)",
}
_AMERICAN = "strftime({moment}, '%-m/%-d/%Y %-I:%M:%S %p')"
_ODD_DISTRICT = """case
    when noise % 997 < 3 then ['UI', 'U', 'G'][1 + noise % 997]
    else cast(district as varchar)
end"""


def _columns(number: int) -> dict[str, str]:
    """The expression of each column in the way of a vintage."""
    slug = {"NEIGHBORHOOD_ID": "$slugs[place_before + 1]"}
    odd = {"DISTRICT_ID": _ODD_DISTRICT, "PRECINCT_ID": "precinct"}
    if number == 0:
        return _COLUMNS | _PLACE | slug | odd | _dates(_CUT, "{moment}")
    if number == 1:
        return _COLUMNS | _PLACE | slug | odd | _dates(_WHOLE, "cast({moment} as date)")
    if number == 2:
        nowhere = f"case when noise % 100 < 24 then {_BLANK} else {{value}} end"
        placed = {n: nowhere.format(value=v) for n, v in _PLACE.items()}
        name = "replace($names[place_before + 1], 'Stapleton', 'Central Park')"
        return (
            _COLUMNS
            | placed
            | _dates(_WHOLE, _AMERICAN)
            | {
                "DISTRICT_ID": f"rpad({_ODD_DISTRICT}, 6, ' ')",
                "PRECINCT_ID": "precinct || '.0'",
                "NEIGHBORHOOD_ID": nowhere.format(value=name),
            }
        )
    name = "$names[place + 1]"
    if number == len(VINTAGES):
        name = "replace($names[place_before + 1], 'Stapleton', 'Central Park')"
    calmer = {
        n: f"case when noise % 2 = 0 then {_COLUMNS[n]} else {_initcap(n)} end"
        for n in ("ROAD_CONDITION", "LIGHT_CONDITION")
    }
    return (
        _COLUMNS
        | _PLACE
        | calmer
        | _dates(_WHOLE, _AMERICAN)
        | {
            "DISTRICT_ID": """rpad(
                '' || district, case when noise % 50 = 0 then 6 else 1 end, ' '
            )""",
            "PRECINCT_ID": "precinct",
            "NEIGHBORHOOD_ID": name,
            "POINT_X": _PLACE["GEO_X"],
            "POINT_Y": _PLACE["GEO_Y"],
        }
    )


def _initcap(name: str) -> str:
    return f"left({_COLUMNS[name]}, 1) || lower(substr({_COLUMNS[name]}, 2))"


def _dates(moment: str, form: str) -> dict[str, str]:
    def written(column: str) -> str:
        return form.format(moment=moment.format(moment=column))

    return {
        "FIRST_OCCURRENCE_DATE": written("occurred"),
        "LAST_OCCURRENCE_DATE": f"case when noise % 120 = 0 then {written('reported')} end",
        "REPORTED_DATE": written("reported"),
    }


_SELECT = """
    select {columns}
    from (
        select
            *,
            year(make_timestamp(reported * 1000000)) || '' || incident as incident_id,
            3140234 + round((longitude_e7 / 1e7 + 105.0012677) * 279700) as geo_x,
            1698428 + round((latitude_e7 / 1e7 - 39.749933) * 364500) as geo_y
        from accidents
        where reported between $first and $last and (held & $bits) = $bits
    )
"""


def write_accidents(out: Path, work: Path, truth: Truth, tiles: list[float]) -> None:
    """Write the five deliveries, and say in the truth what they hold."""
    files = [
        DeliveryFile(
            out / "accidents" / v.name,
            v.header,
            encoding=v.encoding,
            member="traffic_accidents.csv",
        )
        for v, _ in FILES
    ]
    newest = 0
    for tile, share in enumerate(tiles):
        made = make_accidents(np.random.default_rng((truth.seed, 4, tile)), share, tile)
        with duckdb.connect() as warehouse:
            load(warehouse, "accidents", made)
            for number, ((vintage, _), file) in enumerate(zip(FILES, files, strict=True)):
                n = copy_out(warehouse, *_query(number, work))
                file.add(work / "part", n, () if tile else _extras(vintage))
        _add_truth(truth, made)
        newest = max(newest, made["reported"][_inside(made, *FILES[-1])].max())
    for (vintage, _), file in zip(FILES, files, strict=True):
        as_of = vintage.end
        if vintage.layout == "offenses_19":
            as_of = vintage.end.replace(hour=0)
        if vintage is NEWEST:
            as_of = datetime.fromtimestamp(newest, UTC).replace(tzinfo=None)
        truth.deliveries.append(
            file.close(out, "accidents", vintage.layout, as_of.isoformat())
        )
        truth.faults.extend(file.faults(out))


def _query(number: int, work: Path) -> tuple[str, Path, dict[str, object]]:
    """The rows of one delivery: query, target, parameters that the query names."""
    (vintage, bits), known = FILES[number], neighborhoods()
    expressions = _columns(number)
    columns = ",\n".join(expressions[name.upper()] for name in vintage.header)
    query = _SELECT.format(columns=columns)
    parameters = {
        "type_ids": [o.type_id for o in OFFENSES],
        "categories": [o.category for o in OFFENSES],
        "top_labels": [o.top_label for o in OFFENSES],
        "slugs": known.slugs,
        "names": known.names,
        "first": vintage.first,
        "last": vintage.last,
        "bits": bits,
    }
    used = {name: value for name, value in parameters.items() if f"${name}" in query}
    return query, work / "part", used


def _extras(vintage: Vintage) -> tuple[Extra, ...]:
    """Faulty lines; the last delivery has none that a reader would reject."""

    def line(moment: str, district: str = "1") -> str:
        values = dict.fromkeys(vintage.header, "")
        known = {
            "INCIDENT_ID": "2014999999.0",
            "OFFENSE_ID": "2014999999544100",
            "OFFENSE_CODE": "5441",
            "OFFENSE_CODE_EXTENSION": "0",
            "FIRST_OCCURRENCE_DATE": moment,
            "REPORTED_DATE": moment,
            "DISTRICT_ID": district,
        }
        return ",".join(known.get(name.upper(), value) for name, value in values.items())

    unreadable = (Extra(line("not known"), "set_aside", "unreadable_time"),)
    if vintage is NEWEST:
        return ()
    if vintage is LAST:
        return unreadable
    return (
        Extra(line("2014-01-07 10:00:00").rsplit(",", 2)[0], "rejected", "too_few_fields"),
        *unreadable,
        Extra(line("2014-01-07 10:00:00") + ",x", "rejected", "too_many_fields"),
        Extra("", "blank", "blank_line"),
        Extra(line("2014-01-07 10:00:00", '"1"st'), "rejected", "stray_quote"),
    )


# ---------------------------------------------------------------- what is known


def _add_truth(truth: Truth, made: Arrays) -> None:
    """Count what the deliveries hold, how they differ, and what is wrong with them."""
    original = made["held"] != REPEATED
    seen = [_inside(made, *file) & original for file in FILES[: len(VINTAGES)]]
    gone = np.any(seen, axis=0) & ~seen[-1]
    withdrawn = gone & (made["reported"] >= LAST.first)
    early = made["reported"] <= VINTAGES[0].last
    counts = {
        "current": seen[-1].sum(),
        "withdrawn": withdrawn.sum(),
        "aged_out": (gone & ~withdrawn).sum(),
        "added_late": (seen[-1] & ~seen[0] & early).sum(),
        "corrected": (seen[-1] & seen[2] & (made["place"] != made["place_before"])).sum(),
        "second_offense_records": (seen[-1] & (made["is_second"] == 1)).sum(),
    }
    truth.add(truth.accidents, {name: int(n) for name, n in counts.items()})
    truth.accidents.setdefault(
        "withdrawn_examples", _examples(made, np.flatnonzero(withdrawn))
    )
    for number, (vintage, bits) in enumerate(FILES):
        there = _inside(made, vintage, bits)
        inside = {name: values[there] for name, values in made.items()}
        faults = {
            kind: (int(wrong.sum()), what) for kind, wrong, what in _faults(number, inside)
        }
        truth.add_faults(f"accidents/{vintage.name}", faults)


def _examples(made: Arrays, records: Ints) -> list[dict[str, str]]:
    years = made["reported"].astype("datetime64[s]").astype("datetime64[Y]")
    return [
        {
            "offense_id": f"{years[i]}{made['incident'][i]}{made['code'][i]}"
            f"{made['extension'][i]:02d}",
            "last_file": VINTAGES[int(made["held"][i]).bit_length() - 1].name,
        }
        for i in records[:MAX_EXAMPLES].tolist()
    ]


def _faults(number: int, made: Arrays) -> Iterator[tuple[str, Bools, str]]:
    """Kind, records concerned, and what is wrong, of the values in one delivery."""
    noise, everything = made["noise"], np.ones(made["noise"].size, dtype=bool)
    late = made["reported"] - made["occurred"] > 14 * DAY
    yield "reported_late", late, "reported more than two weeks after it happened"
    yield "second_offense_record", made["is_second"] == 1, "two records of one incident"
    if number == 0:
        cut = (noise % 100 < 46) & (made["reported"] < VINTAGES[0].last)
        yield "second_cut_off", cut, "14:19:59 for 14:20"
    if number == 1:
        yield "date_only", everything, "dates without time"
    if number < 3:
        yield "odd_district", noise % 997 < 3, "district UI, U or G"
        wrong = made["place"] != made["place_before"]
        yield "wrong_place", wrong, "a neighborhood that the last delivery corrects"
    if number == 2:
        yield "no_place", noise % 100 < 24, "blank coordinates and neighborhood"
        yield "float_precinct", everything, "precinct 311.0"
        yield "padded_district", everything, "district padded to six characters"
        renamed = made["place_before"] == neighborhoods().slugs.index("stapleton")
        yield "renamed_place", renamed & (noise % 100 >= 24), "Central Park for Stapleton"
    if number == len(VINTAGES):
        wrong = made["place"] != made["place_before"]
        yield "wrong_place", wrong, "a neighborhood that the last delivery corrects"
    if number >= 3:
        yield "padded_district", noise % 50 == 0, "district padded to six characters"
        yield "label_case", noise % 2 == 1, "road and light condition as Dry, not DRY"
        repeated = made["held"] == REPEATED
        exact = repeated & (made["is_readdressed"] == 0)
        yield "repeated_row", exact, "a record once more, but for its OBJECTID_1"
        yield "conflicting_row", repeated & ~exact, "a record again, other address"
    if number >= 2:
        yield "padded_offense", everything, "offense label padded to 30 characters"
