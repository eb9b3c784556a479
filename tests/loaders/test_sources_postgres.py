"""A query of PostgreSQL: each row once, whatever comes between two landings."""

import gzip
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from loaders.cli.main import main
from loaders.config.feeds import Feed, Query
from loaders.config.paths import Paths
from loaders.landing import ingest
from loaders.landing.ingest import Taken
from loaders.landing.ledger import Entry
from loaders.sources import postgres
from tests.lab import Lab, make_feed

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("postgres")

Labs = Callable[..., Lab]
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def as_nobody_special(*command: object) -> list[str]:
    """A command as it may run: PostgreSQL refuses to be started by root."""
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
    return words


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A throw-away PostgreSQL, reached by a socket in a folder of its own."""
    if not BINARIES:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql; apt-get install postgresql")
    binaries = BINARIES[-1].parent
    # Short, for the path of a socket; and not below a folder of root's.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    flags = f"-c listen_addresses= -k {folder} -c fsync=off -c max_connections=10"

    def control(*arguments: object) -> None:
        call = as_nobody_special(*arguments)
        subprocess.run(call, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    control(binaries / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8")
    control(
        binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", flags, "start"
    )
    yield f"host={folder} user=test dbname=postgres"
    control(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def database(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """An empty table `sales` in it, and $SALES_DSN that leads there."""
    monkeypatch.setenv("SALES_DSN", server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("drop table if exists sales")
        connection.execute("create table sales (a int, b text, c timestamptz)")
        yield connection


def feed_of(sql: str = "select * from sales", cursor: str = "a", **other: Any) -> Feed:
    query = {"dsn_env": "SALES_DSN", "sql": sql, "cursor": cursor}
    return make_feed(query=query, **other)


@pytest.fixture
def sales(lab: Labs, database: psycopg.Connection) -> Lab:
    return lab(feed_of())


def take(things: Lab, **other: Any) -> Taken:
    feed = feed_of(**other) if other else things.feed
    assert feed.query
    return ingest.take(things.warehouse, feed, postgres.offer(feed.query))


def only(taken: Taken) -> Entry:
    (entry,) = taken.entries
    return entry


def insert(database: psycopg.Connection, *rows: tuple[Any, ...]) -> None:
    with database.cursor() as cursor:
        cursor.executemany("insert into sales values (%s, %s, %s)", rows)


def refusal(things: Lab, **other: Any) -> tuple[str | None, str]:
    taken = take(things, **other)
    assert (only(taken).status, things.counts()) == ("failed", (0, 0, 0))
    assert take(things, **other).is_new is False
    assert len(things.ledger()) == 1
    return only(taken).reason, str(only(taken).detail)


def test_each_landing_takes_what_is_new(sales: Lab, database: psycopg.Connection) -> None:
    assert take(sales) == Taken([], is_new=False)
    insert(database, (2, "two", None), (1, "one", None))
    first = only(take(sales))
    assert (first.status, first.n_records, first.n_new) == ("landed", 2, 2)
    assert first.header == "a,b,c"
    assert first.uri.startswith("postgres:SALES_DSN/query-")
    assert take(sales) == Taken([], is_new=False)
    insert(database, (3, "three", None))
    again = only(take(sales))
    assert (again.n_records, again.n_new, again.n_known) == (2, 1, 1)
    assert [row[0] for row in sales.rows()] == ["1", "2", "3"]
    assert len(sales.ledger()) == 2
    sales.check_laws()


def test_rows_that_join_the_newest_value_later_are_not_lost(
    sales: Lab, database: psycopg.Connection
) -> None:
    insert(database, (1, "x", None), (5, "x", None))
    take(sales)
    insert(database, (5, "y", None))
    entry = only(take(sales))
    assert (entry.n_new, entry.n_known) == (1, 1)
    # An equal row is another one: there are two of it now.
    insert(database, (5, "y", None))
    entry = only(take(sales))
    assert (entry.n_new, entry.n_known) == (1, 2)
    assert take(sales) == Taken([], is_new=False)
    assert sorted(sales.rows()) == [
        ("1", "x", None),
        ("5", "x", None),
        ("5", "y", None),
        ("5", "y", None),
    ]


def test_a_newest_row_that_is_corrected_is_read_again(
    sales: Lab, database: psycopg.Connection
) -> None:
    insert(database, (5, "x", None))
    take(sales)
    database.execute("update sales set b = 'y'")
    assert only(take(sales)).n_new == 1


@pytest.mark.parametrize("seed", range(2))
def test_any_steps_end_with_all_rows_once(
    sales: Lab, database: psycopg.Connection, seed: int
) -> None:
    rng, newest = random.Random(seed), 0
    for _ in range(12):
        for _ in range(rng.randrange(3)):
            newest += rng.randrange(2)
            insert(database, (newest, rng.choice("xy"), None))
        take(sales)
    inserted = database.execute("select a::text, b, c from sales order by 1, 2").fetchall()
    assert sorted(sales.rows()) == sorted(inserted)
    sales.check_laws()


def test_a_crash_before_the_stamp_changes_nothing(
    sales: Lab, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    insert(database, (1, "x", None), (2, "y", None))
    monkeypatch.setattr("loaders.landing.ledger.put_stamp", crash)
    with pytest.raises(KeyboardInterrupt):
        take(sales)
    monkeypatch.undo()
    monkeypatch.setenv("SALES_DSN", database.info.dsn)
    entry = only(take(sales))
    assert (entry.status, entry.n_new) == ("seen_again", 2)
    assert len(sales.rows()) == 2
    assert take(sales) == Taken([], is_new=False)


def test_a_refused_query_is_asked_again_from_where_it_was(
    lab: Labs, database: psycopg.Connection
) -> None:
    things = lab(feed_of(columns={"a": {"required": True}, "b": {}, "c": {}}))
    insert(database, (1, "x", None))
    take(things)
    database.execute("alter table sales rename b to a2")
    database.execute("alter table sales add x int")
    narrow = make_feed(
        query=things.feed.query.model_dump() if things.feed.query else None,
        columns={"a": {}, "b": {"required": True}, "c": {}},
    )
    things.feed = narrow
    insert_x = "insert into sales values (2, 'y', null, 7)"
    database.execute(insert_x)
    assert only(take(things)).status == "held"
    assert take(things).is_new is False
    database.execute("alter table sales rename a2 to b")
    database.execute("alter table sales drop x")
    assert only(take(things)).n_new == 1
    assert [row[0] for row in things.rows()] == ["1", "2"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", ["9", "10", "11"]),
        ("numeric", ["0.1", "0.10000000000000000001", "2"]),
        ("double precision", ["0.1", "0.30000000000000004", "1e+300"]),
        ("text", ["a'b", "a\\b", 'b\u20ac,\n"']),
        ("date", ["0099-01-02", "2024-02-29", "2024-03-01"]),
        (
            "timestamp",
            ["2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", "2024-05-01 00:00:00"],
        ),
        (
            "timestamptz",
            ["2023-12-31 22:00:00+00", "2024-01-01 00:00:00+00", "2024-05-01 00:00:00+00"],
        ),
    ],
)
def test_a_cursor_may_be_of_any_type_that_has_an_order(
    sales: Lab, database: psycopg.Connection, kind: str, values: list[str]
) -> None:
    database.execute("drop table sales")
    database.execute(f"create table sales (a {kind})")
    # Whatever the server thinks of dates, values are read as they are stored.
    database.execute("alter database postgres set datestyle = 'German'")
    database.execute("alter database postgres set timezone = 'Asia/Tokyo'")
    database.execute("alter database postgres set extra_float_digits = -5")
    for number, value in enumerate(values):
        database.execute("insert into sales values (%s)", [value])
        entry = only(take(sales))
        assert (entry.status, entry.n_new, entry.n_known) == ("landed", 1, min(number, 1))
        assert take(sales) == Taken([], is_new=False)
    assert [row[0] for row in sales.rows()] == values
    database.execute("alter database postgres reset all")


def test_values_are_what_the_database_holds(
    sales: Lab, database: psycopg.Connection
) -> None:
    values = [
        'say "hi", ann',
        "line\nbreak\r\n",
        "naïve \u20ac",
        "\\.",
        "\\N",
        " x ",
        "007",
    ]
    insert(database, *((n, value, None) for n, value in enumerate(values)))
    take(sales)
    assert [row[1] for row in sales.rows()] == values


def test_nothing_and_an_empty_text_are_one_but_for_the_kept_bytes(
    sales: Lab, database: psycopg.Connection
) -> None:
    insert(database, (1, "", None), (2, None, None))
    entry = only(take(sales))
    assert [row[1] for row in sales.rows()] == [None, None]
    drop = sales.warehouse.paths.drops / f"{entry.sha256}.gz"
    assert gzip.decompress(drop.read_bytes()) == b'a,b,c\n1,"",\n2,,\n'


def test_another_query_is_read_from_its_start(
    sales: Lab, database: psycopg.Connection
) -> None:
    insert(database, (1, "x", None), (2, "y", None))
    take(sales, sql="select * from sales where b = 'y'")
    entry = only(take(sales))
    assert (entry.n_new, entry.n_known) == (1, 1)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from sales -- the end",
        "select a, '100%' as b, '{x}' as c from sales",
        "with s as (select * from sales) select * from s",
        "select * from sales order by a desc limit 5",
    ],
)
def test_a_query_may_be_any(sales: Lab, database: psycopg.Connection, sql: str) -> None:
    insert(database, (1, "x", None))
    assert only(take(sales, sql=sql)).n_new == 1


def test_rows_without_a_cursor_are_refused(
    sales: Lab, database: psycopg.Connection
) -> None:
    insert(database, (1, "x", None), (None, "y", None))
    reason, detail = refusal(sales)
    assert (reason, "returns rows without a" in detail) == ("cursor_null", True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("timestamptz", "9999-12-31"),
        ("timestamp", "infinity"),
        ("date", "2999-01-01"),
        ("float", "Infinity"),
        ("numeric", "NaN"),
    ],
)
def test_a_cursor_ahead_of_all_that_will_come_is_refused(
    sales: Lab, database: psycopg.Connection, kind: str, value: str
) -> None:
    database.execute("drop table sales")
    database.execute(f"create table sales (a {kind})")
    database.execute("insert into sales values (%s)", [value])
    reason, detail = refusal(sales)
    assert (reason, f"a of {value}" in detail) == ("cursor_in_the_future", True)


def test_the_database_is_only_read(sales: Lab, database: psycopg.Connection) -> None:
    insert(database, (1, "x", None))
    database.execute(
        "create or replace function spoil() returns int language sql "
        "as 'delete from sales returning 1'"
    )
    reason, detail = refusal(sales, sql="select spoil() as a")
    assert (reason, "read-only transaction" in detail) == ("postgres_failed", True)
    assert database.execute("select count(*) from sales").fetchone() == (1,)


def test_all_is_read_from_one_moment(
    sales: Lab, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that comes while the rows are read lands the next time."""
    insert(database, (1, "x", None))
    honest = psycopg.Cursor.copy

    def copy(cursor: Any, statement: Any) -> Any:
        insert(database, (1, "late", None), (2, "late", None))
        return honest(cursor, statement)

    monkeypatch.setattr(psycopg.Cursor, "copy", copy)
    assert only(take(sales)).n_new == 1
    monkeypatch.undo()
    monkeypatch.setenv("SALES_DSN", database.info.dsn)
    assert only(take(sales)).n_new == 2


