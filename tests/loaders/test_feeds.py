"""Feed settings: the shipped ones are valid, and a mistake is named."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from loaders.config.feeds import FEEDS_FILE, RESERVED, Window, canonical, load_feeds
from loaders.errors import UsageError
from tests.lab import make_feed

VALID = {
    "description": "d",
    "mode": "increment",
    "as_of": {"arrival": True},
    "layouts": [{"name": "only", "has": ["a"]}],
    "columns": {"a": {}, "b": {}},
}
QUERY = {"dsn_env": "SALES_DSN", "sql": "select 1 as b", "cursor": "b"}


def complaint(path: Path, text: str | bytes) -> str:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError) as caught:
        load_feeds(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_the_shipped_settings_are_valid() -> None:
    assert list(load_feeds()) == [
        "purchases",
        "products",
        "service_requests",
        "accidents",
        "neighborhoods",
        "kiosk_info",
    ]


def test_every_shipped_feed_can_date_its_deliveries() -> None:
    for feed in load_feeds(FEEDS_FILE).values():
        assert feed.as_of.newest or feed.as_of.arrival


@pytest.mark.parametrize(
    ("settings", "key", "fault"),
    [
        ({"mode": "windw"}, "mode", "'increment', 'window' or 'snapshot'"),
        ({"modes": "window"}, "modes", "not permitted"),
        ({"description": None}, "description", "valid string"),
        ({"sources": "x.csv"}, "sources", "valid tuple"),
        ({"encodings": ["utf8"]}, "encodings.0", "'utf-8'"),
        ({"encodings": []}, "encodings", "at least 1"),
        ({"max_preamble_lines": -1}, "max_preamble_lines", "greater than or equal to 0"),
        ({"limits": {"ratio": 0}}, "limits.ratio", "greater than 0"),
        ({"limits": {"size": 1}}, "limits.size", "not permitted"),
        ({"delimiter": '"'}, "delimiter", "match"),
        ({"delimiter": "\n"}, "delimiter", "match"),
        ({"delimiter": "é"}, "delimiter", "match"),
        ({"delimiter": ";;"}, "delimiter", "match"),
        ({"null_markers": [1]}, "null_markers.0", "valid string"),
        ({"null_markers": ["x", "a\0b"]}, "null_markers.1", "match"),
        ({"formats": ["%Y\0"]}, "formats.0", "match"),
        ({"columns": {}}, "columns", "at least 1"),
        ({"columns": {"a": {}, "B": {}}}, "columns.B", "match"),
        ({"columns": {"a": {}, "b__c": {}}}, "columns.b__c", "match"),
        ({"columns": {"a": {}, "rowid": {}}}, "as a whole", "rowid"),
        ({"columns": {"a": {"requird": True}}}, "columns.a.requird", "not permitted"),
        ({"columns": {"a": {}, "b": {"aliases": ["A"]}}}, "as a whole", "one column: a"),
        ({"layouts": []}, "layouts", "at least 1"),
        ({"layouts": [{"name": "x", "has": ["q"]}]}, "as a whole", "columns: q"),
        (
            {"layouts": [{"name": "x", "has": ["a"], "lacks": ["q"]}]},
            "as a whole",
            "columns: q",
        ),
        ({"volatile": ["q"]}, "as a whole", "columns: q"),
        ({"identity": ["q"]}, "as a whole", "columns: q"),
        ({"identity": ["a"], "volatile": ["a"]}, "as a whole", "cannot be volatile: a"),
        ({"foreign": ["a"]}, "as a whole", "names columns of the feed itself: a"),
        ({"window": {"column": "a", "days": 3}}, "as a whole", "mode is window"),
        ({"mode": "window"}, "as a whole", "mode is window"),
        (
            {"mode": "window", "window": {"column": "q", "days": 3}},
            "as a whole",
            "columns: q",
        ),
        ({"mode": "window", "window": {"column": "a"}}, "window", "either days or"),
        (
            {"mode": "window", "window": {"column": "a", "days": 0}},
            "window.days",
            "greater than 0",
        ),
        ({"as_of": {"file_name": "("}}, "as_of.file_name", "regular expression"),
        ({"as_of": {"file_name": "x"}}, "as_of.file_name", "one group"),
        ({"as_of": {"newest": ["b"]}}, "as a whole", "needs formats"),
        ({"as_of": {"newest": ["q"], "formats": ["%Y"]}}, "as a whole", "columns: q"),
        ({"as_of": {"newest": ["b"], "formats": ["%Q"]}}, "as_of.formats", "%Q"),
        ({"formats": ["isoo"]}, "formats", "is not a pattern, and not one of: iso, us"),
        ({"formats": ["%Q"]}, "formats", "%Q"),
        (
            {"formats": ["iso"], "as_of": {"newest": ["b"], "formats": ["%Y"]}},
            "as a whole",
            "formats: given twice",
        ),
        ({"times": ["q"], "formats": ["iso"]}, "as a whole", "columns: q"),
        ({"times": ["b"]}, "as a whole", "needs formats"),
        ({"zone": "Nowhere/City"}, "zone", "not a time zone such as America/Denver"),
        ({"zone": "UTC'; drop table x; --"}, "zone", "not a time zone"),
        ({"sources": ["ftp://h.org/x"]}, "as a whole", "sources: ftp://h.org/x: ftp:// is"),
        ({"sources": ["https://a:b@h.org/"]}, "as a whole", "https://h.org/: holds cred"),
        ({"sources": ["s3://bucket"]}, "as a whole", "expected s3://bucket/key"),
        ({"query": {"sql": "select 1"}}, "query.dsn_env", "required"),
        ({"query": QUERY | {"dsn_env": "host=x"}}, "query.dsn_env", "match"),
        ({"query": QUERY | {"cursor": "A"}}, "query.cursor", "match"),
        ({"query": QUERY | {"sql": "select 1; "}}, "query.sql", "remove the ;"),
        (
            {"query": QUERY, "mode": "snapshot"},
            "as a whole",
            "the mode must be increment",
        ),
        ({"query": QUERY, "delimiter": ";"}, "as a whole", "with commas"),
        ({"query": QUERY, "encodings": ["latin-1"]}, "as a whole", "in utf-8"),
        ({"query": QUERY, "format": "geojson"}, "as a whole", "are csv"),
        ({"query": QUERY, "volatile": ["b"]}, "as a whole", "cursor b cannot be"),
    ],
)
def test_a_wrong_setting_is_named_with_its_feed_and_key(
    tmp_path: Path, settings: dict[str, Any], key: str, fault: str
) -> None:
    text = yaml.safe_dump({"feeds": {"things": VALID | settings}})
    message = complaint(tmp_path / "feeds.yml", text)
    assert message.startswith("feed 'things' is not valid: ")
    assert f"{key}" in message
    assert fault in message


def test_all_mistakes_of_a_feed_are_named_at_once(tmp_path: Path) -> None:
    text = yaml.safe_dump({"feeds": {"things": VALID | {"mode": 1, "layouts": []}}})
    message = complaint(tmp_path / "feeds.yml", text)
    assert "mode: " in message
    assert "; layouts: " in message


@pytest.mark.parametrize("name", RESERVED)
def test_a_feed_cannot_take_the_name_of_a_table_of_the_loader(
    tmp_path: Path, name: str
) -> None:
    text = yaml.safe_dump({"feeds": {name: VALID}})
    assert f"raw.{name} is" in complaint(tmp_path / "feeds.yml", text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("feeds: [1", "is not YAML: "),
        (b"\xff\xfe", "is not YAML: "),
        ("feeds:\n  x: {}\n  x: {}\n", "'x' comes twice"),
        ("", "expected one mapping"),
        ("feeds: []", "expected one mapping"),
        ("feeds: {}", "expected one mapping"),
        ("feed: {x: {}}", "expected one mapping"),
        ("feeds: {x: {}}\nmore: 1", "expected one mapping"),
        ("feeds: {x: }", "feed 'x': expected settings"),
        ("feeds: {x: {name: y}}", "feed 'x': expected settings, without a name"),
        ("feeds: {1: {}}", "feed 1 is not valid: name: "),
        ("feeds: {X y: {}}", "feed 'X y' is not valid: name: "),
    ],
)
def test_a_broken_file_is_one_clear_message(
    tmp_path: Path, text: str | bytes, fault: str
) -> None:
    assert fault in complaint(tmp_path / "feeds.yml", text)


def test_a_missing_file_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_feeds(tmp_path / "feeds.yml")


def test_sources_are_globs_or_urls() -> None:
    feed = make_feed(sources=("x/*.csv", "https://h.org/x", "y:z.csv", "s3://b/p/"))
    assert feed.inbox_globs == ("x/*.csv", "y:z.csv")
    assert feed.remote_sources == ("https://h.org/x", "s3://b/p/")


@pytest.mark.parametrize(
    "header", ["Case Summary", "CASE_SUMMARY", " case-summary ", "case  summary?"]
)
def test_headers_match_by_their_letters_and_digits(header: str) -> None:
    assert canonical(header) == "case_summary"


def test_an_alias_leads_to_its_column() -> None:
    feed = make_feed(columns={"a": {"aliases": ["2nd A!"]}, "b": {}})
    assert feed.by_header == {"a": "a", "b": "b", "2nd_a": "a"}


def test_the_first_layout_that_fits_names_a_delivery() -> None:
    feed = make_feed(
        layouts=[
            {"name": "full", "has": ["a", "b"], "lacks": ["c"]},
            {"name": "other", "has": ["a"]},
        ]
    )
    layouts = [feed.layout_of(c) for c in (["a", "b"], ["a", "b", "c"], ["b"])]
    assert [layout and layout.name for layout in layouts] == ["full", "other", None]


def test_a_window_starts_with_its_first_whole_day() -> None:
    as_of = datetime(2024, 3, 1, 12)
    assert Window(column="a", days=366).start(as_of) == date(2023, 3, 2)
    assert Window(column="a", calendar_years=5).start(as_of) == date(2019, 1, 1)


def test_settings_from_before_feeds_had_zones_are_read_as_they_were_meant(
    tmp_path: Path,
) -> None:
    document = yaml.safe_load(FEEDS_FILE.read_text())
    feed = document["feeds"]["purchases"]
    del feed["zone"], feed["formats"]
    feed["as_of"]["formats"] = ["%Y-%m-%d %H:%M:%S%z"]
    document["feeds"]["others"] = feed
    path = tmp_path / "feeds.yml"
    path.write_text(yaml.safe_dump(document))
    feeds = load_feeds(path)
    assert feeds["purchases"].time_formats == ("%Y-%m-%d %H:%M:%S%z",)
    assert feeds["purchases"].zone == "America/Los_Angeles"
    assert feeds["others"].zone == "UTC"


def test_times_must_be_readable_where_they_are_required_or_listed() -> None:
    feeds = load_feeds()
    assert feeds["service_requests"].time_columns == {
        "case_created_dttm": True,
        "case_closed_dttm": True,
    }
    assert feeds["accidents"].time_columns == {
        "reported_date": True,
        "first_occurrence_date": True,
    }
    assert feeds["products"].time_columns == {}
