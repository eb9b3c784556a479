"""Ids that are none: what spreadsheets make of them, and one id for many rows.

What is damaged is defined here once, as a macro of the landing database, by which the
loader judges deliveries and staging judges rows. Digits that are lost cannot be restored,
and are never guessed.
"""

from dataclasses import dataclass, replace

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryHeldError
from loaders.landing.draft import IdsFound
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery
from loaders.sql import quoted

# Fewer rows that share ids are set apart later; they say nothing of the whole.
MIN_SHARING = 10
MAX_EXAMPLES = 5
# So many would be other than they are, if it were chance: once in a thousand deliveries.
MIN_EXPECTED = 7
_LONG, _ROUNDED = r"\d{16,40}", r"\d{15}0+"
_BLANK = r"[\s\x{a0}]*"
_DAMAGED = "|".join(
    (
        # 2.0131E+15, 2,0131e15, 2E+15; 12E4 may be an id.
        r"[+-]?\s*\d+[.,]\d*\s*[eE]\s*[+-]?\s*\d+",
        r"[+-]?\s*\d+\s*[eE]\s*[+-]\s*\d+",
        # A column that was too narrow; #N/A, #NV, #VALUE!, #NAME?, in any language.
        r"#+",
        r"#N/?[A-Z]+",
        r"#[\p{Lu}/0_]+[!?]",
        # Nothing, in other words.
        r"[+-]?0+(?:[.,]0*)?",
        r"[-\x{2013}\x{2014}_.?*]+",
        r"(?i:nan)",
        # ="2013", '2013 and 2,013 are other texts than 2013, and would be other ids.
        r"=.*",
        r"[\x{27}\x{2019}]\s*\d[\w.-]*",
        r"\d{1,3}(?:[,\x{27}\x{2019}\x{a0}\x{202f}]\d{3})+(?:[.]0*)?",
        # Longer than a spreadsheet can hold, and rounded to what it had shown.
        r"[+-]?\d{7,}0{9,}(?:[.,]0*)?",
    )
)
# What is long, such as a hash, is looked at no further: that saves much of the time.
DEFINITION = f"""
create or replace macro raw.is_damaged_id(id) as coalesce(
    case
        -- What fills pages is no id, and would fill those of every report.
        when strlen(id) > 1000 then true
        when strlen(id) > 40 and not starts_with(id, '#') then false
        else regexp_full_match(id, '{_BLANK}(?:{_DAMAGED}){_BLANK}')
    end,
    false
)
"""


@dataclass(frozen=True)
class _Found:
    """What the ids of a column are like.

    Attributes:
        n_damaged: how many are none.
        has_led: whether one has zeros in front.
        n_long: how many are longer than 15 digits.
        n_exact: how many of these have more than zeros after the 15th.
        shortest: the length of the shortest of these.
    """

    n_damaged: int = 0
    has_led: bool = False
    n_long: int = 0
    n_exact: int = 0
    shortest: int = 0


def id_questions(parsed: ParsedDelivery) -> list[str]:
    """What the judgement of ids asks of all rows: see `ParsedDelivery.ask`."""
    if parsed.is_picked:
        return []  # Ids of lines that are known count, too.
    return [_n_doubtful(parsed.feed, name) for name in _id_columns(parsed)]


def _id_columns(parsed: ParsedDelivery) -> list[str]:
    return [name for name in parsed.feed.id_columns if name in parsed.columns]


def _n_doubtful(feed: Feed, name: str) -> str:
    return f"count(*) filter (where {_is_doubtful(feed, name)})"


def _is_doubtful(feed: Feed, name: str) -> str:
    return is_doubtful(quoted(name), is_long=feed.columns[name].incompressible)


def is_doubtful(id_: str, *, is_long: bool) -> str:
    """Whether an id may be damaged, long or led by zeros, which patterns tell.

    Of others that is clear without, in less time to plan and to run: of whole numbers as a
    database writes them, below those that spreadsheets round; where ids are long random
    text, of all that is too long for a number, of whose zeros nobody asks.
    """
    if is_long:
        return f"strlen({id_}) not between 41 and 1000 or {id_} < '$'"
    return (
        f"strlen({id_}) > 15 or {id_} = '0' "
        f"or cast(try_cast({id_} as bigint) as varchar) is distinct from {id_}"
    )


