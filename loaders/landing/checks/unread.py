"""What of a delivery cannot be used: noted, and if it is too much the delivery is held."""

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryHeldError
from loaders.files.csv_records import Body
from loaders.landing.checks.anomalies import ACCEPT_IT
from loaders.landing.draft import BlanksFound, RejectsFound, TimesFound
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import FIRST_READ, ParsedDelivery
from loaders.landing.rejects import rejects_of
from loaders.landing.times import any_time, clock_time, is_plausible

# What more than this share of is rejected is another kind of file than was expected; of
# so few records, only if no other is left.
MAX_REJECTED_SHARE = 0.5
FEW_REJECTED = 10
N_EXAMPLES = 5
_BLANK = r"[\s\x{a0}]*"
# Dates such as 28/2/2026 and 2/28/2026, which only one order of day and month allows.
_DAY_FIRST = r"\s*(1[3-9]|2[0-9]|3[01])/(0?[1-9]|1[0-2])/[0-9]{2}([0-9]{2})?(\D.*)?"
_MONTH_FIRST = r"\s*(0?[1-9]|1[0-2])/(1[3-9]|2[0-9]|3[01])/[0-9]{2}([0-9]{2})?(\D.*)?"
_EITHER = r"\s*(0?[1-9]|1[0-2])/(0?[1-9]|1[0-2])/[0-9]{2}([0-9]{2})?(\D.*)?"


@dataclass(frozen=True)
class Unread:
    """The values of a column that cannot be read as times, or not be true.

    Blank ones are not counted.

    Attributes:
        column: its name.
        n: how many there are.
        n_values: of how many values.
        n_day_first: how many of them have a day above 12 where the feed has the month.
        n_month_first: how many values, read or not, have one in the second place.
        examples: the first of them, each once, with their lines.
        n_implausible: how many are times that cannot be true.
        implausible_examples: the first of these.
        range: what times of the feed are between.
    """

    column: str
    n: int
    n_values: int
    n_day_first: int
    n_month_first: int
    examples: str
    n_implausible: int
    implausible_examples: str
    range: str

    def __str__(self) -> str:
        """In words, as the command line says it."""
        of = f"of {self.n_values:,} {self.column} not"
        found = []
        if self.n:
            found.append(f"{self.n:,} {of} readable as times, such as {self.examples}")
        if self.n_implausible:
            found.append(
                f"{self.n_implausible:,} {of} {self.range}, "
                f"such as {self.implausible_examples}"
            )
        return "; ".join(found)


def judge_rejects(
    landing: duckdb.DuckDBPyConnection, entry: Entry, body: Body
) -> RejectsFound:
    """Say what most of the rejected records were rejected for.

    Raises:
        DeliveryHeldError: with all reasons, if that is most of the file.
    """
    n_rows, n = body.n_records - body.n_blank, body.n_rejected
    if not n:
        return RejectsFound()
    reasons = landing.execute(
        f"""
        select reason, count(*), min(line), arg_min(detail, line)
        from {rejects_of(body)}
        group by reason
        order by count(*) desc, reason
        """,  # noqa: S608
        [str(body.rejects)],
    ).fetchall()
    found = [
        f"{count:,} for {reason}, such as line {line}: {detail}"
        for reason, count, line, detail in reasons
    ]
    is_doubtful = n > MAX_REJECTED_SHARE * n_rows and n >= FEW_REJECTED
    is_doubtful |= n == n_rows > 1
    # Of a file that was cut, that is what there is to say.
    if is_doubtful and not entry.accepted_by and not body.is_cut:
        raise DeliveryHeldError(
            "mostly_rejected",
            f"{n:,} of {n_rows:,} records rejected: {'; '.join(found)}; ask for a file "
            f"whose records have the fields of its header; {ACCEPT_IT}",
        )
    whole_list = f"list them with: eventmart rejects --feed {entry.feed}"
    return RejectsFound((f"rejected: {found[0]}; {whole_list}",))


