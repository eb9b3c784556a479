"""A query of PostgreSQL as a source: what is new since the last time, as CSV.

Rows are read from the last value of the cursor on, that value's own rows included: what
has landed of them is known by its hash.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

from loaders.config.feeds import Query
from loaders.disk import spaced
from loaders.errors import DeliveryError
from loaders.sources.base import Fetched, Offer
from loaders.sources.watchdog import Watchdog

if TYPE_CHECKING:
    from psycopg import Connection

CONNECT_TIMEOUT = 20
# Seconds that a query may take in all, and to its first row.
DEADLINE = 3600
# Values that nothing is newer than: no later row would ever be read.
_ENDLESS = ("infinity", "Infinity", "NaN")
# Letters of the cursor's newest value, which is kept in landing and asked for again.
_MAX_CURSOR = 1_000


def offer(query: Query) -> Offer:
    """What the query finds. Another query is another source, read from its start."""
    text = f"{query.sql}\0{query.cursor}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    uri = f"postgres:{query.dsn_env}/query-{digest}"

    def fetch(folder: Path, last: str | None) -> Fetched | None:
        path = folder / "query.csv"
        with _connection(query, uri) as connection:
            stamp = _copy(connection, query, uri, last, path)
        return Fetched(path, stamp) if stamp else None

    return Offer(uri, None, fetch)


def _copy(
    connection: "Connection", query: Query, uri: str, last: str | None, path: Path
) -> str | None:
    """Write the rows since the last time to a file, and return their stamp, if any are.

    The statements see the same rows: their transaction reads one snapshot.
    """
    from psycopg import sql

    _check_is_one_query(connection, query)
    # Only feeds.yml writes SQL here; values are quoted by the driver. A comment at the
    # end of the query must not swallow what follows.
    found = sql.SQL("(select * from ({}\n) as found) as found").format(sql.SQL(query.sql))
    column = sql.Identifier(query.cursor)

    def ask(text: LiteralString, **values: str) -> tuple[Any, ...]:
        parts = {name: sql.Literal(value) for name, value in values.items()}
        statement = sql.SQL(text).format(found=found, column=column, **parts)
        return connection.execute(statement).fetchone() or (None,)

    if ask("select 'x' from {found} where {column} is null limit 1")[0]:
        raise DeliveryError(
            "cursor_null",
            f"{uri}: the query returns rows without {query.cursor}, which no later run "
            "would find; change the query to give them one, or to leave them out",
        )
    newest, kind = ask(
        "select max({column})::text, pg_typeof(max({column}))::text from {found}"
    )
    if newest is None:
        return None
    if len(newest) > _MAX_CURSOR:
        raise DeliveryError(
            "cursor_too_long",
            f"{uri}: finds a {query.cursor} of {len(newest):,} letters; {_MAX_CURSOR:,} "
            "are allowed; take a number or a time for the cursor",
        )
    is_time = kind.startswith(("date", "timestamp"))
    tomorrow = "select max({column}) > now() + interval '1 day' from {found}"
    if newest in _ENDLESS or (is_time and ask(tomorrow)[0]):
        raise DeliveryError(
            "cursor_in_the_future",
            f"{uri}: the query returns a {query.cursor} of {newest}, and later rows below "
            "it would never be found; correct it, or leave it out",
        )
    # Rows may join those of the newest value without changing it.
    summary = ask(
        "select count(*)::text, sum(hashtextextended(found::text, 0))::text "
        "from {found} where {column} = {newest}",
        newest=newest,
    )
    stamp = json.dumps({"newest": newest, "rows": summary})
    if stamp == last:
        return None
    start = json.loads(last)["newest"] if last else None
    statement = sql.SQL(
        "copy (select * from {found} where {start} is null or {column} >= {start} "
        "order by {column}) to stdout (format csv, header, encoding 'UTF8')"
    ).format(found=found, column=column, start=sql.Literal(start))
    with path.open("wb") as target, connection.cursor().copy(statement) as rows:
        for chunk in spaced(map(bytes, rows), path.parent, uri):
            target.write(chunk)
    return stamp


def _check_is_one_query(connection: "Connection", query: Query) -> None:
    """Check that a query is one statement by itself, before it is put into others.

    The server prepares no more than one. What closes our brackets, ends the read-only
    transaction and goes on is none, and what is one cannot get out of brackets: there it
    can only be a query.

    Raises:
        psycopg.Error: with what the server says.
    """
    import psycopg
    from psycopg.pq import ExecStatus

    result = connection.pgconn.prepare(b"", query.sql.encode())
    if result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result)


@contextmanager
def _connection(query: Query, uri: str) -> "Iterator[Connection]":
    """A connection that can only read; its failures are named, without secrets."""
    # Most landings need no PostgreSQL.
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    name = query.dsn_env
    dsn = os.environ.get(name)
    if not dsn:
        raise DeliveryError(
            "postgres_not_set", f"{uri}: ${name} is not set; it says where the database is"
        )
    try:
        settings = {"connect_timeout": CONNECT_TIMEOUT, **conninfo_to_dict(dsn)}
    except psycopg.ProgrammingError:
        # The error quotes the text, password and all: it goes no further.
        raise DeliveryError(
            "postgres_not_set", f"{uri}: ${name} is not a connection string"
        ) from None
    dog = Watchdog(DEADLINE)
    try:
        with (
            psycopg.connect(**settings, client_encoding="utf8") as connection,  # type: ignore[arg-type]
            dog.watching(time.monotonic() + DEADLINE),
        ):
            dog.guard(connection.fileno())
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            # Values as text must be the same for all settings of the server.
            connection.execute("set local datestyle to 'ISO, YMD'")
            connection.execute("set local timezone to 'UTC'")
            connection.execute("set local extra_float_digits to 1")
            # The server is to stop as well, when nobody waits for it any more.
            limit = f"{DEADLINE * 1000:.0f}ms"
            connection.execute("select set_config('statement_timeout', %s, true)", [limit])
            yield connection
    except psycopg.Error as error:
        if dog.has_bitten or isinstance(error, psycopg.errors.QueryCanceled):
            raise DeliveryError(
                "postgres_too_slow", f"{uri}: takes more than {DEADLINE} seconds"
            ) from error
        # libpq names host and user, and never the password.
        why = " ".join(str(error).split())[:300]
        raise DeliveryError("postgres_failed", f"{uri}: {why}") from error
