"""What the values of each column are: numbers, times, identifiers, or text."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import duckdb

from loaders.config.feeds import Feed
from loaders.landing.times import clock_time
from loaders.sql import literal

Kind = Literal["text", "integer", "decimal", "double", "time"]
# Words that stand for nothing in files of all kinds.
_NULL_WORDS = ("null", "n/a", "na", "none", "nan", "nil", "-", "--", "#n/a")
# Forms that a text may have as time. Day before month is no form of `us`.
_DAY_FIRST = tuple(
    f"%d{mark}%m{mark}{year}{clock}"
    for mark, year in (("/", "%Y"), ("/", "%y"), (".", "%Y"), ("-", "%Y"))
    for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
_WORDED = (
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d-%b-%Y %H:%M:%S",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %b %Y",
)
# Numbers are times only where a column is called so.
_NUMBERS = ("%Y%m%d", "%Y%m%d%H%M%S", "epoch_s", "epoch_ms", "epoch_us", "excel_serial")
_CALLED_TIME = re.compile(r"date|time|stamp|epoch|dttm|(^|_)(ts|at|on)($|_)")
_CALLED_ID = re.compile(
    r"(^|_)(id|ids|key|code|zip|hash|phone|card|account|sku|upc|serial|district|fips|no|nr|"
    r"num|item|product|machine|kiosk|sensor|device|station|store|site|user|customer|vehicle|"
    r"route|slot|location)($|_)|(id|key|code|number|zip|zipcode|postcode|phone|hash)$"
)
_CLOCK = "[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?( ?[AaPp][Mm])?"
# Dots between thousands, and a comma before decimals; that it is no comma of thousands is
# clear where other than three digits follow, or dots stand before it.
_COMMA = "-?([0-9]{1,3}([.][0-9]{3})+|[0-9]+)(,[0-9]+)?"
_SURE_COMMA = "-?([0-9.]*[.][0-9]{3},[0-9]+|[0-9]+,([0-9]{1,2}|[0-9]{4,})|0,[0-9]+)"
# $1,234.50, 1,50 €, 12.5 %: amounts, however they are written.
_AMOUNT = "[^0-9A-Za-z]*[0-9][0-9., ]*[^0-9]{0,4}"
_CALLED_DEGREES = re.compile(r"(^|_)(lat|lon|lng|latitude|longitude|x|y)($|_)|degree")
_OFFSET = ":[0-9][0-9:.]* ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
# Of times: so many of the values must be readable.
_MOST = 0.95


@dataclass(frozen=True)
class Facts:
    """What the values of a column have in common.

    Attributes:
        n_values: rows that have one.
        n_rows: all rows.
        sql_type: what it is typed as, unless it is text or a time.
        formats: of a time, the forms that its values have.
        is_ambiguous: of a time, whether day and month could be either.
        has_clock: of a time, whether a time of day stands in it.
        has_offset: of a time, whether an offset from UTC stands in it.
        is_digits: whether no value has anything but digits, and one dot at most.
        has_comma: whether all values are numbers, and some have a comma before decimals; in
            a text it could as well be one of thousands.
        is_amount: of a text, whether all values are numbers with signs of amounts.
        is_code: whether each value has a digit, and no blank.
        is_clock: of a text, whether all values are times of a day.
        has_damaged: whether a value would not be taken for an id.
    """

    name: str
    kind: Kind
    n_values: int
    n_rows: int
    n_distinct: int
    sql_type: str = "varchar"
    formats: tuple[str, ...] = ()
    is_ambiguous: bool = False
    has_clock: bool = False
    has_offset: bool = False
    is_digits: bool = False
    has_comma: bool = False
    is_amount: bool = False
    is_code: bool = False
    is_clock: bool = False
    has_damaged: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nearly every row has a value; in few rows one or two may lack it."""
        n_missing = self.n_rows - self.n_values
        return n_missing <= max(2, 0.01 * self.n_rows) and n_missing <= self.n_rows / 5

    @property
    def is_called_id(self) -> bool:
        """Whether its name is one of identifiers."""
        return bool(_CALLED_ID.search(self.name))


def null_words(landing: duckdb.DuckDBPyConnection, feed: Feed) -> tuple[str, ...]:
    """Words as sent that stand for nothing in a column whose other values are numbers."""
    found: set[str] = set()
    for name in feed.columns:
        rows = landing.execute(
            f"""
            with named as (
                select
                    "{name}" as sent,
                    list_contains(?, lower(trim("{name}"))) as is_word
                from raw.{feed.name}
                where "{name}" is not null
            )
            select distinct sent from named
            where is_word and (
                select count(*) > 0 and bool_and(regexp_full_match(sent, '.*[0-9].*'))
                from named where not is_word
            )
            """,  # noqa: S608
            [_NULL_WORDS],
        ).fetchall()
        found |= {str(sent) for (sent,) in rows}
    return tuple(sorted(found))


def survey(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    words: tuple[str, ...] = (),
    *,
    day_first: bool = False,
) -> list[Facts]:
    """What the values of each column of a feed's rows are.

    Args:
        landing: where the rows stand.
        feed: whose they are.
        words: those that stand for no value.
        day_first: that the day stands before the month where either is possible.
    """
    # If one column proves it, it is true for the others, too.
    is_proven = {"day_first": day_first, "commas": False}
    while True:
        found = [_facts(landing, feed, name, words, **is_proven) for name in feed.columns]
        seen = {
            "day_first": any(set(one.formats) & {*_DAY_FIRST} for one in found),
            "commas": any(one.has_comma and one.kind != "text" for one in found),
        }
        if not any(seen[what] and not is_proven[what] for what in seen):
            return found
        is_proven = {what: seen[what] or is_proven[what] for what in seen}


