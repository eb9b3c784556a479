"""What withdrawn rows have in common: by it a slice is known, however small its share.

Rows that a source really takes back are of any day and any kind. If all rows of one value,
or all from before the first date of a file, go at once, a filter was left on, or a download
ended at a limit. If each comes again with other ids, nothing is gone: the ids have changed.
"""

from datetime import date

from loaders.landing.checks.coverage import event_dates
from loaders.landing.checks.neighbors import COVERED, Losses, describe_lacking
from loaders.landing.ledger import Entry
from loaders.landing.parsed_delivery import ParsedDelivery

# A column of so few values sorts rows into kinds; others name single ones.
MAX_KINDS = 100
# One row in a thousand may have a date that is a slip.
SLIPS = 0.001


def find_withdrawn(entry: Entry, parsed: ParsedDelivery, lost: Losses) -> str:
    """Make a temporary table of the rows that a delivery withdraws; name it.

    They have the feed's columns, and `event_date`. Rows without an identity are not among
    them: of those nobody knows which ones are gone.
    """
    describe_lacking(parsed, "slice_gone", lost.earlier, parsed.hashes)
    describe_lacking(parsed, "slice_come", parsed.hashes, lost.earlier)
    parsed.landing.execute(
        f"""
        create or replace temporary table slice_withdrawn as
        select slice_gone.event_date, slice_gone.identity, held.*
        from (from slice_gone anti join slice_come using (identity)) as slice_gone
        inner join raw.{parsed.feed.name} as held using (_row_hash, _copy)
        where identity is not null and {COVERED}
        """,  # noqa: S608
        {"first": entry.window_start, "last": entry.covers_to},
    )
    return "slice_withdrawn"


def missing_kinds(
    parsed: ParsedDelivery, withdrawn: str, earlier: str, n_least: int
) -> list[str]:
    """Say of which values of a column all rows go: at least so many, most that there were.

    Args:
        parsed: the delivery.
        withdrawn: the rows that it withdraws.
        earlier: the relation of the rows before it, by `_row_hash` and `_copy`.
        n_least: fewer rows of a value say nothing.
    """
    feed = parsed.feed
    skipped = {*feed.id_columns, *feed.time_columns, *feed.volatile}
    found = []
    for name in feed.columns:
        if name not in parsed.columns or name in skipped:
            continue
        column = f'"{name}"'
        kinds = parsed.landing.execute(
            f"""
            with gone as (
                select {column} as kind, count(*) as n_gone
                from {withdrawn}
                where {column} is not null
                group by all
                having count(*) >= $n_least
            ),

            before as (
                select {column} as kind, count(*) as n_before
                from raw.{feed.name}
                semi join {earlier} using (_row_hash, _copy)
                group by all
            )

            select kind, n_gone
            from gone
            inner join before using (kind)
            where
                n_gone > n_before / 2
                and kind not in (
                    select {column} from {parsed.versions} where {column} is not null
                )
                and (select count(*) from before) <= {MAX_KINDS}
            order by n_gone desc, kind asc
            limit 3
            """,  # noqa: S608
            {"n_least": n_least},
        ).fetchall()
        if kinds:
            values = ", ".join(feed.quote(name, kind) for kind, _ in kinds)
            n_gone = sum(n for _, n in kinds)
            found.append(f"no row of it has {column[1:-1]} {values}, as {n_gone:,} had")
    return found[:3]


def missing_end(
    entry: Entry, parsed: ParsedDelivery, withdrawn: str, n_least: int
) -> tuple[date, date] | None:
    """The first and last date of a delivery, if it withdraws what is beyond one of them.

    That is, at least so many rows, and more than it has there itself by slips.
    """
    ends = event_dates(entry, parsed)
    for slips in (0, SLIPS):
        first, last = event_dates(entry, parsed, slips) if slips else ends
        if not (first and last and ends[0] and ends[1]):
            return None
        n_before, n_after = parsed.landing.execute(
            f"""
            select
                count(*) filter (where event_date < $first),
                count(*) filter (where event_date > $last)
            from {withdrawn}
            """,  # noqa: S608
            {"first": first, "last": last},
        ).fetchone() or (0, 0)
        n_enough = max(n_least, slips * parsed.n_rows + 1)
        if max(n_before, n_after) >= n_enough:
            return (
                first if n_before >= n_enough else ends[0],
                last if n_after >= n_enough else ends[1],
            )
    return None


def renamed(parsed: ParsedDelivery, withdrawn: str) -> str | None:
    """Say how the identity of withdrawn rows changed, if most come again with another."""
    feed, landing = parsed.feed, parsed.landing
    named = [
        name
        for name in dict.fromkeys((*feed.identity, *feed.identity_else))
        if name in parsed.columns
    ]
    others = [
        name
        for name in parsed.columns
        if name in feed.columns and name not in (*named, *feed.volatile)
    ]
    if not (named and others):
        return None
    rest = ", ".join(f'"{name}"' for name in others)
    is_other = ", ".join(
        f'count(*) filter (where before."{name}" is distinct from now."{name}"), '
        f'min_by([before."{name}", now."{name}"], now._place) '
        f'filter (where before."{name}" is distinct from now."{name}")'
        for name in named
    )
    n, n_same, *changes = landing.execute(
        f"""
        -- Rows that are alike in all the rest tell nothing: only those that are single.
        with before as (
            select *, hash({rest}) as rest from {withdrawn}
            qualify count(*) over (partition by hash({rest})) = 1
        ),

        now as (
            select *, hash({rest}) as rest from {parsed.new_rows}
            qualify count(*) over (partition by hash({rest})) = 1
        )

        select (select count(*) from {withdrawn}), count(*), {is_other}
        from before
        inner join now using (rest)
        """  # noqa: S608
    ).fetchone() or (0, 0)
    if n_same * 2 <= n:
        return None
    said = []
    for name, n_other, values in zip(named, changes[::2], changes[1::2], strict=True):
        if n_other * 2 <= n_same:
            continue
        example = " now ".join(feed.quote(name, value or "") for value in values)
        is_personal = feed.columns[name].personal
        said.append(name if is_personal else f"{name}, such as {example}")
    if not said:
        return None
    return f"{n_same:,} withdrawn rows come again with all the same but {'; '.join(said)}"