def judge_times(entry: Entry, parsed: ParsedDelivery) -> TimesFound:
    """Find which times cannot be read, or not be true.

    Of lines that are known, none is judged again.

    Raises:
        DeliveryHeldError: if it is more than the feed allows, or if days stand where the
            feed has months, and nobody has accepted that.
    """
    landing, feed = parsed.landing, parsed.feed
    notes = _unclear_order(parsed)
    found = unread_times(entry, parsed)
    if not found:
        return TimesFound(notes=notes)
    if not entry.accepted_by:
        for unread in found:
            _hold_if_day_first(feed, unread)
        for unread in found:
            _hold_if_untyped(feed, unread)
    tests = [
        f"{_is_unread(feed, unread.column)} or "
        f"{_is_implausible(feed, unread.column, entry.started_at)}"
        for unread in found
        if feed.time_columns[unread.column]
    ]
    counted = landing.execute(
        f"select count(*) from {parsed.rows} "  # noqa: S608
        f"where {' or '.join(tests) or 'false'}"
    ).fetchone()
    return TimesFound(int(counted[0]) if counted else 0, (*notes, *map(str, found)))


def time_questions(parsed: ParsedDelivery) -> list[str]:
    """What the judgement of times asks of all rows: see `ParsedDelivery.ask`."""
    columns = _time_columns(parsed)
    return [_HAS_SLASH.format(name) for name in columns] + [
        question for name in columns for question in first_read(name)
    ]


def first_read(name: str) -> tuple[str, str, str, str]:
    """Of a column: its values, those of the first reading, their earliest and latest.

    Moments are counted in microseconds: Python has none after the year 9999.
    """
    read = _quoted(f"{name}{FIRST_READ}")
    times = f"epoch_us(min({read}))", f"epoch_us(max({read}))"
    return f"count({_quoted(name)})", f"count({read})", *times


def newest_first_read(entry: Entry, parsed: ParsedDelivery, name: str) -> datetime | None:
    """The newest value of a column, if all are times by the first reading and can be true.

    By that reading it is what `clock_time` of a feed with windows is, and `utc_time` else.
    """
    n, n_read, first, last = parsed.ask(*first_read(name))
    if n == 0 or n != n_read:
        return None
    # In whatever zone a time is, it is less than a day off.
    earliest = datetime.combine(parsed.feed.plausible.first, time.min) + timedelta(days=1)
    if first < _microseconds(earliest) or last > _microseconds(entry.started_at):
        return None
    return _EPOCH + timedelta(microseconds=last)


# From when DuckDB counts what has no zone.
_EPOCH = datetime(1970, 1, 1)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _time_columns(parsed: ParsedDelivery) -> list[str]:
    return [name for name in parsed.feed.time_columns if name in parsed.columns]


_HAS_SLASH = "bool_or(contains(\"{}\", '/'))"


def _unclear_order(parsed: ParsedDelivery) -> tuple[str, ...]:
    """Report dates that have the day or the month first, if no day is above 12.

    One day above 12, in any time of the file or of landed rows, is proof for all.
    """
    landing, feed = parsed.landing, parsed.feed
    names = _time_columns(parsed)
    slashed = parsed.ask(*map(_HAS_SLASH.format, names)) if names else ()
    if not any(slashed):
        return ()
    columns = [_quoted(name) for name in names]

    def is_like(pattern: str) -> str:
        # For a value without a slash, patterns need not be tried.
        return " or ".join(
            f"(contains({c}, '/') and regexp_full_match({c}, '{pattern}'))" for c in columns
        )

    is_either, is_clear = is_like(_EITHER), is_like(f"{_DAY_FIRST}|{_MONTH_FIRST}")

    def first_of(rows: str, condition: str) -> str | None:
        row = landing.execute(
            f"""
            select min(list_filter(
                [{", ".join(columns)}], lambda text: regexp_full_match(text, '{_EITHER}')
            )[1])
            from {rows}
            where {condition}
            """  # noqa: S608
        ).fetchone()
        return row[0] if row else None

    def has(rows: str, condition: str) -> bool:
        row = landing.execute(f"select exists (from {rows} where {condition})").fetchone()
        return row == (True,)

    # One question at a time: landed rows are read only where the file's own say nothing.
    held = f"raw.{feed.name}"
    example = None if has(parsed.rows, is_clear) else first_of(parsed.rows, is_either)
    if example is None or has(held, is_clear):
        return ()
    return (
        "no date such as 3/4/2024 has a day above 12, so it is unknown whether the month "
        f"or the day is first: read by {', '.join(feed.time_formats)}; if that is wrong, "
        f'put "{_day_first_pattern(example)}" first in the formats of the feed in '
        "feeds.yml",
    )