@pytest.mark.fault("hostile.secrets")
@pytest.mark.parametrize(
    ("dsn", "reason"),
    [
        (None, "postgres_not_set"),
        ("", "postgres_not_set"),
        ("hunter2 is no dsn", "postgres_not_set"),
        ("host=/nonexistent user=ann password=hunter2", "postgres_failed"),
        ("postgresql://ann:hunter2@127.0.0.1:9/x", "postgres_failed"),
    ],
)
def test_a_database_that_is_not_there_is_said_without_its_password(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, dsn: str | None, reason: str
) -> None:
    if dsn is None:
        monkeypatch.delenv("SALES_DSN", raising=False)
    else:
        monkeypatch.setenv("SALES_DSN", dsn)
    things = lab(feed_of())
    found, detail = refusal(things)
    assert found == reason
    assert detail.startswith("postgres:SALES_DSN/query-")
    assert "hunter2" not in str(things.ledger())


def test_a_query_that_is_wrong_is_said(sales: Lab) -> None:
    reason, detail = refusal(sales, sql="select * from nowhere")
    assert (reason, 'relation "nowhere" does not' in detail) == ("postgres_failed", True)


@pytest.mark.fault("operator.query")
def test_a_query_without_end_is_stopped_on_the_server_too(
    sales: Lab, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "DEADLINE", 0.5)
    endless = "select max(n) as a from generate_series(1, 1e15) as endless(n)"
    reason, detail = refusal(sales, sql=endless)
    assert (reason, "more than 0.5 seconds" in detail) == ("postgres_too_slow", True)
    running = (
        "select count(*) from pg_stat_activity "
        "where query ~ 'endless' and state = %s and pid <> pg_backend_pid()"
    )
    for _ in range(50):
        if database.execute(running, ["active"]).fetchone() == (0,):
            return
        time.sleep(0.1)
    pytest.fail("it still runs")


