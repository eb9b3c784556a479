"""What of a delivery's text is published: what columns of marts are meant for, no more."""

import hashlib
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

from loaders.config.feeds import load_feeds
from tests.path.compiled import Compiled
from tests.projects import new_project

pytestmark = pytest.mark.xdist_group("compiled")

FEEDS = load_feeds()
TIMES = {
    "date_time": "2018-01-02 10:00:00-08",
    "quantity": "1",
    "price": "1.50",
    "case_created_dttm": "01/02/2018 10:00:00 AM",
    "case_closed_dttm": "01/03/2018 10:00:00 AM",
    "case_created_date": "01/02/2018",
    "first_occurrence_date": "2018-01-02 10:00:00",
    "last_occurrence_date": "2018-01-02 10:00:00",
    "reported_date": "2018-01-03 10:00:00",
}
CARD = "ZqpurchasesXcardXhashZq"
# Columns of files whose text marts are meant to show.
SHOWN = {
    "purchases": {"kiosk_id", "product_id"},
    "products": {"product_id", "product_name", "brand"},
    "service_requests": {
        *("agency", "case_source", "case_status", "case_summary", "type"),
        *("council_district", "neighborhood", "police_district"),
    },
    "accidents": {
        *("incident_id", "offense_id", "offense_type_id", "offense_category_id"),
        *("district_id", "neighborhood_id", "precinct_id", "harmful_event_seq_1"),
        *("light_condition", "road_condition", "road_description", "road_location"),
        *("tu1_driver_humancontribfactor", "tu2_driver_humancontribfactor"),
        *("tu1_pedestrian_action", "tu2_pedestrian_action"),
    },
}


def marker(feed: str, column: str) -> str:
    return f"Zq{feed}X{column}Zq".replace("_", "X")


def row(feed: str, **values: str) -> str:
    columns = FEEDS[feed].columns
    cells = {name: TIMES.get(name) or marker(feed, name) for name in columns} | values
    return ",".join(cells[name] for name in columns)


def files(feed: str) -> Iterator[str]:
    """A good file, and one of each kind that is not, with a marker in every place."""
    header = ",".join(FEEDS[feed].columns)
    yield f"{header}\n{row(feed)}\n"
    yield f"{row(feed)}\n{row(feed)}\n"
    yield f"{row(feed)}\n\n{header}\n{row(feed)}\n"
    yield f"{header},ZqfaultsXheaderZq\n{row(feed)},ZqfaultsXextraZq\n"
    yield header + "\n" + f"{row(feed)}\n" * 3 + f"{row(feed)},ZqfaultsXlongZq\n"
    yield header + "\n" + f"{row(feed)}\n" * 3 + 'ZqfaultsXquoteZq"x\n'
    yield header.split(",", 1)[1] + "\n" + row(feed).split(",", 1)[1] + "\n"
    yield header.replace(",", ";") + "\n" + row(feed).replace(",", ";") + "\n"
    untimed = {name: "ZqfaultsXtimeZq" for name in FEEDS[feed].columns if name in TIMES}
    yield header + "\n" + f"{row(feed, **untimed)}\n" * 9
    yield f'{header}\n"{row(feed)}'


@pytest.fixture(scope="module")
def built(
    compiled: Compiled, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    project = new_project(tmp_path_factory.mktemp("personal"))
    folder: Path = project.paths.data / "sent"
    folder.mkdir()
    output = ""
    for feed in SHOWN:
        sent = [folder / f"{feed}_2018-02-{number:02}.csv" for number in range(1, 11)]
        for file, text in zip(sent, files(feed), strict=True):
            file.write_text(text)
        result = project.eventmart("land", feed, *sent)
        assert result.exit_code in (3, 4), result.output
        output += result.output
    personal = [
        marker(feed.name, name)
        for feed in FEEDS.values()
        for name, column in feed.columns.items()
        if column.personal
    ]
    assert CARD in personal
    # What stands where no header is may be of any column.
    found = set(re.findall("Zq(?:(?!Zq).)+Zq", output))
    assert not found & {*personal}
    with compiled.build(project.paths.landing) as connection:
        yield connection


def texts(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, str]]:
    """Every table and column that is published, with what stands in it."""
    columns = connection.execute(
        """
        select database_name, schema_name, table_name, column_name
        from duckdb_columns()
        where schema_name in ('marts', 'reports')
            and (table_name, column_name) not in (
                ('dim_customers', 'card_hash'), ('fct_rejected_rows', 'raw_text')
            )
        """
    ).fetchall()
    for *place, column in columns:
        table = ".".join(f'"{part}"' for part in place)
        values = connection.execute(
            f'select distinct cast("{column}" as varchar) from {table} '
            f'where "{column}" is not null'
        ).fetchall()
        yield from ((place[-1], column, text) for (text,) in values)


@pytest.mark.fault("hostile.personal")
def test_what_is_published_is_what_marts_are_meant_to_show(
    built: duckdb.DuckDBPyConnection,
) -> None:
    allowed = {marker(feed, name) for feed, names in SHOWN.items() for name in names}
    shown = {
        (found, table, column)
        for table, column, text in texts(built)
        # Labels may be mended to lower case, or to slugs.
        for found in re.findall("zq(?:(?!zq).)+zq", text.lower())
    }
    found = {found for found, *_ in shown}
    print(sorted(found))
    assert found == {name.lower() for name in allowed}


def key_of(*parts: str) -> UUID:
    """What the macro `surrogate_key` makes of these parts."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return UUID(hashlib.md5(text.encode()).hexdigest())


@pytest.mark.fault("hostile.known_ids")
def test_nobody_who_knows_a_card_finds_it_by_any_key(
    built: duckdb.DuckDBPyConnection,
) -> None:
    known = built.execute(
        "select kiosk_id, product_id, customer_key, purchase_key, "
        "cast(purchased_at_utc as varchar) from marts.fct_purchases"
    ).fetchall()
    assert known
    guesses = set()
    for kiosk, product, _, _, at in known:
        for parts in ([CARD], [kiosk, product, CARD, at]):
            text = "".join(f"{len(part)}:{part}" for part in parts)
            guesses |= {text, CARD}
    digests = {
        hashlib.new(name, guess.encode(), usedforsecurity=False).hexdigest()[:32]
        for guess in guesses
        for name in ("md5", "sha1", "sha256")
    }
    # The keys of a purchase are made of those.
    for guess in [*digests]:
        uuid = str(UUID(guess))
        digests.add(hashlib.md5(f"36:{uuid}1:1".encode()).hexdigest())
    keys = {str(key).replace("-", "") for key in chain(*(one[2:4] for one in known))}
    assert keys.isdisjoint(digests)


@pytest.mark.fault("hostile.known_ids")
def test_nobody_who_knows_an_address_finds_its_requests_by_any_key(
    built: duckdb.DuckDBPyConnection,
) -> None:
    address = marker("service_requests", "incident_address_1").lower()
    known = built.execute(
        "select concat_ws(chr(0), cast(requested_at as varchar), "
        "lower(request_summary), ?), identity_key from marts.fct_service_requests",
        [address],
    ).fetchall()
    with_secret = built.execute(
        "select landing.raw.keyed_text(unnest(?))", [[plain for plain, _ in known]]
    ).fetchall()
    # Who has the secret finds them: it is all that is missing.
    keys = {key for _, key in known}
    assert {key_of(keyed) for (keyed,) in with_secret} & keys
    for plain, _ in known:
        digest = hashlib.sha256(plain.encode()).hexdigest()
        assert (
            not {key_of(plain), key_of(digest), key_of(address), UUID(digest[:32])} & keys
        )
