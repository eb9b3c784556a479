"""Let what has landed follow the settings: aliases, null markers and columns added later.

Raw rows hold every value as sent, by name, so that they can be read again without the
kept bytes: a value under a new alias moves to its column, a new null marker becomes null,
and the row's hash with them. Rows that are one now are one, in `raw.presence` too, as if
they had landed by these settings. What is taken away from the settings, an alias or a
marker, cannot be undone in this way: it holds for what lands later.
"""

import json
import logging
from collections.abc import Iterable

import duckdb

from loaders.config.feeds import Feed
from loaders.landing import ledger
from loaders.landing.presence import mark_all
from loaders.sql import literal

log = logging.getLogger(__name__)
_AUDIT = ("_row_hash", "_copy", "_extra", "_delivery_seq", "_change_seq", "_line")
_EXTRA = "cast(cast(_extra as json) as map(varchar, varchar))"


def reread(landing: duckdb.DuckDBPyConnection, feed: Feed) -> int:
    """Read the rows of a feed again, in the open transaction, if its settings changed.

    Args:
        landing: the loader's database; the feed's table has all of its columns.
        feed: the settings to read by.

    Returns:
        How many rows are other ones now, or stand in other columns.
    """
    settings = settings_of(feed)
    held = landing.execute(
        "select settings, n_rereads from raw.feed_settings where feed = ?", [feed.name]
    ).fetchone()
    if held and held[0] == settings:
        return 0
    is_hashed_anew = held and json.loads(held[0])["volatile"] != sorted(feed.volatile)
    names = _names(landing, feed)
    condition = "true" if is_hashed_anew else _is_concerned(names, feed)
    n_rows = 0
    # Of a feed that is new there are none, and the query for them takes time.
    if landing.execute(f"from raw.{feed.name} limit 1").fetchone():
        n_rows = _read(landing, feed, names, condition)
    if n_rows:
        _write(landing, feed)
        _count_again(landing, feed)
        mark_all(landing, feed.name, ledger.next_numbers(landing)[1] - 1)
        log.info("settings of %s changed: %s rows are read again", feed.name, f"{n_rows:,}")
    landing.execute("delete from raw.feed_settings where feed = ?", [feed.name])
    landing.execute(
        "insert into raw.feed_settings values (?, ?, ?)",
        [feed.name, settings, (held[1] if held else 0) + (n_rows > 0)],
    )
    return n_rows


def settings_of(feed: Feed) -> str:
    """All that tells what row a record is, beside the record."""
    settings = {
        "headers": feed.by_header,
        "null_words": sorted(feed.null_words),
        "volatile": sorted(feed.volatile),
    }
    return json.dumps(settings, sort_keys=True)


def _names(landing: duckdb.DuckDBPyConnection, feed: Feed) -> list[str]:
    """The columns of values that a raw table has, those of earlier settings included."""
    described = landing.execute(f"describe raw.{feed.name}").fetchall()
    return [name for name, *_ in described if name not in _AUDIT]


def _is_concerned(names: list[str], feed: Feed) -> str:
    """A condition on raw rows: whether these settings may read them in another way."""
    words = _list(feed.null_words)
    tests = [f'"{name}" in {words}' for name in names]
    tests.append(f"list_has_any(map_keys({_EXTRA}), {_list(feed.by_header)})")
    tests.append(f"list_has_any(map_values({_EXTRA}), {words})")
    return " or ".join(tests)


def _read(
    landing: duckdb.DuckDBPyConnection, feed: Feed, names: list[str], condition: str
) -> int:
    """Make the temporary table `reread` of raw rows as they are read now.

    Beside the columns of the raw table it has the `_old_hash`.

    Returns:
        Of how many rows the condition holds. The table has others, too: those that are
        as they were, but equal now to some that are not.
    """
    landing.execute(
        f"create or replace temporary table reread as {_query(feed, names, condition)}"
    )
    counted = landing.execute("select count(*) from reread").fetchone()
    equal = """
        _row_hash in (select _row_hash from reread where _row_hash <> _old_hash)
        and (_row_hash, _copy) not in (select (_old_hash, _copy) from reread)
    """
    landing.execute(f"insert into reread by name {_query(feed, names, equal)}")
    return int(counted[0]) if counted else 0