def judge_ids(
    entry: Entry, parsed: ParsedDelivery
) -> tuple[IdsFound, DeliveryHeldError | None]:
    """Find how many rows of a delivery have damaged ids.

    Returns:
        What was found; and why the delivery is to be held: they are more than the feed's
        share, or so many rows share their ids with others, and nobody has accepted that.
    """
    landing, feed = parsed.landing, parsed.feed
    columns, told = _id_columns(parsed), _told_by(entry, parsed)
    if not columns and not told:
        return IdsFound(), None
    rows = parsed.with_lines([*dict.fromkeys((*columns, *told))])
    like = _look(parsed, rows, columns)
    found = IdsFound()
    if damaged := [name for name, of in like.items() if of.n_damaged]:
        # What came like that before stands for nothing that is missing now.
        new = landing.execute(
            f"select count(*) from {parsed.new_rows} "  # noqa: S608
            f"where {' or '.join(_is_damaged(feed, name) for name in damaged)}"
        ).fetchone()
        found = IdsFound(new[0] if new else 0)
    notes = []
    try:
        for name in damaged:
            n = like[name].n_damaged
            values = _examples(landing, feed, rows, name, _is_damaged(feed, name))
            said = f"{n:,} of {parsed.n_rows:,} rows have a damaged {name}: {values}"
            if _is_too_much(entry, parsed, n):
                raise _damaged(
                    f"{said}; a spreadsheet writes such ids", "such rows are set aside"
                )
            notes.append(f"{said}: no id")
        for name in _with_led(parsed, like):
            notes += _judge_zeros(entry, parsed, rows, name)
        if not entry.accepted_by:
            for name in columns:
                _hold_if_rounded(landing, feed, rows, name, like[name])
        notes += _judge_shared(entry, parsed, rows, told)
    except DeliveryHeldError as error:
        return found, error
    return replace(found, notes=tuple(notes)), None


def _look(parsed: ParsedDelivery, rows: str, columns: list[str]) -> dict[str, _Found]:
    """What the ids of each column are like; patterns are tried where some are not plain."""
    if parsed.is_picked:
        doubtful = columns
    else:
        counts = parsed.ask(*id_questions(parsed))
        doubtful = [name for name, n in zip(columns, counts, strict=True) if n]
    found = dict.fromkeys(columns, _Found())
    if not doubtful:
        return found
    counts_of_each = ", ".join(
        f"count(*) filter (where {_is_damaged(parsed.feed, name)}), "
        f"coalesce(bool_or({_is_led(name)}), false), {_long(name)}"
        for name in doubtful
    )
    is_any = " or ".join(_is_doubtful(parsed.feed, name) for name in doubtful)
    answers = parsed.landing.execute(
        f"select {counts_of_each} from {rows} where {is_any}"  # noqa: S608
    ).fetchone()
    values = iter(answers or ())
    of_each = zip(values, values, values, values, values, strict=True)
    return found | {name: _Found(*of) for name, of in zip(doubtful, of_each, strict=True)}


def _is_too_much(entry: Entry, parsed: ParsedDelivery, n: int) -> bool:
    """Whether so many rows are more than the feed's share, and nobody accepted that."""
    feed = parsed.feed
    return n > feed.max_damaged_share * parsed.n_rows and not entry.accepted_by


def _with_led(parsed: ParsedDelivery, like: dict[str, _Found]) -> list[str]:
    """The columns of which ids with zeros in front have come, now or before.

    Those that landed are asked only of columns that compress: there the smallest value of
    each block shows that it has none, so that none is read. Long random text is not a
    number.
    """
    feed = parsed.feed
    columns = [name for name in like if not feed.columns[name].incompressible]
    unknown = [name for name in columns if not like[name].has_led]
    led = {name for name in columns if like[name].has_led}
    if unknown:
        tests = ", ".join(
            f"exists (from raw.{feed.name} where {_is_led(name)})" for name in unknown
        )
        answers = parsed.landing.execute(f"select {tests}").fetchone() or ()
        led.update(name for name, is_led in zip(unknown, answers, strict=True) if is_led)
    return [name for name in columns if name in led]


def _is_led(name: str) -> str:
    # Of most rows no more is looked at: what follows such a zero is a digit, before `:`.
    # By `< '1'`, blocks whose smallest value is 1 would be read.
    id_ = quoted(name)
    return (
        f"({id_} < '0:' and regexp_full_match(trim({id_}), '0[0-9]*[1-9][0-9]*([.]0+)?'))"
    )


def _is_damaged(feed: Feed, name: str) -> str:
    # On ids that are clearly whole no pattern is tried.
    is_damaged = f"raw.is_damaged_id({quoted(name)})"
    return f"case when {_is_doubtful(feed, name)} then {is_damaged} else false end"


def _judge_zeros(
    entry: Entry, parsed: ParsedDelivery, rows: str, column: str
) -> tuple[str, ...]:
    """Find ids that came before with more zeros in front, or fewer: 7 for 007.

    Raises:
        DeliveryHeldError: if they are more than the feed's share, and nobody accepted that.
    """
    landing, held = parsed.landing, f"raw.{parsed.feed.name}"
    id_ = f"regexp_replace(trim(\"{column}\"), '[.]0+$', '')"
    found = landing.execute(
        f"""
        with sent as (
            select {id_} as id, count(*) as n, min(_line) as line from {rows} group by all
        ),

        held as (select distinct {id_} as id from {held}),

        bare as (
            select ltrim(id, '0') as digits, min(id) as id
            from held
            where regexp_full_match(id, '[0-9]*[1-9][0-9]*')
            group by all
        )

        select sum(sent.n), arg_min(sent.id, sent.line), min(sent.line),
            arg_min(bare.id, sent.line)
        from (from sent anti join held using (id)) as sent
        inner join bare on ltrim(sent.id, '0') = bare.digits
        """  # noqa: S608
    ).fetchone()
    n, sent, line, before = found or (None, "", 0, "")
    if not n:
        return ()
    said = (
        f"{n:,} of {parsed.n_rows:,} rows have a {column} that arrived before with other "
        f"leading zeros, such as {sent!r} (line {line}), before {before!r}"
    )
    if _is_too_much(entry, parsed, n):
        raise _damaged(f"{said}: a spreadsheet drops them", "they count as different ids")
    return (f"{said}: a different id",)


