"""Guess what a feed is: its time, what identifies a row, what absence means."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

import duckdb

from loaders.config.feeds import canonical
from loaders.errors import UsageError
from loaders.landing.times import clock_time
from loaders.new_feed.look import Look
from loaders.new_feed.survey import Facts, null_words, survey, value_of

Mode = Literal["increment", "window", "snapshot"]
_BEGINS = re.compile(
    r"creat|open|request|report|occur|start|begin|event|purchas|sold|order"
)
_GOES_ON = re.compile(
    r"updat|modif|chang|clos|end|resol|complet|due|service|expir|deliver|ship|paid|export"
)
_CHANGES = re.compile(
    r"status|state|updat|modif|clos|resol|note|comment|remark|descr|quality|flag|outcome"
)
_MEASURES = re.compile(
    r"qty|quantity|amount|price|cost|value|total|count|fee|level|reading|temp|score|"
    r"latitude|longitude|(^|_)(lat|lon|lng|x|y|n)($|_)"
)
# Of one event these may be the same as of another; in a list they identify.
_TAKES_PART = re.compile(
    r"card|account|customer|client|member|user|employee|agency|vendor|product|item|sku|upc|"
    r"article|artikel|machine|kiosk|sensor|device|station|store|shop|branch|filiale|site|vehicle|plate|"
    r"route|slot|location|address|street|zip|postcode|phone|district|fips|ward|meter"
)
# West of these meridians, within the contiguous United States: rough, and said as a guess.
_US_ZONES = (
    (-114.5, "America/Los_Angeles"),
    (-102.0, "America/Denver"),
    (-86.5, "America/Chicago"),
    (-66.0, "America/New_York"),
)
# Which file held which row, of a feed in a database of its own.
_HELD = """
    select _row_hash, _copy, _delivery_seq from raw.{0}
    union
    select _row_hash, _copy, _delivery_seq from raw.presence
