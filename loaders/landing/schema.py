"""The tables of the loader's database: how they are made, and brought up to date."""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from loaders.config import secret
from loaders.config.feeds import Feed, load_feeds
from loaders.errors import UsageError
from loaders.landing import chain, identity, times
from loaders.landing.checks.ids import DEFINITION
from loaders.landing.database import folder_of, open_landing, transaction
from loaders.landing.reread import reread, settings_of

# For columns that no compression makes smaller; trying takes time.
_STORED_AS_IS = " using compression uncompressed"
# Version of the stored tables; a later version recognises them by it.
FORMAT = 2
# Columns of the ledger that earlier versions did not write: null, or 0, in their rows.
_LEDGER_COLUMNS_SINCE = """
alter table raw.deliveries add column if not exists covers_from date;
alter table raw.deliveries add column if not exists covers_to date;
alter table raw.deliveries add column if not exists covers_source varchar;
alter table raw.deliveries add column if not exists n_withdrawn bigint default 0;
alter table raw.deliveries add column if not exists n_aged_out bigint default 0;
alter table raw.deliveries add column if not exists n_untyped bigint default 0;
alter table raw.deliveries add column if not exists n_padded bigint default 0;
alter table raw.deliveries add column if not exists n_damaged bigint default 0;
"""
_LEDGER = """
create schema if not exists raw;

create table if not exists raw.format (version integer not null);

create table if not exists raw.deliveries (
    delivery_seq bigint not null,
    change_seq bigint,
    feed varchar not null,
    series varchar not null,
    mode varchar not null,
    uri varchar not null,
    member varchar,
    sha256 varchar,
    n_bytes bigint,
    as_of timestamp,
    as_of_source varchar,
    window_start date,
    layout varchar,
    encoding varchar,
    header varchar,
    n_records bigint not null,
    n_new bigint not null,
    n_known bigint not null,
    n_absent bigint not null,
    n_rejected bigint not null,
    n_blank bigint not null,
    n_header_lines bigint not null,
    status varchar not null,
    reason varchar,
    detail varchar,
    parent_seq bigint,
    accepted_by varchar,
    accepted_why varchar,
    started_at timestamp not null,
    finished_at timestamp not null,
    loader_version varchar not null,
    duckdb_version varchar not null
);

-- By what a landing is known, and a change of its ledger: see chain.py.
create table if not exists raw.ledger_chain (
    delivery_seq bigint not null,
    hash varchar not null
);

create table if not exists raw.presence (
    feed varchar not null,
    _row_hash uuid not null using compression uncompressed,
    _copy integer not null,
    _delivery_seq bigint not null,
    change varchar not null,
    _change_seq bigint not null
);

create table if not exists raw.rejects (
    delivery_seq bigint not null,
    feed varchar not null,
    line bigint not null,
    byte_offset bigint not null,
    raw_bytes blob not null,
    reason varchar not null,
    detail varchar not null
);

-- The deliveries that are withdrawn now: see withdraw.py.
create view if not exists raw.withdrawals as
select parent_seq as delivery_seq
from raw.deliveries
where status in ('withdrawal', 'withdrawal_undone')
group by parent_seq
having max_by(status, delivery_seq) = 'withdrawal';

-- Rejected records that no replay has landed since; `landed_seq` is the delivery of the
-- record, `delivery_seq` the entry that rejected it last. Withdrawn deliveries are left
-- out.
create or replace view raw.open_rejects as
with placed as (
    select
        case
            when deliveries.status = 'replayed' then deliveries.parent_seq
            else deliveries.delivery_seq
        end as landed_seq,
        rejects.*
    from raw.rejects
    inner join raw.deliveries on rejects.delivery_seq = deliveries.delivery_seq
)

select placed.*
from placed
where landed_seq not in (from raw.withdrawals) and not exists (
    select 1
    from raw.deliveries as later
    where later.status = 'replayed' and later.parent_seq = placed.landed_seq
        and later.delivery_seq > placed.delivery_seq
);

-- What row a line is, as it was read before: see line_cache.py. A cache, too.
create table if not exists raw.known_lines (
    reading uuid not null,
    _line_hash uhugeint not null using compression uncompressed,
    _row_hash uuid not null using compression uncompressed
);

-- Of each feed the zone of its clocks, and a hash of how staging reads its text: of the
-- macros raw.<feed>_time and others, see times.py; of raw.<feed>_identity, see identity.py;
-- of raw.is_damaged_id, see ids.py; and, where it has personal columns, of the secret by
-- which these become keys, see secret.py.
create table if not exists raw.feed_times (
    feed varchar not null,
    zone varchar not null,
    fingerprint varchar not null
);

-- Places that were processed, with the stamp that shows a later change without reading:
-- settled, or refused on grounds that are still the same. A cache: without it, more is
-- read, and recognised.
create table if not exists raw.file_stamps (
    feed varchar not null,
    uri varchar not null,
    stamp varchar not null,
    refused_by varchar
);

-- By what settings the rows of a feed are read, and how often they were read again by
-- others: see reread.py.
create table if not exists raw.feed_settings (
    feed varchar not null,
    settings varchar not null,
    n_rereads bigint not null
);
"""