def value_of(name: str, words: Iterable[str] = ()) -> str:
    """An expression for a column's value: without blanks around it, null if empty."""
    nothing = ", ".join(literal(word) for word in ("", *words))
    text = f"""trim("{name}", ' ' || chr(9) || chr(10) || chr(13) || chr(160))"""
    return f"case when {text} not in ({nothing}) then {text} end"


def _facts(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    name: str,
    words: tuple[str, ...],
    day_first: bool,
    commas: bool,
) -> Facts:
    row = landing.execute(
        f"""
        select
            count(value), count(*), count(distinct value),
            bool_and(regexp_full_match(value, '-?(0|[1-9][0-9]{{0,17}})')),
            bool_and(regexp_full_match(value, '-?(0|[1-9][0-9]{{0,14}})([.][0-9]+)?')),
            max(length(regexp_extract(value, '[.,]([0-9]+)$', 1))),
            bool_and(regexp_full_match(value, '[0-9]*[.]?[0-9]*')),
            bool_or(value like '%:%'),
            bool_or(regexp_full_match(value, '.*{_OFFSET}')),
            bool_and(regexp_full_match(value, '{_COMMA}'))
            and bool_or(regexp_matches(value, '[.,]')),
            bool_or(regexp_full_match(value, '{_SURE_COMMA}')),
            bool_and(regexp_full_match(value, '{_AMOUNT}'))
            and bool_or(regexp_matches(value, '[.,$€£¥%]')),
            bool_and(regexp_full_match(value, '[^ ]*[0-9][^ ]*')),
            bool_and(regexp_full_match(value, '{_CLOCK}')),
            coalesce(bool_or(raw.is_damaged_id(value)), false)
        from (select {value_of(name, words)} as value from raw.{feed.name})
        """  # noqa: S608
    ).fetchone()
    n_values, n_rows, n_distinct, *looks = row or ()
    is_integer, is_number, scale, is_digits, has_clock, has_offset, *others = looks
    is_comma, is_sure, is_amount, is_code, is_clock, has_damaged = map(bool, others)
    is_sure |= commas and not _CALLED_DEGREES.search(name)
    has_comma = is_comma and not is_integer and (is_sure or not is_number)
    if has_comma:
        is_number = is_sure
    kind: Kind = "text"
    sql_type = "varchar"
    if n_values and (not is_digits or _CALLED_TIME.search(name)):
        times = _times(landing, feed, name, words, n_values, is_digits, day_first)
        if times:
            return Facts(
                name, "time", n_values, n_rows, n_distinct, "timestamp", *times,
                has_clock=bool(has_clock) or times[0][0] in _NUMBERS[1:],
                has_offset=bool(has_offset) or times[0][0].startswith("epoch"),
            )  # fmt: skip
    if is_integer and not _CALLED_ID.search(name):
        kind, sql_type = "integer", "bigint"
    elif is_number and not is_integer:
        # Room for a digit or two that no value has used yet.
        places = next((p for p in (2, 4, 6) if scale <= p), None)
        is_decimal = places and not _CALLED_DEGREES.search(name)
        kind = "decimal" if is_decimal else "double"
        sql_type = f"decimal(18, {max(places or 0, 4)})" if is_decimal else "double"
    return Facts(
        name, kind, n_values, n_rows, n_distinct, sql_type, is_digits=bool(is_digits),
        has_comma=has_comma, is_amount=is_amount, is_code=is_code, is_clock=is_clock,
        has_damaged=has_damaged,
    )  # fmt: skip


def _times(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    name: str,
    words: tuple[str, ...],
    n_values: int,
    is_digits: bool,
    day_first: bool,
) -> tuple[tuple[str, ...], bool] | None:
    """The forms that the values of a column have as times; whether it could be others."""
    forms = _NUMBERS if is_digits else ("iso", "us", *_DAY_FIRST, *_WORDED)
    counts = ", ".join(
        f"count({clock_time(feed.model_copy(update={'formats': (form,)}), 'value')})"
        for form in forms
    )
    row = landing.execute(
        f"select {counts} from (select {value_of(name, words)} as value "  # noqa: S608
        f"from raw.{feed.name})"
    ).fetchone()
    read = {form: n for form, n in zip(forms, row or (), strict=True) if n}
    days = {form: n for form, n in read.items() if form in _DAY_FIRST}
    is_ambiguous = sum(days.values()) >= read.get("us", 0) > 0
    # What month first reads wholly, day first may read by chance.
    drops_days = not day_first and read.get("us", 0) >= sum(days.values())
    for form in days if drops_days else ("us",):
        read.pop(form, None)
    chosen: list[str] = []
    for form in sorted(read, key=lambda form: -read[form]):
        if sum(read[one] for one in chosen) < n_values:
            chosen.append(form)
    if sum(read[form] for form in chosen) < _MOST * n_values:
        return None
    return tuple(chosen), is_ambiguous and not day_first
