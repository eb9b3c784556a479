"""How text becomes time: every format, and one definition for loader and staging."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loaders.config.feeds import NAMED_FORMATS, Feed
from loaders.landing import times
from loaders.landing.checks.ids import DEFINITION
from loaders.landing.schema import create_tables
from tests.lab import Lab, make_feed, short

Labs = Callable[..., Lab]
DENVER = "America/Denver"
NUMBERS = ("excel_serial", "epoch_s", "epoch_ms", "epoch_us")
ALL = (*NAMED_FORMATS, "%d.%m.%Y %H:%M", "%Y%m%dT%H%M%S%z")


def feed_of(*formats: str, zone: str = DENVER, name: str = "things") -> Feed:
    as_of = {"newest": ["b"], "arrival": True}
    return make_feed(name=name, zone=zone, formats=formats, as_of=as_of)


@pytest.fixture(scope="module")
def read() -> Iterator[Callable[..., datetime | None]]:
    """Read a text by a feed of these formats, in a session of another zone."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Tokyo'")

        def _read(text: str | None, *forms: str, zone: str = DENVER) -> datetime | None:
            moment = times.clock_time(feed_of(*forms, zone=zone), "text")
            row = connection.execute(
                f"select {moment} from (select cast(? as varchar) as text)", [text]
            ).fetchone()
            return row[0] if row else None

        yield _read