def create_tables(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Create the ledger and a raw table per feed where they are missing.

    What has landed follows the settings: see reread.py.

    Raises:
        UsageError: if what is there was written by a version that hashed otherwise.
    """
    is_new = not _columns(connection, "deliveries")
    if not is_new and "version" not in _columns(connection, "format"):
        raise UsageError(
            "the landing database is of an earlier version with other row hashes; move "
            "the data folder away and land the deliveries again: their bytes are kept in "
            "its drops/"
        )
    connection.execute(_LEDGER)
    if "n_damaged" not in _columns(connection, "deliveries"):
        connection.execute(_LEDGER_COLUMNS_SINCE)
    chain.extend(connection)
    connection.execute(DEFINITION)
    if is_new:
        connection.execute("insert into raw.format values (?)", [FORMAT])
    for feed in feeds.values():
        columns = "".join(
            f'"{name}" varchar{_STORED_AS_IS if column.incompressible else ""}, '
            for name, column in feed.columns.items()
        )
        connection.execute(
            f"create table if not exists raw.{feed.name} ("
            f"_row_hash uuid not null{_STORED_AS_IS}, _copy integer not null, "
            f"{columns}_extra varchar, "
            "_delivery_seq bigint not null, _change_seq bigint not null, "
            "_line bigint not null)"
        )
        known = _columns(connection, feed.name)
        for name in feed.columns:
            if name not in known:
                connection.execute(
                    f'alter table raw.{feed.name} add column "{name}" varchar'
                )
        with transaction(connection):
            reread(connection, feed)
    _define_readings(connection, feeds)
    _count_rows(connection)


def _define_readings(
    connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]
) -> None:
    """Define the macros by which text becomes time, identity or key, where they changed."""
    own = secret.read_secret(folder_of(connection))
    connection.execute(secret.definition(own))
    held = _held_readings(connection)
    for feed in feeds.values():
        identities = identity.macros(feed)
        fingerprint = _reading(feed, own)
        if held.get(feed.name) == fingerprint:
            continue
        with transaction(connection):
            connection.execute(f"drop macro if exists raw.{feed.name}_identity")
            for name, value in (times.macros(feed) | identities).items():
                connection.execute(f"create or replace macro raw.{name} as {value}")
            connection.execute("delete from raw.feed_times where feed = ?", [feed.name])
            connection.execute(
                "insert into raw.feed_times values (?, ?, ?)",
                [feed.name, feed.zone, fingerprint],
            )


def _reading(feed: Feed, own: str) -> str:
    """What shows that a feed's text becomes time, identity or key in another way."""
    identities = identity.macros(feed)
    definitions = [DEFINITION, *identities, *identities.values()]
    if any(column.personal for column in feed.columns.values()):
        definitions.append(secret.fingerprint(own))
    return times.fingerprint(feed, *definitions)


def _held_readings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    rows = connection.execute("select feed, fingerprint from raw.feed_times").fetchall()
    return dict(rows)


def follow(
    path: Path,
    feeds: Mapping[str, Feed],
    *,
    patience: float = 0,
    command: str = "eventmart",
) -> None:
    """Let what has landed follow the settings, if they changed since.

    Raises:
        BusyError: if another process writes, or, where they changed, reads.
    """
    with open_landing(path, read_only=True, patience=patience) as landing:
        if not has_tables(landing) or not chain.is_whole(landing):
            return  # Nothing has landed, or an earlier version wrote it: see `migrate`.
        own, held = secret.read_secret(path.parent), _held_readings(landing)
        settings = landing.execute("select feed, settings from raw.feed_settings")
        held_settings = dict(settings.fetchall())
    if any(
        held.get(name) != _reading(feed, own)
        or held_settings.get(name) != settings_of(feed)
        for name, feed in feeds.items()
    ):
        with open_landing(path, patience=patience, command=command) as landing:
            create_tables(landing, feeds)


def has_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether there is a ledger: not yet, if its making was cut short."""
    return bool(_columns(connection, "deliveries"))


def migrate(path: Path, *, patience: float = 0, command: str = "eventmart") -> None:
    """Bring a landing that an earlier version wrote up to date, for who only reads.

    Its chain says so: each version that lacks what readers need lacks that.

    Raises:
        BusyError: if another process writes.
    """
    with open_landing(path, read_only=True, patience=patience) as landing:
        is_due = has_tables(landing) and not chain.is_whole(landing)
    if is_due:
        with open_landing(path, patience=patience, command=command) as landing:
            create_tables(landing, load_feeds())


def _count_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """See to the view of how many rows each delivery brought first, of all feeds.

    Of a feed that has left feeds.yml the rows are still there, so the tables say which
    feeds there are, not the settings.
    """
    feeds = connection.execute(
        # `duckdb_columns()` would take ten times as long, over views of the system's.
        "select table_name from duckdb_tables() "
        "where database_name = current_database() and schema_name = 'raw' "
        "and contains(sql, ', _extra VARCHAR, ') order by table_name"
    ).fetchall()
    counts = [
        f"select '{feed}' as feed, _delivery_seq as delivery_seq, count(*) as n_rows "  # noqa: S608
        f"from raw.{feed} group by _delivery_seq"
        for (feed,) in feeds
    ]
    # Where there is no feed, there are no rows.
    counts += ["select null, null, null where false"]
    connection.execute(
        f"create or replace view raw.rows_by_delivery as {' union all '.join(counts)}"
    )


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    try:
        described = connection.execute(f"describe raw.{table}").fetchall()
    except duckdb.CatalogException:
        return set()
    return {str(name) for name, *_ in described}
