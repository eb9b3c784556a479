r"""How text becomes time: one definition a feed, for the loader and for staging alike.

A feed lists its formats in `feeds.yml`. Each is a few readings: what a text of that form
looks like, and its value in SQL. The first reading that fits a text decides. They make
expressions that the loader uses, and macros in the landing database by which staging
types the same text as the same time.

A feed also states the range of possible times, `plausible`: with it the loader counts, and
staging sets aside, times that can be read and cannot be true.

A reading gives a time of the clock in the feed's zone, or an instant where the text has
an offset or counts from 1970. Of the formats with a name, what lies before 1990 or after
2099 is no time: 1900 and 9999 stand for none, and such a number counts something else.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import md5

from loaders.config.feeds import Feed
from loaders.sql import literal

_FIRST, _END = "1990-01-01", "2100-01-01"
# Patterns. White space around a text changes nothing.
_YEAR, _SHORT_YEAR = "(199|20[0-9])[0-9]", "([0-5][0-9]|6[0-8]|9[0-9])"
_DATE = f"{_YEAR}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}"
_MINUTES, _SECONDS = "[0-9]{1,2}:[0-9]{2}", "[0-9]{1,2}:[0-9]{2}:[0-9]{2}"
_FRACTION, _HALF = "[.][0-9]{1,6}", "[AaPp][Mm]"
_OFFSET = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
# Times of day behind an American date, with strptime's words for them: the commonest
# first, as each one that does not fit takes time.
_AMERICAN_CLOCKS = (
    (f" +{_SECONDS} +{_HALF}", " %I:%M:%S %p"),
    ("", ""),
    (f" +{_MINUTES}", " %H:%M"),
    (f" +{_SECONDS}", " %H:%M:%S"),
    (f" +{_MINUTES} +{_HALF}", " %I:%M %p"),
    (f" +{_SECONDS}{_FRACTION}", " %H:%M:%S.%f"),
    (f" +{_SECONDS}{_FRACTION} +{_HALF}", " %I:%M:%S.%f %p"),
    (f" +{_MINUTES}{_HALF}", " %I:%M%p"),
    (f" +{_SECONDS}{_HALF}", " %I:%M:%S%p"),
)
# Digits of a number that counts from 1970, and how many microseconds it counts by.
_EPOCHS = {
    "epoch_s": ("[0-9]{9,10}([.][0-9]+)?", 1_000_000),
    "epoch_ms": ("[0-9]{12,13}([.][0-9]+)?", 1000),
    "epoch_us": ("[0-9]{15,16}", 1),
}


@dataclass(frozen=True)
class _Reading:
    """One form that a text may have, as expressions of SQL over that text.

    Attributes:
        fits: whether a text has this form.
        value: its time, a timestamp; or its instant, a timestamp with time zone.
        clock: of an instant, the time as the text has it, in its own offset.
    """

    fits: str
    value: str
    clock: str = ""


def clock_time(feed: Feed, text: str) -> str:
    """The time of a text, an SQL expression, on the clocks of the feed's zone, or null."""
    return _first(feed, text, lambda reading: _local(reading, feed.zone))


def utc_time(feed: Feed, text: str) -> str:
    """The instant of a text as a timestamp in UTC, or null."""
    return _first(feed, text, lambda reading: _utc(reading, feed.zone))


def any_time(feed: Feed, text: str) -> str:
    """The time as a text has it, in whatever zone; sooner found than `clock_time`."""
    return _first(feed, text, lambda reading: reading.clock or reading.value)


def first_reading(feed: Feed, text: str) -> str:
    """The time of a text by the reading that is tried first, or null if that does not fit.

    Where it fits, it is `clock_time` for a feed with windows, and `utc_time` for others:
    these go by days of their own calendar, those are only put in order.
    """
    reading = next(_readings(feed.time_formats[0], text))
    value = _local(reading, feed.zone) if feed.window else _utc(reading, feed.zone)
    return f"case when {reading.fits} then {value} end"


def is_plausible(feed: Feed, moment: str, received: datetime) -> str:
    """Whether a time expression can be true in a delivery received then; never null."""
    return _between(feed, moment, literal(str(received)))


def macros(feed: Feed) -> dict[str, str]:
    """A feed's macros in the landing database: what they give, by name and parameters."""
    if not feed.time_formats:
        return {}
    # By the name that the database has for the loader and for staging alike.
    received = (
        "select deliveries.started_at from landing.raw.deliveries "
        "where deliveries.delivery_seq = seq"
    )
    return {
        f"{feed.name}_time(text)": clock_time(feed, "text"),
        f"{feed.name}_instant(text)": utc_time(feed, "text"),
        f"{feed.name}_time_with_offset(text)": _first(
            feed, "text", lambda reading: reading.clock or "cast(null as timestamp)"
        ),
        f"{feed.name}_is_plausible(moment, seq)": _between(feed, "moment", received),
    }


def _between(feed: Feed, moment: str, received: str) -> str:
    """Whether a time is null or in its feed's range, which ends some days after receipt."""
    return (
        f"coalesce({moment} >= timestamp '{feed.plausible.first}' and {moment} < "
        f"cast(({received}) as timestamp) + to_days({feed.plausible.days_ahead}), true)"
    )