@pytest.mark.fault("operator.query")
def test_a_cursor_too_long_to_be_kept_is_refused(
    lab: Labs, database: psycopg.Connection
) -> None:
    things = lab(feed_of(cursor="b"))
    insert(database, (1, "x" * 1_001, None))
    reason, detail = refusal(things)
    assert reason == "cursor_too_long"
    assert "1,001 letters" in detail
    assert len(detail) < 500


def test_land_takes_queries_too(
    database: psycopg.Connection,
    paths: Paths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))
    monkeypatch.setenv("EVENTMART_INBOX", str(paths.inbox))
    settings = feed_of().model_dump(mode="json", exclude_none=True, exclude={"name"})
    file = tmp_path / "feeds.yml"
    file.write_text(yaml.safe_dump({"feeds": {"things": settings}}))
    insert(database, (1, "x", None))
    outputs = [CliRunner().invoke(main, ["--feeds", str(file), "land"]) for _ in range(2)]
    assert [result.exit_code for result in outputs] == [0, 0]
    assert outputs[0].output.startswith("landed      things")
    assert outputs[1].output.startswith("unchanged   1 ")


def test_a_query_is_no_data() -> None:
    """What is shown of a query tells one from another, and no more."""
    uris = {
        postgres.offer(Query(dsn_env="X", sql=sql, cursor=cursor)).uri
        for sql in ("select 1", "select 2")
        for cursor in ("a", "b")
    }
    assert len(uris) == 4
    assert not any("select" in uri for uri in uris)