def _query(feed: Feed, names: list[str], condition: str) -> str:
    """A query for raw rows as they are read now."""
    words = _list(feed.null_words)
    kept = "".join(
        f'case when "{name}" not in {words} then "{name}" end as "{name}", '
        for name in names
    )
    # Of each column the name under which it was sent, where that was kept in `_extra`.
    keys = [
        f'case when "{name}" is null then list_filter({_list(headers)}, '
        "lambda header: _sent[header] is not null)[1] end"
        for name, headers in _headers(feed).items()
    ]
    values = ", ".join(
        f'coalesce("{name}", _sent[_keys[{place}]]) as "{name}"'
        for place, name in enumerate(feed.columns, start=1)
    )
    hashed = ", ".join(
        f"{{'key': {literal(name)}, 'value': \"{name}\"}}"
        for name in names
        if name not in feed.volatile
    )
    return f"""
        with kept as (
            select
                _row_hash as _old_hash, _copy, {kept}_delivery_seq, _change_seq, _line,
                map_from_entries(list_filter(
                    map_entries(coalesce({_EXTRA}, map {{}})),
                    lambda _pair: _pair.value not in {words}
                )) as _sent
            from raw.{feed.name}
            where {condition}
        ),

        placed as (select *, [{", ".join(keys)}] as _keys from kept),

        moved as (
            select
                * replace ({values}),
                list_filter(
                    map_entries(_sent),
                    lambda _pair: not coalesce(list_contains(_keys, _pair.key), false)
                ) as _extras
            from placed
        )

        select
            cast(md5(array_to_string(list_transform(
                list_sort(list_filter(
                    list_concat([{hashed}], _extras), lambda _pair: _pair.value is not null
                )),
                lambda _pair: chr(0) || _pair.key || chr(0) || _pair.value
            ), '')) as uuid) as _row_hash,
            * exclude (_sent, _keys, _extras),
            nullif(cast(to_json(map_from_entries(_extras)) as varchar), '{{}}') as _extra
        from moved
    """  # noqa: S608


def _headers(feed: Feed) -> dict[str, list[str]]:
    """Each column's headers: its name, and its aliases."""
    found: dict[str, list[str]] = {name: [] for name in feed.columns}
    for header, name in feed.by_header.items():
        found[name].append(header)
    return found