LOCAL = [
    ("iso", "2026-02-28 14:03:05", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28T14:03:05", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28T14:03:05.123456", "2026-02-28 14:03:05.123456"),
    ("iso", "2026-02-28T14:03:05.1234567", "2026-02-28 14:03:05.123456"),
    ("iso", "2026-02-28 14:03", "2026-02-28 14:03:00"),
    ("iso", "2026-2-8 3:05", "2026-02-08 03:05:00"),
    ("iso", "2026/02/28 14:03:05", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28", "2026-02-28 00:00:00"),
    ("iso", " 2026-02-28 \t", "2026-02-28 00:00:00"),
    ("iso", "\xa02026-02-28T14:03:05\xa0", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28 24:00", "2026-03-01 00:00:00"),
    ("iso", "1990-01-01", "1990-01-01 00:00:00"),
    ("iso", "2099-12-31T23:59:59", "2099-12-31 23:59:59"),
    ("us", "02/28/2026 02:03:05 PM", "2026-02-28 14:03:05"),
    ("us", "2/28/2026 2:03:05 pm", "2026-02-28 14:03:05"),
    ("us", "2/28/2026 2:03 Pm", "2026-02-28 14:03:00"),
    ("us", "2/28/2026 2:03PM", "2026-02-28 14:03:00"),
    ("us", "2/28/26 2:03 PM", "2026-02-28 14:03:00"),
    ("us", "2/28/26 14:03", "2026-02-28 14:03:00"),
    ("us", "2/28/26", "2026-02-28 00:00:00"),
    ("us", "2/28/2026", "2026-02-28 00:00:00"),
    ("us", "2/28/2026 14:03", "2026-02-28 14:03:00"),
    ("us", "2/28/2026 14:03:05.250", "2026-02-28 14:03:05.250"),
    ("us", "2/28/2026 12:00:00 AM", "2026-02-28 00:00:00"),
    ("us", "1/5/99", "1999-01-05 00:00:00"),
    ("us", " 2/28/2026  2:03 PM ", "2026-02-28 14:03:00"),
    ("excel_serial", "45000", "2023-03-15 00:00:00"),
    ("excel_serial", "45000.5", "2023-03-15 12:00:00"),
    ("excel_serial", "45728.333356", "2025-03-12 08:00:02"),
    ("%d.%m.%Y %H:%M", "28.02.2026 14:03", "2026-02-28 14:03:00"),
]
INSTANTS = [
    ("iso", "2026-02-28T14:03:05Z", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28t14:03:05z", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28T14:03:05.123456+00:00", "2026-02-28 14:03:05.123456"),
    ("iso", "2026-02-28 14:03:05+00", "2026-02-28 14:03:05"),
    ("iso", "2026/02/28 14:03:05+00", "2026-02-28 14:03:05"),
    ("iso", "2026-02-28 14:03:05-08", "2026-02-28 22:03:05"),
    ("iso", "2026-02-28 14:03:05-0800", "2026-02-28 22:03:05"),
    ("iso", "2026-02-28 14:03:05-08:00", "2026-02-28 22:03:05"),
    ("iso", "2026-02-28 14:03:05 -08:00", "2026-02-28 22:03:05"),
    ("iso", "2026-02-28T14:03-08:00", "2026-02-28 22:03:00"),
    ("iso", "2026-02-28T14:03Z", "2026-02-28 14:03:00"),
    ("iso", "2026-02-28T14:03:05+0530", "2026-02-28 08:33:05"),
    ("iso", "2026-03-08T02:30:00-05:00", "2026-03-08 07:30:00"),
    ("epoch_s", "1772287385", "2026-02-28 14:03:05"),
    ("epoch_s", "1772287385.5", "2026-02-28 14:03:05.5"),
    ("epoch_ms", "1772287385123", "2026-02-28 14:03:05.123"),
    ("epoch_ms", "1772287385123.0", "2026-02-28 14:03:05.123"),
    ("epoch_us", "1772287385123456", "2026-02-28 14:03:05.123456"),
    ("%Y%m%dT%H%M%S%z", "20260228T140305-0800", "2026-02-28 22:03:05"),
]
UNREADABLE = [
    *("soon", "", " ", "now", "infinity", "-infinity", "epoch", "today", "nan", "1e400"),
    *("2026-02-30", "2026-13-01", "2026-02-28 25:00", "2026-02-28 23:59:60"),
    *("2/28/2026 24:00", "12/31/2026 11:59:60 PM", "2/28/2026 13:03 PM", "2/30/2026"),
    *("0001-01-01", "1899-12-31", "1989-12-31", "2100-01-01", "9999-12-31", "1/1/1900"),
    *("1/1/75", "2/28/026", "28/02/2026", "2026-02-28 (BC)", "2026-02-28T", "2026-02-28Z"),
    *("2026-02-28 14:03:05-80", "2026-02-28 14:03:05+99:00", "2026-02-28 14:03:05 PST"),
    *("20260105", "20260105080002", "202601050800", "2026", "32873", "73051", "99999"),
    *("4102444800", "599999999", "4102444800000", "9223372036854775807", "-1772287385"),
    *("45000,5", "'2026-02-28'", '"2026-02-28"', "2026-02-28; drop table x", None),
]


@pytest.mark.parametrize(("form", "text", "expected"), LOCAL, ids=short)
def test_a_time_without_offset_is_one_of_the_feeds_clocks(
    read: Callable[..., datetime | None], form: str, text: str, expected: str
) -> None:
    assert read(text, form) == datetime.fromisoformat(expected)
    assert read(text, *ALL) == datetime.fromisoformat(expected)


@pytest.mark.fault("meaning.time_formats")
@pytest.mark.parametrize(("form", "text", "instant"), INSTANTS, ids=short)
@pytest.mark.parametrize("zone", [DENVER, "America/New_York", "UTC"])
def test_an_instant_is_shown_on_the_feeds_clocks(
    read: Callable[..., datetime | None], form: str, text: str, instant: str, zone: str
) -> None:
    local = datetime.fromisoformat(instant).replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    assert read(text, form, zone=zone) == local.replace(tzinfo=None)
    assert read(text, *ALL, zone=zone) == local.replace(tzinfo=None)


@pytest.mark.parametrize("text", UNREADABLE, ids=short)
def test_what_is_no_time_is_read_by_no_format(
    read: Callable[..., datetime | None], text: str | None
) -> None:
    assert read(text, *ALL) is None


@pytest.mark.fault("meaning.integer_dates")
@pytest.mark.parametrize("text", ["45000.5", "45000", "1772287385", "1772287385123456"])
def test_numbers_are_times_only_where_a_feed_says_so(
    read: Callable[..., datetime | None], text: str
) -> None:
    assert read(text, "iso", "us", "epoch_ms") is None
    assert read(text, *NUMBERS) is not None


def test_the_first_format_that_fits_decides(read: Callable[..., datetime | None]) -> None:
    assert read("03/04/2026", "us", "%d/%m/%Y") == datetime(2026, 3, 4)
    assert read("03/04/2026", "%d/%m/%Y", "us") == datetime(2026, 4, 3)


DIGITS = st.integers(0, 99).map(str) | st.integers(0, 10**17).map(str)
PARTS = DIGITS | st.sampled_from(
    [*"-/:. TZ+", "2026", "02", "28", "-08", "-0800", " AM", "pm", "2/28/26", "14:03:05"]
)
TEXTS = st.lists(PARTS, max_size=9).map("".join) | st.sampled_from(
    [text for _, text, _ in LOCAL + INSTANTS] + [text or "" for text in UNREADABLE]
)


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(tmp_path_factory.mktemp("times") / "landing.duckdb")
    create_tables(connection, {"things": feed_of(*ALL)})
    return connection


@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(text=TEXTS)
@example(text="2026-02-30T00:00Z")
def test_loader_and_staging_read_the_same(
    landing: duckdb.DuckDBPyConnection, text: str
) -> None:
    """Staging calls the macros; the loader judges by expressions of its own."""
    feed = feed_of(*ALL)
    counted, dated, local, instant, clock = (
        landing.execute(
            f"""
        select
            {times.any_time(feed, "text")}, {times.clock_time(feed, "text")},
            raw.things_time(text), raw.things_instant(text),
            raw.things_time_with_offset(text)
        from (select cast(? as varchar) as text)
        """,
            [text],
        ).fetchone()
        or ()
    )
    assert dated == local
    assert (counted is None) == (local is None) == (instant is None)
    assert clock is None or clock == counted
    if local and instant:
        zone = ZoneInfo(DENVER)
        shown = instant.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        # But for the hour that spring skips.
        assert shown == local or clock is None


def test_macros_are_written_only_when_a_feed_changes(lab: Labs) -> None:
    things = lab(feed_of("iso"))
    for landed, feed in [
        (0, feed_of("iso")),
        (1, feed_of("us")),
        (1, feed_of("us", zone="UTC")),
    ]:
        before = things.all("select * from raw.feed_times")
        create_tables(things.landing, {"things": feed})
        assert (things.all("select * from raw.feed_times") != before) == bool(landed)
    ((zone, fingerprint),) = things.all("select zone, fingerprint from raw.feed_times")
    assert (zone, fingerprint) == ("UTC", times.fingerprint(feed, DEFINITION))


def test_ids_that_are_damaged_by_another_rule_are_read_anew(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab(feed_of("iso"))
    before = things.all("select fingerprint from raw.feed_times")
    monkeypatch.setattr("loaders.landing.schema.DEFINITION", f"{DEFINITION} -- another")
    create_tables(things.landing, {"things": feed_of("iso")})
    assert things.all("select fingerprint from raw.feed_times") != before


def test_a_view_of_another_database_calls_the_macros_after_it_is_opened_again(
    lab: Labs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("attached")
    with duckdb.connect(str(folder / "landing.duckdb")) as landing:
        create_tables(landing, {"things": feed_of(*ALL)})
    view = "select landing.raw.things_time('2026-02-28T14:03Z') as moment"
    for statement in (f"create view times as {view}", "select 1"):
        with duckdb.connect(str(folder / "build.duckdb")) as build:
            build.execute(f"attach '{folder / 'landing.duckdb'}' as landing (read_only)")
            build.execute(statement)
            assert build.execute("from times").fetchall() == [
                (datetime(2026, 2, 28, 7, 3),)
            ]
