"""Ids that are none: what spreadsheets make of them, and one id for many rows.

What is damaged is defined here once, as a macro of the landing database, by which the
loader judges deliveries and staging judges rows. Digits that are lost cannot be restored,
and are never guessed.
"""

from dataclasses import replace

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryHeldError
from loaders.landing.draft import IdsFound
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery

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


def judge_ids(
    entry: Entry, parsed: ParsedDelivery
) -> tuple[IdsFound, DeliveryHeldError | None]:
    """Find how many rows of a delivery have damaged ids.

    Returns:
        What was found; and why the delivery is to be held: they are more than the feed's
        share, or so many rows share their ids with others, and nobody has accepted that.
    """
    landing, feed = parsed.landing, parsed.feed
    columns = [name for name in feed.id_columns if name in parsed.columns]
    if not columns:
        return IdsFound(), None
    rows = parsed.with_lines(columns)
    tests = {name: f'raw.is_damaged_id("{name}")' for name in columns}
    counts = ", ".join(f"count(*) filter (where {test})" for test in tests.values())
    n_damaged = landing.execute(f"select {counts} from {rows}").fetchone() or ()  # noqa: S608
    found = IdsFound()
    if any(n_damaged):
        # What came like that before stands for nothing that is missing now.
        new = landing.execute(
            f"select count(*) from {parsed.new_rows} "  # noqa: S608
            f"where {' or '.join(tests.values())}"
        ).fetchone()
        found = IdsFound(new[0] if new else 0)
    notes = []
    try:
        for (name, test), n in zip(tests.items(), n_damaged, strict=False):
            if n:
                values = _examples(landing, feed, rows, name, test)
                said = f"{n:,} of {parsed.n_rows:,} rows have a damaged {name}: {values}"
                if _is_too_much(entry, parsed, n):
                    raise _damaged(
                        f"{said}; a spreadsheet writes such ids", "such rows are set aside"
                    )
                notes.append(f"{said}: no id")
        for name in columns:
            notes += _judge_zeros(entry, parsed, rows, name)
        if not entry.accepted_by:
            for name in columns:
                _hold_if_rounded(landing, feed, rows, name)
            if entry.mode != "increment":
                _hold_if_shared(parsed, rows, columns)
    except DeliveryHeldError as error:
        return found, error
    return replace(found, notes=tuple(notes)), None


def _is_too_much(entry: Entry, parsed: ParsedDelivery, n: int) -> bool:
    """Whether so many rows are more than the feed's share, and nobody accepted that."""
    feed = parsed.feed
    return n > feed.max_damaged_share * parsed.n_rows and not entry.accepted_by


def _judge_zeros(
    entry: Entry, parsed: ParsedDelivery, rows: str, column: str
) -> tuple[str, ...]:
    """Find ids that came before with more zeros in front, or fewer: 7 for 007.

    Raises:
        DeliveryHeldError: if they are more than the feed's share, and nobody accepted that.
    """
    landing, feed = parsed.landing, parsed.feed
    # What sorts after the digit 0 has none in front: of most rows no more is looked at.
    is_led = (
        f"\"{column}\" < '1' "
        f"and regexp_full_match(trim(\"{column}\"), '0[0-9]*[1-9][0-9]*([.]0+)?')"
    )
    id_, held = f"regexp_replace(trim(\"{column}\"), '[.]0+$', '')", f"raw.{feed.name}"
    if not any(
        landing.execute(f"select exists (from {of} where {is_led})").fetchone() == (True,)
        for of in (rows, held)
    ):
        return ()
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
    landing: duckdb.DuckDBPyConnection, feed: Feed, rows: str, column: str
) -> None:
    """Raise `DeliveryHeldError` if long ids have nothing but zeros after 15 digits.

    A spreadsheet holds no more. A single id may end so; that all do must be beyond chance,
    by those that landed before, or by three digits where none did.
    """
    n_long, n_exact, shortest = _count_long(landing, rows, column)
    if n_long < MIN_EXPECTED or n_exact:
        return
    n_before, n_exact, _ = _count_long(landing, f"raw.{feed.name}", column)
    share = n_exact / n_before if n_before else 0.9 if shortest >= 18 else 0
    if n_long * share >= MIN_EXPECTED:
        values = _examples(landing, feed, rows, column)
        raise _damaged(
            f"none of {n_long:,} {column}s of more than 15 digits has a digit other than "
            f"0 after the 15th, such as {values}: they were rounded",
            "they land unchanged",
        )


def _count_long(
    landing: duckdb.DuckDBPyConnection, rows: str, column: str
) -> tuple[int, int, int]:
    """How many ids are longer than 15 digits, how many of them exact; the shortest."""
    found = landing.execute(
        f"""
        select
            count(*),
            count(*) filter (where not regexp_full_match("{column}", '{_ROUNDED}')),
            coalesce(min(strlen("{column}")), 0)
        from {rows}
        where regexp_full_match("{column}", '{_LONG}')
        """  # noqa: S608
    ).fetchone()
    return found or (0, 0, 0)


def _hold_if_shared(parsed: ParsedDelivery, rows: str, columns: list[str]) -> None:
    """Raise `DeliveryHeldError` if many rows that differ have one id.

    Asked where ids alone identify an event: other columns may be equal by chance.
    """
    landing, feed = parsed.landing, parsed.feed
    if not feed.identity or not {*feed.identity} <= {*columns}:
        return
    names = ", ".join(f'"{name}"' for name in feed.identity)
    given = f"{rows} where " + " and ".join(f"{n} is not null" for n in names.split(", "))
    shared = (
        f"(from {given} and ({names}) in (select ({names}) from {given} "  # noqa: S608
        f"group by {names} having count(distinct _row_hash) > 1))"
    )
    counted = landing.execute(f"select count(*) from {shared}").fetchone()  # noqa: S608
    n = counted[0] if counted else 0
    if n >= MIN_SHARING and n > feed.max_damaged_share * parsed.n_rows:
        values = _examples(landing, feed, shared, feed.identity[0])
        raise _damaged(
            f"{n:,} of {parsed.n_rows:,} rows share their {', '.join(feed.identity)} with "
            f"a row that differs: {values}; one id, one event",
            "they are kept apart where they disagree in what must agree",
        )


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