def find_blanks(parsed: ParsedDelivery) -> BlanksFound:
    """Find how many rows lack their time, id or shape.

    Staging sets most of them aside: that is no reason to hold the rest, but none to be
    silent. Of lines that are known, none is counted again.
    """
    columns = _required(parsed)
    n_blank = parsed.ask(*map(_n_blank, columns))
    return BlanksFound(
        tuple(
            f"{n:,} of {parsed.n_rows:,} rows have no {name}"
            for name, n in zip(columns, n_blank, strict=True)
            if n
        )
    )


def blank_questions(parsed: ParsedDelivery) -> list[str]:
    """What the count of blanks asks of all rows: see `ParsedDelivery.ask`."""
    return [_n_blank(name) for name in _required(parsed)]


def _required(parsed: ParsedDelivery) -> list[str]:
    feed = parsed.feed
    ids = [name for name in feed.id_columns if feed.columns[name].required]
    shapes = ["geometry"] if feed.format == "geojson" else []
    required = (*feed.event_times[:1], *ids, *shapes)
    return [name for name in required if name in parsed.columns]


def _n_blank(name: str) -> str:
    # Nothing that begins with more than a space is trimmed to nothing: that saves trimming.
    text = _quoted(name)
    return (
        f"count(*) filter (where case when {text} < '!' then trim({text}) = '' "
        f"else {text} is null end)"
    )


def unread_times(entry: Entry, parsed: ParsedDelivery) -> list[Unread]:
    """The columns of a delivery that are times, of which some values cannot be used."""
    landing, feed = parsed.landing, parsed.feed
    columns = [
        name
        for name in _time_columns(parsed)
        if newest_first_read(entry, parsed, name) is None
    ]
    if not columns:
        return []
    # Nearly always all can be: this has to be quick. In whatever zone a time is, it is less
    # than a day off, and what lies nearer to a limit is looked at.
    first, last = feed.plausible.first, entry.started_at
    range_ = f"timestamp '{first}' + to_days(1) and timestamp '{last}'"
    surely_good = {
        name: f"{any_time(feed, _quoted(name))} between {range_}" for name in columns
    }
    counts = ", ".join(
        f"count({_quoted(name)}) - count(case when {test} then 1 end)"
        for name, test in surely_good.items()
    )
    row = landing.execute(f"select {counts} from {parsed.rows}").fetchone() or ()  # noqa: S608
    found = [
        _look(name, parsed, entry.started_at, surely_good[name])
        for name, n in zip(columns, row, strict=True)
        if n
    ]
    return [unread for unread in found if unread.n or unread.n_implausible]


def known_formats(feed: Feed) -> str:
    """The formats that a feed knows, and what to do about others."""
    known = ", ".join(feed.time_formats)
    return f"the feed reads the formats {known}: add the format of its files in feeds.yml"


def _look(
    name: str, parsed: ParsedDelivery, received: datetime, surely_good: str
) -> Unread:
    landing, feed = parsed.landing, parsed.feed
    is_unread = _is_unread(feed, name)
    is_implausible = _is_implausible(feed, name, received)
    # By the value: few are doubtful, or most are like each other.
    landing.execute(
        f"""
        create or replace temporary table doubtful_times as
        select {_quoted(name)}, count(*) as n_rows, min(_line) as first_line
        from {parsed.rows}
        where not coalesce({surely_good}, false) and {_quoted(name)} is not null
        group by {_quoted(name)}
        """  # noqa: S608
    )
    n_values, n_month_first = landing.execute(
        f"""
        select
            -- Known lines, of which there are no rows here, count as read.
            $n_good - count(*) filter (where {_is_blank(name)}),
            count(*) filter (where regexp_full_match({_quoted(name)}, $month_first))
        from {parsed.rows}
        """,  # noqa: S608
        {"n_good": parsed.n_rows, "month_first": _MONTH_FIRST},
    ).fetchone() or (0, 0)
    n, n_day_first, n_implausible = landing.execute(
        f"""
        select coalesce(sum(n_rows) filter (where is_unread), 0),
            coalesce(
                sum(n_rows) filter (
                    where is_unread and regexp_full_match({_quoted(name)}, $day_first)
                ),
                0
            ),
            coalesce(sum(n_rows) filter (where {is_implausible}), 0)
        from (select *, {is_unread} as is_unread from doubtful_times)
        """,  # noqa: S608
        {"day_first": _DAY_FIRST},
    ).fetchone() or (0, 0, 0)
    last = received.date() + timedelta(days=feed.plausible.days_ahead)
    return Unread(
        name,
        int(n),
        n_values,
        int(n_day_first),
        n_month_first,
        _examples(name, parsed, is_unread),
        int(n_implausible),
        _examples(name, parsed, is_implausible),
        f"between {feed.plausible.first} and {last}",
    )