def fingerprint(feed: Feed, *definitions: str) -> str:
    """A hash of all that tells how a feed's text becomes time, and of other definitions."""
    text = "\n".join((feed.zone, *macros(feed).values(), *definitions))
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _first(feed: Feed, text: str, expression: Callable[[_Reading], str]) -> str:
    """An expression of the first of a feed's readings that fits a text."""
    found = []
    for form in feed.time_formats:
        cases = " ".join(
            f"when {reading.fits} then {expression(reading)}"
            for reading in _readings(form, text)
        )
        value = f"case {cases} end"
        if form == "us":
            # For a text that is not an American date, 18 patterns need not be tried.
            value = f"case when {text} like '%_/%_/%' then {value} end"
        found.append(value)
    return f"coalesce({', '.join(found)})"


def _local(reading: _Reading, zone: str) -> str:
    if not reading.clock:
        return reading.value
    return f"timezone({literal(zone)}, {reading.value})"


def _utc(reading: _Reading, zone: str) -> str:
    """The instant of a reading, as a timestamp in UTC."""
    instant = reading.value
    if not reading.clock:
        instant = f"timezone({literal(zone)}, {reading.value})"
    # What timezone('UTC', ...) gives, in a quarter of its time.
    return f"make_timestamp(epoch_us({instant}))"


def _readings(form: str, text: str) -> Iterator[_Reading]:
    """The readings of a format, named or a pattern of strptime."""
    if form == "iso":
        yield from _iso(text)
    elif form == "us":
        yield from _american(text)
    elif form == "excel_serial":
        yield _excel_serial(text)
    elif form in _EPOCHS:
        yield _epoch(text, *_EPOCHS[form])
    else:
        yield _by_pattern(form, text)


def _iso(text: str) -> Iterator[_Reading]:
    """ISO 8601, and what leaves a little of it out; `/` for `-`, and days without zeros."""
    fraction = "([.][0-9]+)?"
    date_time = f"{_DATE}[ T]{_SECONDS}{fraction}"
    yield _instant(_matches(text, date_time + _OFFSET, ""), text)
    yield _Reading(_matches(text, date_time, ""), f"try_cast({text} as timestamp)")
    # DuckDB needs seconds, and the offset right behind them.
    plain = f"upper(trim({text}, ' ' || chr(9) || chr(10) || chr(13) || chr(160)))"
    with_seconds = f"regexp_replace({plain}, '([ T]{_MINUTES}) ?([Z+-])', '\\1:00\\2')"
    joined = f"regexp_replace({with_seconds}, ' ([Z+-])', '\\1')"
    clock = f"[ Tt]{_MINUTES}(:[0-9]{{2}}{fraction})?"
    offset = _OFFSET.replace("Z", "[Zz]")
    blanks = "[\\s\\x{a0}]*"
    yield _instant(_matches(text, f"{_DATE}{clock} ?{offset}", blanks), joined)
    yield _Reading(
        _matches(text, f"{_DATE}({clock})?", blanks), f"try_cast({plain} as timestamp)"
    )


def _instant(fits: str, text: str) -> _Reading:
    """A reading of ISO text with an offset; cast to a timestamp, DuckDB leaves that out."""
    return _Reading(
        fits, f"try_cast({text} as timestamptz)", f"try_cast({text} as timestamp)"
    )


def _american(text: str) -> Iterator[_Reading]:
    """Month, day and year; of a year in two digits, 69 is no year that is read."""
    for digits, year in ((_YEAR, "%Y"), (_SHORT_YEAR, "%y")):
        for pattern, clock in _AMERICAN_CLOCKS:
            yield _Reading(
                _matches(text, f"[0-9]{{1,2}}/[0-9]{{1,2}}/{digits}{pattern}"),
                f"try_strptime({text}, '%m/%d/{year}{clock}')",
            )


def _excel_serial(text: str) -> _Reading:
    """Days since 1899-12-30, to the second: decimals are rarely written out."""
    days = f"try_cast({text} as double)"
    first, end = (f"date '{day}' - date '1899-12-30'" for day in (_FIRST, _END))
    fits = _matches(text, "[0-9]{5}([.][0-9]+)?")
    return _Reading(
        f"{fits} and {days} >= {first} and {days} < {end}",
        f"timestamp '1899-12-30' + to_seconds(round({days} * 86400))",
    )


def _epoch(text: str, digits: str, microseconds: int) -> _Reading:
    """A number that counts from 1970."""
    count = f"try_cast(round(try_cast({text} as double) * {microseconds}) as bigint)"
    first, end = (f"epoch_us(timestamp '{day}')" for day in (_FIRST, _END))
    return _Reading(
        f"{_matches(text, digits)} and {count} >= {first} and {count} < {end}",
        f"make_timestamptz({count})",
        f"make_timestamp({count})",
    )


def _by_pattern(form: str, text: str) -> _Reading:
    """A pattern of strptime, with an offset (%z) or without."""
    value = f"try_strptime({text}, {literal(form)})"
    if re.search("%[zZ]", form.replace("%%", "")):
        clock = f"make_timestamp(epoch_us({value}))"
        return _Reading(_in_range(value, "timestamptz"), value, clock)
    return _Reading(_in_range(value, "timestamp"), value)


def _matches(text: str, pattern: str, blanks: str = "\\s*") -> str:
    return f"regexp_full_match({text}, '{blanks}{pattern}{blanks}')"


def _in_range(value: str, kind: str) -> str:
    """Whether a timestamp, or one with time zone, is one that Python can hold, too."""
    first, end = (f"{kind} '{day} 00:00:00+00'" for day in ("1901-01-01", "10000-01-01"))
    return f"{value} >= {first} and {value} < {end}"
