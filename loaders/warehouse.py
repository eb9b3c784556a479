"""The loader's database: its tables, and how it is opened."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from loaders.errors import BusyError, EventmartError
from loaders.feeds import Feed

# Nothing is installed or loaded from outside, whatever a file or a query says.
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

# Of what no compression makes smaller, and trying takes time.
_STORED_AS_IS = " using compression uncompressed"
_LEDGER = """
create schema if not exists raw;

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

-- What was rejected and did not pass in a replay since; `landed_seq` is the delivery
-- that it belongs to, `delivery_seq` the entry that rejected it last.
create view if not exists raw.open_rejects as
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
where not exists (
    select 1
    from raw.deliveries as later
    where later.status = 'replayed' and later.parent_seq = placed.landed_seq
        and later.delivery_seq > placed.delivery_seq
);

-- What was dealt with, by what tells it unread from what comes later: settled, or refused
-- on grounds that are still the same. A cache: without it, more is read, and known.
create table if not exists raw.file_stamps (
    feed varchar not null,
    uri varchar not null,
    stamp varchar not null,
    refused_by varchar
);
"""


def create_tables(connection: duckdb.DuckDBPyConnection, feeds: Mapping[str, Feed]) -> None:
    """Create the ledger and a raw table per feed where they are missing.

    A column that a feed has gained since is added and filled from `_extra`, where
    earlier deliveries' values of it were kept.
    """
    if "size" in _columns(connection, "file_stamps"):
        # Of an earlier version, which knew of files only.
        connection.execute("drop table raw.file_stamps")
    connection.execute(_LEDGER)
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
                _promote(connection, feed.name, name)


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    rows = connection.execute(
        "select column_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'raw' "
        "and table_name = ?",
        [table],
    ).fetchall()
    return {str(name) for (name,) in rows}


def _promote(connection: duckdb.DuckDBPyConnection, feed: str, column: str) -> None:
    connection.execute(f'alter table raw.{feed} add column "{column}" varchar')
    connection.execute(
        f"""
        update raw.{feed} set
            "{column}" = json_extract_string(_extra, '$.{column}'),
            _extra = nullif(
                cast(json_merge_patch(_extra, '{{"{column}": null}}') as varchar), '{{}}'
            )
        where json_exists(_extra, '$.{column}')
        """  # noqa: S608
    )


@contextmanager
def open_landing(
    path: Path, *, read_only: bool = False, patience: float = 0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the loader's database for as long as the block runs.

    Args:
        path: the database file.
        read_only: several may read at once, if nobody writes.
        patience: seconds to try again while another process holds it.

    Raises:
        BusyError: saying who holds it.
        EventmartError: if it cannot be opened at all.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, read_only, time.monotonic() + patience)
    try:
        yield connection
    finally:
        connection.close()


def _connect(path: Path, read_only: bool, deadline: float) -> duckdb.DuckDBPyConnection:
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=_SETTINGS)
            connection.execute("set TimeZone = 'UTC'")
            return connection
        except duckdb.IOException as error:
            if "could not set lock" not in str(error).lower():
                message = f"{path}: cannot be opened: {error}"
                raise EventmartError(message) from error
            if time.monotonic() > deadline:
                holder = str(error).partition("held in ")[2].partition(". See")[0]
                raise BusyError(
                    f"{path} is in use by {holder or 'another process'}; "
                    "try again when it is done"
                ) from error
        time.sleep(0.1)