def _examples(name: str, parsed: ParsedDelivery, condition: str) -> str:
    landing, feed = parsed.landing, parsed.feed
    examples = landing.execute(
        f"""
        select {_quoted(name)}, first_line
        from doubtful_times
        where {condition}
        order by first_line
        limit {N_EXAMPLES}
        """  # noqa: S608
    ).fetchall()
    return ", ".join(f"{feed.quote(name, value)} (line {line})" for value, line in examples)


def _is_unread(feed: Feed, name: str) -> str:
    return f"({any_time(feed, _quoted(name))} is null and not {_is_blank(name)})"


def _is_implausible(feed: Feed, name: str, received: datetime) -> str:
    return f"(not {is_plausible(feed, clock_time(feed, _quoted(name)), received)})"


def _is_blank(name: str) -> str:
    return f"coalesce(regexp_full_match({_quoted(name)}, '{_BLANK}'), true)"


def _quoted(name: str) -> str:
    return f'"{name}"'


def _hold_if_day_first(feed: Feed, unread: Unread) -> None:
    """Hold what has days where the feed has months: others would be swapped unseen.

    If there are days above 12 in second place too, those in first place may be slips.
    """
    reads_months_first = any(
        form == "us" or re.match("%-?m.*%-?d", form) for form in feed.time_formats
    )
    share = unread.n_day_first / unread.n_values
    if not reads_months_first or unread.n_day_first == 0:
        return
    if unread.n_month_first == 0 or share > feed.max_untyped_share:
        raise DeliveryHeldError(
            "day_first_dates",
            f"{unread}: {unread.n_day_first:,} have a day above 12 where the feed reads "
            "the month, so that days up to 12 would be taken for months; ask for dates "
            "with the month first, or, if all files have the day first, put "
            f'"{_day_first_pattern(unread.examples)}" before us in the formats of the feed '
            "in feeds.yml",
        )


def _day_first_pattern(examples: str) -> str:
    """The pattern that reads such values with the day first, as `strptime` has it."""
    year = "%Y" if re.search(r"/\d{4}", examples) else "%y"
    seconds = ":%S" if re.search(r"\d:\d\d:\d\d", examples) else ""
    if re.search(r":\d\d ?[AaPp][Mm]", examples):
        clock = f" %I:%M{seconds} %p"
    else:
        clock = f" %H:%M{seconds}" if re.search(r"\d:\d\d", examples) else ""
    return f"%d/%m/{year}{clock}"


def _hold_if_untyped(feed: Feed, unread: Unread) -> None:
    """Hold what has too many values that cannot be used; one alone is a slip."""
    if not feed.time_columns[unread.column]:
        return
    n_most = max(1, feed.max_untyped_share * unread.n_values)
    # What has no time of its event is none; without another time it is one all the same.
    is_of_event = unread.column in feed.event_times[:1]
    without = (
        f"rows without {unread.column} are set aside"
        if is_of_event
        else (f"such values of {unread.column} become blank")
    )
    if unread.n_implausible > n_most:
        raise DeliveryHeldError(
            "implausible_dates",
            f"{unread}; if such times are right, change `plausible` of the feed in "
            f"feeds.yml; {ACCEPT_IT}, and {without}",
        )
    if unread.n > n_most:
        raise DeliveryHeldError(
            "untyped_dates",
            f"{unread}; {known_formats(feed)}; if they mean no value, add them to its "
            f"null_markers; {ACCEPT_IT}, and {without}",
        )