def _write(landing: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Put the rows of `reread` in the place of those that they were, each once.

    Rows of another hash have their copies numbered again, see `_number`.
    """
    landing.execute(
        """
        create or replace temporary table merged as
        select
            _row_hash, _old_hash, _copy as _old_copy, _delivery_seq, _change_seq,
            cast(row_number() over (
                partition by _row_hash order by _delivery_seq, _line, _copy
            ) as integer) as _copy
        from reread
        where _row_hash in (select _row_hash from reread where _row_hash <> _old_hash)
        """
    )
    _number(landing, feed)
    landing.execute(
        f"""
        delete from raw.{feed.name} as held using reread
        where held._row_hash = reread._old_hash and held._copy = reread._copy
        """  # noqa: S608
    )
    landing.execute(
        f"""
        insert into raw.{feed.name} by name
        select reread.* exclude (_old_hash) replace (
            coalesce(merged._copy, reread._copy) as _copy
        )
        from reread
        left join merged
            on reread._old_hash = merged._old_hash and reread._copy = merged._old_copy
        left join most_copies on reread._row_hash = most_copies._row_hash
        where merged._copy is null or merged._copy <= most_copies.n_copies
        """  # noqa: S608
    )


def _number(landing: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Write the presence of merged rows again, and make the table `most_copies`.

    That one has, of each row, how many copies the delivery with the most has.
    """
    # What deliveries brought (+) and lost (-), by the rows as they are read now. Rows
    # that an increment brings first are known from the raw rows.
    landing.execute(
        """
        create or replace temporary table moves as
        select
            presence._delivery_seq, merged._row_hash,
            if(presence.change = '+', 1, -1) as n_copies, presence._change_seq
        from raw.presence
        inner join merged
            on presence._row_hash = merged._old_hash and presence._copy = merged._old_copy
        where presence.feed = $feed
        union all
        select merged._delivery_seq, merged._row_hash, 1, merged._change_seq
        from merged
        inner join raw.deliveries on merged._delivery_seq = deliveries.delivery_seq
        where deliveries.status = 'landed' and deliveries.mode = 'increment'
        """,
        {"feed": feed.name},
    )
    landing.execute(
        """
        create or replace temporary table counts as
        with changes as (
            select
                _delivery_seq, _row_hash, cast(sum(n_copies) as bigint) as n_net,
                any_value(withdrawals.delivery_seq) is not null as is_withdrawn,
                if(is_withdrawn, 0, max(_change_seq)) as _change_seq
            from moves
            left join raw.withdrawals on moves._delivery_seq = withdrawals.delivery_seq
            group by _delivery_seq, _row_hash
        )

        select
            changes.*, deliveries.mode,
            case
                when deliveries.mode = 'increment' then n_net
                else cast(sum(n_net) over (
                    partition by
                        deliveries.series, deliveries.covers_from, deliveries.covers_to,
                        deliveries.mode, _row_hash,
                        -- What is withdrawn stands for itself.
                        if(is_withdrawn, deliveries.delivery_seq, 0)
                    order by deliveries.as_of, deliveries.delivery_seq
                ) as bigint)
            end as n_copies
        from changes
        inner join raw.deliveries on changes._delivery_seq = deliveries.delivery_seq
        """
    )
    landing.execute(
        "create or replace temporary table most_copies as "
        "select _row_hash, max(n_copies) as n_copies from counts group by _row_hash"
    )
    landing.execute(
        """
        delete from raw.presence using merged
        where presence.feed = ? and presence._row_hash = merged._old_hash
            and presence._copy = merged._old_copy
        """,
        [feed.name],
    )
    landing.execute(
        """
        insert into raw.presence
        select
            $feed, _row_hash, unnest(range(
                least(n_copies, n_copies - n_net) + 1,
                greatest(n_copies, n_copies - n_net) + 1
            )), _delivery_seq, if(n_net > 0, '+', '-'), _change_seq
        from counts
        where mode <> 'increment'
        union all
        -- Copies that the raw rows do not say of it, as many as it has.
        select $feed, _row_hash, _copy, _delivery_seq, '+', _change_seq
        from (
            select
                counts.*, merged._copy,
                merged._delivery_seq = counts._delivery_seq as is_first,
                count(*) filter (where is_first) over delivery_rows as n_first,
                row_number() over (delivery_rows order by is_first, merged._copy) as place
            from counts
            inner join merged on counts._row_hash = merged._row_hash
            inner join most_copies on counts._row_hash = most_copies._row_hash
            where counts.mode = 'increment' and merged._copy <= most_copies.n_copies
            window delivery_rows as (
                partition by counts._delivery_seq, counts._row_hash
            )
        )
        where not is_first and place <= n_copies - n_first
        """,
        {"feed": feed.name},
    )


def _count_again(landing: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Count again in the ledger, by delivery, the rows that are first read in it."""
    landing.execute(
        f"""
        update raw.deliveries set
            n_known = n_known + n_new - counted.n_rows, n_new = counted.n_rows
        from (
            select deliveries.delivery_seq, count(rows._row_hash) as n_rows
            from raw.deliveries
            left join raw.{feed.name} as rows
                on deliveries.delivery_seq = rows._delivery_seq
            where deliveries.feed = ? and deliveries.status in ('landed', 'replayed')
            group by deliveries.delivery_seq
        ) as counted
        where deliveries.delivery_seq = counted.delivery_seq
            and deliveries.n_new <> counted.n_rows
        """,  # noqa: S608
        [feed.name],
    )


def _list(texts: Iterable[str]) -> str:
    """Settings as a list in SQL."""
    return f"[{', '.join(map(literal, texts))}]"
