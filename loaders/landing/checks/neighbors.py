"""What a delivery changes against its neighbors by as-of, and what it would withdraw.

Deliveries of a feed and series that cover the same (all that state nothing, or all that
state the same dates) are a chain: each is kept as its change against the one before it.
What a delivery lacks is withdrawn by it if it covers the date; see docs/history.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import duckdb

from loaders.landing.checks.coverage import event_date
from loaders.landing.identity import identity, is_told_by_ids
from loaders.landing.ledger import STANDS, Entry
from loaders.landing.parsed_delivery import ParsedDelivery

_SAME_CHAIN = (
    "covers_from is not distinct from cast($covers_from as date) "
    "and covers_to is not distinct from cast($covers_to as date)"
)
COVERED = (
    "(coalesce(event_date >= cast($first as date), true) "
    "and coalesce(event_date <= cast($last as date), true))"
)


@dataclass(frozen=True)
class Neighbor:
    """A landed delivery next to a place.

    Attributes:
        delivery_seq: its number.
        as_of: the moment that it describes.
        first_date: the first date that it covers; None for lists, which cover all.
        last_date: the last one; None if there is none.
        rows: the relation of its rows, by `_row_hash` and `_copy`.
    """

    delivery_seq: int
    as_of: datetime
    first_date: date | None
    last_date: date | None
    rows: str


@dataclass(frozen=True)
class Neighbors:
    """What stands around the place of a delivery.

    Their rows are in temporary tables, that nobody else knows by name, until the next
    delivery is looked at on the same connection.

    Attributes:
        before: the delivery before it in its chain.
        after: the one after it in its chain.
        others_before: of other chains, the last before it that speaks after `before`.
        others_after: of other chains, the first after it.
    """

    before: Neighbor | None
    after: Neighbor | None
    others_before: tuple[Neighbor, ...]
    others_after: tuple[Neighbor, ...]

    @property
    def rows_before(self) -> str:
        """The rows of `before`, by `_row_hash` and `_copy`: none if there is none."""
        return "neighbor_before"


@dataclass(frozen=True)
class Loss:
    """Rows of some deliveries that a later one lacks.

    Attributes:
        n_withdrawn: those that the later one covers, and has no other row of. Of equal
            identities without an id, those by which it has fewer.
        n_aged_out: those that it does not cover.
        n_covered: how many rows it covers in all; 0 if it withdraws none.
        n_replaced: those without an identity that it covers, replaced by others of the
            same day: whether changed or withdrawn is unknown.
        first_date: of those withdrawn, where they have dates.
        last_date: of those withdrawn, where they have dates.
    """

    n_withdrawn: int = 0
    n_aged_out: int = 0
    n_covered: int = 0
    n_replaced: int = 0
    first_date: date | None = None
    last_date: date | None = None

    def __add__(self, other: "Loss") -> "Loss":
        """What both take together, of rows that differ."""
        dates = [self.first_date, other.first_date], [self.last_date, other.last_date]
        first, last = ([day for day in both if day] for both in dates)
        return Loss(
            self.n_withdrawn + other.n_withdrawn,
            self.n_aged_out + other.n_aged_out,
            self.n_covered + other.n_covered,
            self.n_replaced + other.n_replaced,
            min(first, default=None),
            max(last, default=None),
        )

    @property
    def share(self) -> float:
        """The share of covered rows that is withdrawn."""
        return self.n_withdrawn / self.n_covered if self.n_covered else 0


@dataclass(frozen=True)
class Losses:
    """What a delivery and those beside it would withdraw of each other.

    Attributes:
        taken: what it takes from those before it.
        overruled: of each later delivery that lacks rows of it, what that takes.
        earlier: the relation of the rows of those before it, by `_row_hash` and `_copy`.
    """

    taken: Loss
    overruled: tuple[tuple[Neighbor, Loss], ...]
    earlier: str


def look_around(landing: duckdb.DuckDBPyConnection, entry: Entry) -> Neighbors:
    """Find the neighbors of a delivery's place, with their rows in temporary tables.

    Args:
        landing: the loader's database.
        entry: the delivery; ties in as-of go by arrival, that is by its number.
    """
    before = _neighbor(landing, entry.place, "<", "neighbor_before")
    after = _neighbor(landing, entry.place, ">", "neighbor_after")
    if not before:
        _make_empty(landing, "neighbor_before")
    others_before, others_after = [], []
    for number, chain in enumerate(_other_chains(landing, entry)):
        place = entry.place | chain
        last = _neighbor(landing, place, "<", f"neighbor_before_{number}")
        if last and (
            not before
            or (last.as_of, last.delivery_seq) > (before.as_of, before.delivery_seq)
        ):
            others_before.append(last)
        if first := _neighbor(landing, place, ">", f"neighbor_after_{number}"):
            others_after.append(first)
    return Neighbors(before, after, tuple(others_before), tuple(others_after))


def _other_chains(
    landing: duckdb.DuckDBPyConnection, entry: Entry
) -> list[dict[str, object]]:
    rows = landing.execute(
        f"""
        select distinct covers_from, covers_to
        from raw.deliveries
        where feed = $feed and series = $series and {STANDS}
            and not ({_SAME_CHAIN})
        order by covers_from, covers_to
        """,  # noqa: S608
        {
            name: entry.place[name]
            for name in ("feed", "series", "covers_from", "covers_to")
        },
    ).fetchall()
    return [{"covers_from": first, "covers_to": last} for first, last in rows]


def _neighbor(
    landing: duckdb.DuckDBPyConnection,
    place: Mapping[str, object],
    side: str,
    table: str,
) -> Neighbor | None:
    """The next delivery of a chain on one side of a place, `<` before or `>` after."""
    order = "desc" if side == "<" else "asc"
    found = landing.execute(
        f"""
        select delivery_seq, as_of, window_start, covers_to
        from raw.deliveries
        where feed = $feed and series = $series and {_SAME_CHAIN} and {STANDS}
            and (as_of, delivery_seq) {side} (cast($as_of as timestamp), $seq)
        order by as_of {order}, delivery_seq {order}
        limit 1
        """,  # noqa: S608
        place,
    ).fetchone()
    if not found:
        return None
    seq, as_of, first_date, last_date = found
    _hold_rows(landing, table, {**place, "seq": seq, "as_of": as_of})
    return Neighbor(seq, as_of, first_date, last_date, table)


def some_before(
    landing: duckdb.DuckDBPyConnection, entry: Entry, n_back: int
) -> Neighbor | None:
    """The delivery so many places before one in its chain, or the first, with its rows.

    None if that is the one before it. What a person accepted is never asked about again:
    it goes back to the last accepted one at most.
    """
    found = landing.execute(
        f"""
        select as_of, delivery_seq, row_number() over newest_first as n_back
        from raw.deliveries
        where feed = $feed and series = $series and {_SAME_CHAIN} and {STANDS}
            and (as_of, delivery_seq) < (cast($as_of as timestamp), $seq)
        window newest_first as (order by as_of desc, delivery_seq desc)
        qualify n_back <= $n_back
            and count(accepted_by) over newest_first
                - if(accepted_by is null, 0, 1) = 0
        order by n_back desc
        limit 1
        """,  # noqa: S608
        {**entry.place, "n_back": n_back},
    ).fetchone()
    if not found or found[2] == 1:
        return None
    place = {**entry.place, "as_of": found[0], "seq": found[1] + 1}
    return _neighbor(landing, place, "<", "neighbor_some_before")


def _make_empty(landing: duckdb.DuckDBPyConnection, table: str) -> None:
    landing.execute(
        f"create or replace temporary table {table} as "  # noqa: S608
        "select _row_hash, _copy from raw.presence limit 0"
    )


def rows_of(landing: duckdb.DuckDBPyConnection, entry: Entry) -> str:
    """The relation of the rows that a landed delivery holds, by `_row_hash` and `_copy`.

    It stays as it is, whatever is written, until the next is asked for.
    """
    if entry.mode != "increment":
        _hold_rows(landing, "neighbor_itself", entry.place)
        return "neighbor_itself"
    landing.execute(
        f"""
        create or replace temporary table neighbor_itself as
        select _row_hash, _copy from raw.{entry.feed} where _delivery_seq = $seq
        union all
        select _row_hash, _copy from raw.presence where _delivery_seq = $seq
        """,  # noqa: S608
        {"seq": entry.delivery_seq},
    )
    return "neighbor_itself"


def _hold_rows(
    landing: duckdb.DuckDBPyConnection, table: str, place: Mapping[str, object]
) -> None:
    """Make a temporary table of the rows that a chain held at a place."""
    landing.execute(
        f"""
        create or replace temporary table {table} as
        select presence._row_hash, presence._copy
        from raw.presence
        inner join raw.deliveries on presence._delivery_seq = deliveries.delivery_seq
        where presence.feed = $feed and presence._change_seq > 0
            and deliveries.series = $series and {_SAME_CHAIN}
            and (deliveries.as_of, deliveries.delivery_seq)
            <= (cast($as_of as timestamp), $seq)
        group by presence._row_hash, presence._copy
        having sum(case presence.change when '+' then 1 else -1 end) > 0
        """,  # noqa: S608
        place,
    )


# ---------------------------------------------------------------- what is lost


def losses(entry: Entry, parsed: ParsedDelivery, neighbors: Neighbors) -> Losses:
    """What a parsed delivery would withdraw, and what later ones would withdraw of it."""
    landing = parsed.landing
    dates = entry.window_start, entry.covers_to
    landing.execute(
        "create or replace temporary table neighbor_earlier as from neighbor_before"
    )
    taken = _loss(parsed, "neighbor_before", parsed.hashes, *dates)
    for other in neighbors.others_before:
        landing.execute(
            "create or replace temporary table neighbor_other as "
            f"from {other.rows} anti join neighbor_earlier using (_row_hash, _copy)"
        )
        # What a delivery does not cover is left to the chains that do.
        taken += replace(
            _loss(parsed, "neighbor_other", parsed.hashes, *dates), n_aged_out=0
        )
        landing.execute("insert into neighbor_earlier from neighbor_other")
    if taken.n_withdrawn and neighbors.others_before:
        n_covered = _n_covered(parsed, "neighbor_earlier", *dates)
        taken = replace(taken, n_covered=n_covered)
    later = [neighbors.after] if neighbors.after else []
    overruled = [
        (one, _loss(parsed, parsed.hashes, one.rows, one.first_date, one.last_date))
        for one in (*later, *neighbors.others_after)
    ]
    lossy = tuple((one, loss) for one, loss in overruled if loss.n_withdrawn)
    return Losses(taken, lossy, "neighbor_earlier")


def loss_within(
    parsed: ParsedDelivery, earlier: str, first_date: date | None, last_date: date | None
) -> Loss:
    """What a delivery would withdraw of earlier rows if it covered these dates."""
    return _loss(parsed, earlier, parsed.hashes, first_date, last_date)


def _loss(
    parsed: ParsedDelivery,
    earlier: str,
    later: str,
    first_date: date | None,
    last_date: date | None,
) -> Loss:
    """What rows of one relation a later one lacks, which covers these dates."""
    landing = parsed.landing
    if not describe_lacking(parsed, "neighbor_gone", earlier, later):
        return Loss()
    describe_lacking(parsed, "neighbor_come", later, earlier)
    dates = {"first": first_date, "last": last_date}
    # One copy more or less of a row that stays is one event more or less only where the
    # source does not identify events; in a list each thing is one.
    is_window = parsed.feed.mode == "window"
    is_one, one = ("is_told_by_ids", "_row_hash") if is_window else ("true", "identity")
    counts = f"_copy = 1 or (identity is not null and not {is_one})"
    found = landing.execute(
        f"""
        -- Where most rows have no identity, days are compared by their numbers of rows.
        with gone as (
            from neighbor_gone
            where {counts} or _row_hash not in (select _row_hash from {later})
        ),

        come as (
            from neighbor_come
            where {counts} or _row_hash not in (select _row_hash from {earlier})
        ),

        ways as (
            select count(identity) > count(*) / 2 as is_by_identity from gone
        ),

        gone_and_come as (
            select gone.*, coalesce(n_come, 0) as n_come
            from gone
            left join (
                select identity, count(*) as n_come from come group by identity
            ) using (identity)
        ),

        lost as (
            select
                event_date,
                -- Rows of one id are one event, unless they differ; others one each.
                case
                    when not bool_or({is_one}) then greatest(count(*) - n_come, 0)
                    when n_come > 0 then 0
                    else count(distinct {one})
                end as n_rows,
                0 as n_replaced
            from gone_and_come, ways
            where is_by_identity and identity is not null
            group by event_date, identity, n_come
            union all
            select
                event_date,
                greatest(sum(if(is_gone, 1, -1)), 0),
                least(count(*) filter (is_gone), count(*) filter (not is_gone))
            from (
                select event_date, identity, true as is_gone from gone
                union all
                select event_date, identity, false from come
            ) as rows, ways
            where not is_by_identity or identity is null
            group by event_date
        )

        select
            coalesce(sum(n_rows) filter (where {COVERED}), 0),
            coalesce(sum(n_rows) filter (where not {COVERED}), 0),
            coalesce(sum(n_replaced) filter (where {COVERED}), 0),
            min(event_date) filter (where {COVERED} and n_rows > 0),
            max(event_date) filter (where {COVERED} and n_rows > 0)
        from lost
        """,  # noqa: S608
        dates,
    ).fetchone()
    n_withdrawn, n_aged_out, n_replaced, first, last = found or (0, 0, 0, None, None)
    n_covered = 0
    if n_withdrawn:
        n_covered = _n_covered(parsed, earlier, first_date, last_date)
    return Loss(
        int(n_withdrawn), int(n_aged_out), int(n_covered), int(n_replaced), first, last
    )


def _n_covered(
    parsed: ParsedDelivery, rows: str, first_date: date | None, last_date: date | None
) -> int:
    """How many rows of a relation are of these dates."""
    found = parsed.landing.execute(
        f"""
        select count(*)
        from (select {event_date(parsed.feed)} as event_date {_described(parsed, rows)})
        where {COVERED}
        """,  # noqa: S608
        {"first": first_date, "last": last_date},
    ).fetchone()
    return int(found[0]) if found else 0


def describe_lacking(parsed: ParsedDelivery, table: str, rows: str, others: str) -> int:
    """Make a temporary table of the rows of one relation that another lacks; count them.

    It has their event date and their identity, beside `_row_hash` and `_copy`.
    """
    feed, keys = parsed.feed, f"{table}_keys"
    counted = parsed.landing.execute(
        f"""
        create or replace temporary table {keys} as
        select _row_hash, _copy
        from {rows}
        anti join (select _row_hash, _copy from {others}) using (_row_hash, _copy)
        """  # noqa: S608
    ).fetchone()
    parsed.landing.execute(
        f"""
        create or replace temporary table {table} as
        select
            {event_date(feed)} as event_date,
            {identity(feed)} as identity,
            {is_told_by_ids(feed)} as is_told_by_ids,
            _row_hash,
            _copy
        {_described(parsed, keys)}
        """
    )
    return int(counted[0]) if counted else 0


def _described(parsed: ParsedDelivery, keys: str) -> str:
    """From where rows are read, by their keys.

    Rows that have not landed yet stand in the parsed delivery, others in raw.
    """
    return f"""
        from (
            select * from raw.{parsed.feed.name}
            union all by name
            select * exclude (_place) from {parsed.new_rows}
        )
        semi join {keys} using (_row_hash, _copy)
        """  # noqa: S608


# ---------------------------------------------------------------- deltas


def write_deltas(
    landing: duckdb.DuckDBPyConnection,
    feed: str,
    numbers: tuple[int, int],
    rows: str,
    neighbors: Neighbors,
) -> int:
    """Write the delta of a delivery, and rewrite that of the next one of its chain.

    Args:
        landing: the loader's database, in a transaction.
        feed: the name of the delivery's feed.
        numbers: those of the delivery and of this change.
        rows: the relation of the rows that it holds, by `_row_hash` and `_copy`.
        neighbors: what `look_around` found.

    Returns:
        How many rows of the delivery before are absent from this one.
    """
    if after := neighbors.after:
        seqs = (after.delivery_seq, numbers[1])
        _write_delta(landing, feed, seqs, rows, after.rows)
    return _write_delta(landing, feed, numbers, neighbors.rows_before, rows)


def _write_delta(
    landing: duckdb.DuckDBPyConnection,
    feed: str,
    seqs: tuple[int, int],
    before: str,
    after: str,
) -> int:
    """Write what a delivery changed from one relation to another; count what went.

    The numbers are those of the delivery and of the change.
    """
    landing.execute("delete from raw.presence where _delivery_seq = ?", seqs[:1])
    landing.execute(
        f"""
        insert into raw.presence
        select
            ?, _row_hash, _copy, ?, if(before._row_hash is null, '+', '-'), ?
        from {before} as before
        full join (select _row_hash, _copy from {after}) as after
            using (_row_hash, _copy)
        where before._row_hash is null or after._row_hash is null
        """,  # noqa: S608
        [feed, *seqs],
    )
    counted = landing.execute(
        "select count(*) from raw.presence where _delivery_seq = ? and change = '-'",
        seqs[:1],
    ).fetchone()
    return int(counted[0]) if counted else 0