CLOSED = "select 1 as a) as found) as found; "
OPENED = "; select 1 from (select * from (select 1 as a"
WRITES = "commit; begin read write; delete from sales; commit; begin"
PROGRAM = (
    "commit; begin read write; copy (select 1) to program 'touch {file}'; commit; begin"
)
NOT_ONE_QUERY = {
    "writes": f"{CLOSED}{WRITES}{OPENED}",
    "runs": f"{CLOSED}{PROGRAM}{OPENED}",
    "runs_at_once": "select 1 as a) as x) as found) to program 'touch {file}'; "
    "copy (select * from (select * from (select 1 as a",
    "closes_one": "select 1 as a) as x, lateral (select 2 as b",
    "two": f"select 1 as a; {WRITES}; select 2 as a",
    "rolls_back": "rollback; delete from sales; select 1 as a",
    "comment": f"select 1 as a /* ) as found) as found; {WRITES} */; select 1 as a",
    "open_comment": "select 1 as a /*",
    "open_quote": "select 'x as a",
    "open_dollar": "select $x$ as a",
    "is_none": "-- nothing",
    "delete": "delete from sales returning a",
    "delete_within": "with gone as (delete from sales returning a) select a from gone",
    "into": "select 1 as a into pwned",
    "copy": "copy sales to program 'touch {file}'",
    "do": "do $$ begin delete from sales; commit; end $$",
    "call": "call wipe()",
    "function": "select wiped() as a",
    "sequence": "select nextval('numbers') as a",
    "settings": "select set_config('transaction_read_only', 'off', false)::text as a",
    "explain": "explain analyze delete from sales",
    "prepare": "prepare wipe as delete from sales",
}


@pytest.mark.fault("operator.query")
@pytest.mark.parametrize("sql", NOT_ONE_QUERY.values(), ids=NOT_ONE_QUERY)
def test_a_query_can_only_read(
    lab: Labs, database: psycopg.Connection, server: str, sql: str
) -> None:
    # In the server's own folder, so that it may write there.
    file = Path(server.split()[0].removeprefix("host=")) / "pwned"
    database.execute("create sequence if not exists numbers")
    database.execute(
        "create or replace function wiped() returns int language sql as "
        "'delete from sales; select 1'"
    )
    database.execute(
        "create or replace procedure wipe() language sql as 'delete from sales'"
    )
    insert(database, (1, "x", None))
    reason, detail = refusal(lab(), sql=sql.format(file=file))
    assert reason == "postgres_failed", detail
    assert database.execute("select a, b from sales").fetchall() == [(1, "x")]
    assert not file.exists()
    assert database.execute("select to_regclass('pwned')").fetchone() == (None,)
    ((is_called,),) = database.execute("select is_called from numbers").fetchall()
    assert is_called is False


QUERIES = {
    "plain": "select * from sales",
    "comment": "select * from sales -- all of it",
    "brackets": "(select * from sales)",
    "common": "with found as (select * from sales) select * from found",
    "union": "select a, b, c from sales where a = 1 union all select a, b, c from sales "
    "where a = 2",
    "percent": "select a, '100 %s' as b, c from sales",
    "dollar": "select a, $x$) as found; commit$x$ as b, c from sales",
    "table": "table sales",
    "values": "values (1, 'x', null), (2, 'y', null)",
}


@pytest.mark.parametrize("sql", QUERIES.values(), ids=QUERIES)
def test_whatever_is_one_query_is_asked(
    lab: Labs, database: psycopg.Connection, sql: str
) -> None:
    insert(database, (1, "x", None), (2, "y", None))
    cursor = "column1" if sql.startswith("values") else "a"
    names = ("column1", "column2") if cursor == "column1" else ("a", "b", "c")
    layout = [{"name": "only", "has": [cursor]}]
    columns = {name: {} for name in names}
    things = lab(feed_of(sql, cursor, columns=columns, layouts=layout))
    assert only(take(things)).n_new == 2