def _hold_if_rounded(
    landing: duckdb.DuckDBPyConnection, feed: Feed, rows: str, column: str, like: _Found
) -> None:
    """Raise `DeliveryHeldError` if long ids have nothing but zeros after 15 digits.

    A spreadsheet holds no more. A single id may end so; that all do must be beyond chance,
    by those that landed before, or by three digits where none did.
    """
    if like.n_long < MIN_EXPECTED or like.n_exact:
        return
    n_before, n_exact, _ = landing.execute(
        f"select {_long(column)} from raw.{feed.name}"  # noqa: S608
    ).fetchone() or (0, 0, 0)
    share = n_exact / n_before if n_before else 0.9 if like.shortest >= 18 else 0
    if like.n_long * share >= MIN_EXPECTED:
        values = _examples(landing, feed, rows, column)
        raise _damaged(
            f"none of {like.n_long:,} {column}s of more than 15 digits has a digit other "
            f"than 0 after the 15th, such as {values}: they were rounded",
            "they land unchanged",
        )


def _long(name: str) -> str:
    """How many ids are longer than 15 digits, how many of them exact; the shortest."""
    id_ = quoted(name)
    is_long = f"(strlen({id_}) between 16 and 40 and regexp_full_match({id_}, '{_LONG}'))"
    return f"""
        count(*) filter (where {is_long}),
        count(*) filter (where {is_long} and not regexp_full_match({id_}, '{_ROUNDED}')),
        coalesce(min(strlen({id_})) filter (where {is_long}), 0)
    """


def _told_by(entry: Entry, parsed: ParsedDelivery) -> tuple[str, ...]:
    """The columns of which equal values are one event, or one thing of a list.

    None where other columns than ids identify an event: they may be equal by chance.
    """
    identity = parsed.feed.identity
    is_list = entry.mode == "snapshot" and {*identity} <= {*parsed.columns}
    return identity if is_list or {*identity} <= {*_id_columns(parsed)} else ()


def _judge_shared(
    entry: Entry, parsed: ParsedDelivery, rows: str, told: tuple[str, ...]
) -> tuple[str, ...]:
    """Find rows that differ and are one event, or one thing: one of them counts.

    Raises:
        DeliveryHeldError: if many have one id in what is no increment, and nobody accepted
            that.
    """
    landing, feed = parsed.landing, parsed.feed
    if not told:
        return ()
    names = ", ".join(f'"{name}"' for name in told)
    given = f"{rows} where " + " and ".join(f"{n} is not null" for n in names.split(", "))
    shared = (
        f"(from {given} and ({names}) in (select ({names}) from {given} "  # noqa: S608
        f"group by {names} having count(distinct _row_hash) > 1))"
    )
    counted = landing.execute(f"select count(*) from {shared}").fetchone()  # noqa: S608
    n = counted[0] if counted else 0
    if not n:
        return ()
    said = (
        f"{n:,} of {parsed.n_rows:,} rows share their {', '.join(told)} with a row that "
        f"differs: {_examples(landing, feed, shared, told[0])}"
    )
    is_much = n >= MIN_SHARING and _is_too_much(entry, parsed, n)
    if is_much and entry.mode != "increment" and {*told} <= {*feed.id_columns}:
        raise _damaged(
            f"{said}; one id, one event",
            "they are kept apart where they disagree in what must agree",
        )
    means = "one of them counts" if entry.mode == "snapshot" else "one id, one event"
    return (f"{said}: {means}",)


def _examples(
    landing: duckdb.DuckDBPyConnection,
    feed: Feed,
    rows: str,
    column: str,
    condition: str = "true",
) -> str:
    """The first values of a column, each with the first line that it stands on."""
    found = landing.execute(
        f"""
        select "{column}", min(_line) as line
        from {rows}
        where {condition}
        group by "{column}"
        order by line
        limit {MAX_EXAMPLES}
        """  # noqa: S608
    ).fetchall()
    return ", ".join(f"{feed.quote(column, value)} (line {line})" for value, line in found)


def _damaged(found: str, if_accepted: str) -> DeliveryHeldError:
    return DeliveryHeldError(
        "ids_damaged",
        f"{found}; nothing of it has landed; export it again from its source, with ids as "
        "text and not through a spreadsheet; or accept it (eventmart accept): "
        f"{if_accepted}",
    )