"""


@dataclass(frozen=True)
class Wishes:
    """What the caller knows better than any guess; None where nothing was said."""

    mode: Mode | None = None
    zone: str | None = None
    time: str | None = None
    identity: tuple[str, ...] = ()
    days: int | None = None
    day_first: bool = False


@dataclass(frozen=True)
class Guess:
    """What the files seem to be.

    Attributes:
        facts: of each column, by its name.
        words: that stand for nothing.
        time: the column of the event, if there is one.
        identity: the columns that identify a row; all that are no measure if none do.
        is_identified: whether no two different rows of the files share the identity.
        why: by what each of the guesses was made, for people.
        first, last: the times in the files, day by day of each file.
        days: how far back a window reaches.
    """

    facts: dict[str, Facts]
    words: tuple[str, ...]
    mode: Mode
    zone: str
    formats: tuple[str, ...]
    time: str | None
    identity: tuple[str, ...]
    is_identified: bool
    days: int | None = None
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> tuple[str, ...]:
        """Columns of the identity that hold ids, which a spreadsheet may damage."""
        return tuple(name for name in self.identity if self._is_id(self.facts[name]))

    def _is_id(self, one: Facts) -> bool:
        is_called = one.is_called_id or one.is_digits or len(self.identity) == 1
        return is_called and one.kind != "time" and not one.has_damaged


def guess(look: Look, wishes: Wishes) -> Guess:
    """Guess what the files are, by evidence in them; what was wished for stands.

    Raises:
        UsageError: if a wish names a column that there is not, or cannot be.
    """
    words = null_words(look.landing, look.feed)
    found = survey(look.landing, look.feed, words, day_first=wishes.day_first)
    facts = {one.name: one for one in found}
    wishes = _by_our_names(look, wishes)
    named = (*wishes.identity, *((wishes.time,) if wishes.time else ()))
    if unknown := [name for name in named if name not in facts]:
        raise UsageError(f"no column {', '.join(unknown)}; there are: {', '.join(facts)}")
    why: dict[str, str] = {}
    time = wishes.time or _time(facts)
    if wishes.time and facts[wishes.time].kind != "time":
        raise UsageError(f"--time {wishes.time}: its values cannot be read as times")
    formats = tuple(
        dict.fromkeys(form for one in found if one.kind == "time" for form in one.formats)
    )
    zone = wishes.zone or _zone(look, facts, why)
    identity, is_identified = _identity(look, facts, words, time, wishes)
    spans = _spans(look, time, formats, zone)
    mode = wishes.mode or _mode(facts, time, identity, spans, why)
    if mode == "snapshot" and not is_identified:
        # Of a list, all but one of the rows that share an identity would be lost.
        identity, is_identified = _identity_of_list(look, facts, wishes, why), True
    if mode == "window" and len(identity) > 1 and not wishes.identity:
        # Of a window nothing is lost if equal identities all count.
        is_identified = False
    if mode == "window" and time is None:
        raise UsageError(
            "mode window: a window needs a column of dates, and no column has times; name "
            "one with --time, or give --mode snapshot"
        )
    days = None
    if mode == "snapshot":
        time, spans = None, {}
    if mode == "window":
        longest = max((last.date() - first.date()).days for first, last in spans.values())
        # Without the first day, of which a window that moves by the hour has a part only:
        # the rest of it was not withdrawn.
        days = wishes.days or max(longest, 1)
        why["window"] = "as given" if wishes.days else "as long as the longest file"
    return Guess(
        *(facts, words, mode, zone, formats, time, identity, is_identified),
        days=days,
        spans=spans,
        why=why,
    )


def _by_our_names(look: Look, wishes: Wishes) -> Wishes:
    """Wishes about columns that may be called by their headers, by our names of them."""

    def name_of(called: str) -> str:
        return look.feed.by_header.get(canonical(called), called)

    identity = tuple(dict.fromkeys(map(name_of, wishes.identity)))
    return replace(wishes, identity=identity, time=wishes.time and name_of(wishes.time))


def _time(facts: dict[str, Facts]) -> str | None:
    """The column that says when an event was: the one that begins it, if several do."""
    times = [one for one in facts.values() if one.kind == "time" and one.is_whole]

    def rank(one: Facts) -> tuple[bool, bool, bool]:
        goes_on = bool(_GOES_ON.search(one.name))
        return goes_on, not _BEGINS.search(one.name), not one.has_clock

    return min(times, key=rank).name if times else None


def _zone(look: Look, facts: dict[str, Facts], why: dict[str, str]) -> str:
    clocks = [one for one in facts.values() if one.kind == "time" and one.has_clock]
    if clocks and all(one.has_offset for one in clocks):
        why["zone"] = "the times have offsets: their days are counted by this clock"
        return "UTC"
    degrees = [n for n in facts if re.search(r"lon|lng", n) and facts[n].n_values]
    for name in degrees:
        row = look.landing.execute(
            f'select median(try_cast("{name}" as double)) from raw.{look.feed.name}'  # noqa: S608
        ).fetchone()
        for meridian, zone in _US_ZONES:
            if row and row[0] and -125 < row[0] < meridian:
                why["zone"] = f"a guess by the median of {name}, {row[0]:.1f}"
                return zone
    why["zone"] = "nothing in the files shows it: give --zone"
    return "UTC"


def _identity(
    look: Look,
    facts: dict[str, Facts],
    words: tuple[str, ...],
    time: str | None,
    wishes: Wishes,
) -> tuple[tuple[str, ...], bool]:
    """The columns that identify a row, and whether no two different rows share them."""
    columns = ", ".join(f'{value_of(name, words)} as "{name}"' for name in facts)
    # Whole rows that come twice tell nothing.
    look.landing.execute(
        f"""
        create or replace temporary table distinct_rows as
        select distinct held._delivery_seq, {columns}
        from ({_HELD.format(look.feed.name)}) as held
        inner join raw.{look.feed.name} using (_row_hash, _copy)
        """  # noqa: S608
    )
    if wishes.identity:
        return wishes.identity, _identifies(look.landing, wishes.identity, time)
    # Of a single row every column is unique, and only a name tells anything.
    whole = [
        one
        for one in facts.values()
        if one.is_whole and (one.n_rows > 1 or one.is_called_id)
    ]
    ids = [one for one in whole if one.kind in ("text", "integer")]
    are_events = wishes.mode != "snapshot" and bool(
        time and (facts[time].has_clock or wishes.mode)
    )
    for one in sorted(ids, key=lambda one: not one.is_called_id):
        is_alone = not _is_measure(one) and not one.is_clock
        if is_alone and are_events:
            is_alone = _is_of_one_event(look, one)
        if is_alone and _identifies(look.landing, (one.name,), time):
            return (one.name,), True
    # Too few columns would take two events for one, so all that only name something; what
    # may be corrected later is none of them, or a correction would be an event more.
    names = [
        one.name
        for one in ids
        if one.kind == "text" and not _is_measure(one) and not _CHANGES.search(one.name)
    ]
    others = [one.name for one in ids if one.name not in names]
    identity = (*names, *((time,) if time else ()))
    while not (identity and _identifies(look.landing, identity, time)) and others:
        identity = (others.pop(0), *identity)
    if not identity:
        raise UsageError(
            "no column could identify a row: all are measures or have gaps; name those "
            "that do with --identity COLUMN,COLUMN"
        )
    row = look.landing.execute(
        f"select max(_copy) from raw.{look.feed.name}"  # noqa: S608
    ).fetchone()
    comes_twice = bool(row and row[0] > 1)
    return identity, not comes_twice and _identifies(look.landing, identity, time)


def _identity_of_list(
    look: Look,
    facts: dict[str, Facts],
    wishes: Wishes,
    why: dict[str, str],
) -> tuple[str, ...]:
    """All columns of a list that has nothing else to identify its things by."""
    whole = tuple(one.name for one in facts.values() if one.is_whole)
    if wishes.identity or not (whole and _identifies(look.landing, whole, None)):
        shared = ", ".join(wishes.identity or whole)
        raise UsageError(
            f"rows that differ share {shared}, and a list has one row of each thing: name "
            "the columns that identify its things with --identity COLUMN,COLUMN; if each "
            "row is an event, name its time with --time COLUMN"
        )
    why["identity"] = "nothing less distinguishes rows: one that changes is another thing"
    return whole


def _is_of_one_event(look: Look, one: Facts) -> bool:
    """Whether what no two rows share seems to be so by intent, and not by chance.

    A card or a place is met again in the next file, and so is what was measured; numbers
    in the order of the file are given one by one.
    """
    if _TAKES_PART.search(one.name):
        return False
    if one.is_called_id or one.kind != "integer":
        return one.is_called_id or one.is_code
    row = look.landing.execute(
        f"""
        with numbers as (
            select
                cast("{one.name}" as bigint)
                - lag(cast("{one.name}" as bigint)) over in_order as step
            from raw.{look.feed.name}
            window in_order as (partition by _delivery_seq order by _line)
        )
        select min(step) > 0 or max(step) < 0 from numbers
        """  # noqa: S608
    ).fetchone()
    return bool(row and row[0])


def _is_measure(one: Facts) -> bool:
    """Whether a column seems to hold amounts, which identify nothing."""
    is_called = bool(_MEASURES.search(one.name))
    return (one.is_amount or is_called) and not one.is_called_id


def _identifies(
    landing: duckdb.DuckDBPyConnection, names: tuple[str, ...], time: str | None
) -> bool:
    """Whether no two different rows of a file share these columns.

    Rows of several files may: the later is the newer state of an event. If they differ
    in its time they are two, such as those with running numbers that start again. Gaps are
    allowed: rows with one are set aside.
    """
    columns = ", ".join(f'"{name}"' for name in names)
    there = " and ".join(f'"{name}" is not null' for name in names)
    timed = ", ".join(f'"{name}"' for name in (*names, *((time,) if time else ())))
    row = landing.execute(
        f"""
        select
            count(*) = count(distinct (_delivery_seq, {columns}))
            and count(distinct ({columns})) = count(distinct ({timed}))
        from distinct_rows where {there}
        """  # noqa: S608
    ).fetchone()
    return bool(row and row[0])


def _spans(
    look: Look, time: str | None, formats: tuple[str, ...], zone: str
) -> dict[str, tuple[datetime, datetime]]:
    """The first and last time in each file, by its label, the oldest first."""
    if time is None:
        return {}
    feed = look.feed.model_copy(update={"formats": formats, "zone": zone})
    rows = look.landing.execute(
        f"""
        with held as ({_HELD.format(feed.name)})
        select held._delivery_seq, min(moment), max(moment)
        from held
        inner join (
            select _row_hash, _copy, {clock_time(feed, f'"{time}"')} as moment
            from raw.{feed.name}
        ) using (_row_hash, _copy)
        where moment is not null
        group by all
        """  # noqa: S608
    ).fetchall()
    labels = {entry.delivery_seq: entry.label for entry in look.entries}
    found = {labels[seq]: (first, last) for seq, first, last in rows}
    return dict(sorted(found.items(), key=lambda item: item[1][::-1]))


def _mode(
    facts: dict[str, Facts],
    time: str | None,
    identity: tuple[str, ...],
    spans: dict[str, tuple[datetime, datetime]],
    why: dict[str, str],
) -> Mode:
    """What absence means: of several files by what they share, of one by its columns."""
    if time is None:
        why["mode"] = (
            "no column has the time of an event: each file is taken as the whole list"
        )
        return "snapshot"
    if len(spans) > 1:
        ranges = ", ".join(
            f"{one:%Y-%m-%d} to {last:%Y-%m-%d}" for one, last in spans.values()
        )
        if all(_follows(one, other) for one, other in pairwise(spans.values())):
            why["mode"] = f"the files follow one another, {ranges}: each brings new events"
            return "increment"
        why["mode"] = f"the files overlap, {ranges}: each is the whole of its days"
        return "window"
    changing = [name for name in facts if _CHANGES.search(name) and name != time]
    if len(identity) == 1 and identity[0] != time and changing:
        why["mode"] = (
            f"a guess from one file: {identity[0]} identifies, {', '.join(changing)} may "
            "change; if each file brings only new rows, give --mode increment"
        )
        return "window"
    if len(identity) == 1 and not facts[time].has_clock:
        why["mode"] = (
            f"a guess from one file: {identity[0]} identifies, and no date has a time of "
            "day: these are things, not events; if they are events, give --mode increment"
        )
        return "snapshot"
    why["mode"] = (
        "a guess from one file; if each file has all rows of its days again, give --mode "
        "window"
    )
    return "increment"


def _follows(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> bool:
    """Whether one span follows another, but for a little that is sent again."""
    overlap = one[1] - other[0]
    return overlap <= 0.1 * min(one[1] - one[0], other[1] - other[0])
