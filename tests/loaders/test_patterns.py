"""Patterns of the settings: they match in time, and stay below the inbox."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from loaders.config import patterns
from tests.lab import Lab, make_feed, short

# With Python's own matching each takes longer than anybody waits.
SLOW = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", r"(.*a){20}$", r"(\w+\s?)+$", "(a*)*$"]


@pytest.mark.fault("operator.settings")
@pytest.mark.parametrize("pattern", SLOW)
def test_a_pattern_takes_no_longer_than_its_text_is_long(pattern: str) -> None:
    began = time.process_time()
    assert set(patterns.search(pattern, "a" * 30_000 + "!").values()) == {""}
    assert time.process_time() - began < 1


@pytest.mark.fault("operator.settings")
@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(a)\1", "(?=a)(b)", "(?<!a)(b)", "(?P<x>a)(?P=x)", "(a)(?(1)b|c)", "(", "*"),
        *("(a{1,1001})", "((a{1,100}){1,100}){1,100}", "(" * 900, "a" * 1001, "(?P<x>"),
        *("(a)\\", "[z-a]", "(?P<1>a)", "(a{999}){999}"),
    ],
    ids=short,
)
def test_what_cannot_be_matched_in_time_is_no_pattern(pattern: str) -> None:
    began = time.process_time()
    for settings in ({"as_of": {"file_name": pattern}}, {"covers": {"file_name": pattern}}):
        with pytest.raises(ValidationError, match=r"not a regular expression|is longer"):
            make_feed(mode="window", **settings)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"(\d{4}-\d\d-\d\d)", "x_2018-09-25.csv", {"1": "2018-09-25"}),
        (r"(\d{4}-\d\d-\d\d)", "x.csv", {"1": ""}),
        (r"(?P<day>\d+)", "x_12.csv", {"day": "12"}),
        (r"(?P<year>\d{4})(?:-(?P<month>\d\d))?", "2018", {"year": "2018", "month": ""}),
        ("(?P<b>y)|(?P<a>x)", "x", {"b": "", "a": "x"}),
        ("(?i)(CSV)", "x.csv", {"1": "csv"}),
        (r"(\d+)", "\u0661\u0662", {"1": ""}),  # Digits of another script make no date.
        (r"(\w)$", "a\n", {"1": ""}),
        ("(b)", "\udce9b", {"1": "b"}),
        ("(\\\\udce9)", "\udce9b", {"1": "\\udce9"}),
        ("'(.*)", "x'; drop table x; --", {"1": "; drop table x; --"}),
        (
            "(.)" * 12,
            "abcdefghijkl",
            dict(zip(map(str, range(1, 13)), "abcdefghijkl", strict=True)),
        ),
    ],
    ids=short,
)
def test_groups_are_found_by_their_names_or_numbers(
    pattern: str, text: str, found: dict[str, str]
) -> None:
    assert patterns.search(pattern, text) == found


@pytest.mark.fault("operator.settings")
@pytest.mark.parametrize(
    "source",
    [
        *("../x.csv", "../../etc/passw?", "a/../../x.csv", "a/..", "/etc/passwd", "//x"),
        *("", ".", "/", "./", "a\0b", "..", "../*", "*/../../*", "x/../../../**/*.csv"),
        *("**", "a/**", "a**", "**x/y.csv", "***", "**/a/**/b.csv", "**/**/*.csv"),
        "*a*a*a*a*a*b",
    ],
    ids=short,
)
def test_a_source_lies_below_the_inbox_and_is_found_in_time(source: str) -> None:
    with pytest.raises(ValidationError, match="sources"):
        make_feed(sources=[source])


@pytest.mark.parametrize(
    "source",
    [
        *("x/*.csv", "**/*.csv", "x/**/y/*.csv.gz", "x..csv", "a/..b/c", "x/[0-9]*.csv"),
        *("*_*_*.csv", "x.csv", "https://h.org/../x", "./x/*.csv", "[!a-c]?.csv", "~/x"),
    ],
)
def test_other_sources_are_taken(source: str) -> None:
    assert make_feed(sources=[source]).sources == (source,)


@pytest.mark.fault("operator.settings")
@pytest.mark.parametrize(
    "member", ["/etc/*", "a/b.csv", "../x", "", "*a*a*a*a*a*a*b", "a\0"], ids=short
)
def test_a_member_is_a_name(member: str) -> None:
    with pytest.raises(ValidationError, match="member"):
        make_feed(member=member)


@pytest.mark.fault("operator.settings")
def test_a_delivery_is_dated_and_covers_by_its_name_in_time(
    lab: Callable[..., Lab], tmp_path: Path
) -> None:
    things = lab(
        as_of={"file_name": r"(?:\w+-?)+_(\d{4}-\d{2}-\d{2})(?:\w+)*!$", "arrival": True}
    )
    began = time.process_time()
    entry = things.land("a,b,c\n1,2,3\n", f"{'a' * 200}.csv")
    assert entry.as_of_source == "arrival"
    entry = things.land("a,b,c\n1,2,4\n", "x_2018-09-25!")
    assert (entry.as_of_source, entry.as_of) == ("file_name", datetime(2018, 9, 25))
    assert time.process_time() - began < 5
