"""What identifies an event, whatever layout its row is written in."""

from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from loaders.landing.identity import identity, is_told_by_ids, macros
from tests.lab import make_feed

COLUMNS: dict[str, Any] = {
    "a": {"required": True, "ids": True},
    "b": {"required": True},
    "c": {},
}
SETTINGS: dict[str, Any] = {
    "columns": COLUMNS,
    "zone": "America/Denver",
    "as_of": {"newest": ["b"], "arrival": True},
    "formats": ["iso", "us"],
    "identity": ["a"],
}


def identities(*rows: tuple[str | None, ...], **settings: Any) -> list[str | None]:
    """The identities of rows of a, b and c."""
    feed = make_feed(**SETTINGS | settings)
    with duckdb.connect() as connection:
        connection.execute(
            "set timezone = 'UTC'; create table rows (a text, b text, c text)"
        )
        connection.executemany("insert into rows values (?, ?, ?)", rows)
        found = connection.execute(f"select {identity(feed)} from rows").fetchall()
    return [one for (one,) in found]


def with_column(name: str, **settings: object) -> dict[str, Any]:
    return COLUMNS | {name: COLUMNS[name] | settings}


@pytest.mark.parametrize(
    ("one", "other", "settings", "are_same"),
    [
        (("7", None, None), (" 7.0\u00a0", "x", "y"), {}, True),
        (("7k", None, None), ("7K", None, None), {}, False),
        (("7k", None, None), ("7K", None, None),
         {"columns": with_column("a", any_case=True)}, True),
        (("7", "2024-01-05 13:00:00", None), ("7", "1/5/2024 1:00:00 PM", None),
         {"identity": ["a", "b"]}, True),
        (("7", "2024-01-05 13:00:00", None), ("7", "2024-01-05T20:00:00Z", None),
         {"identity": ["a", "b"]}, True),
        # The hour that comes twice: two events, unless the clock alone counts.
        (("7", "2024-11-03T01:30:00-06:00", None), ("7", "2024-11-03T01:30:00-07:00", None),
         {"identity": ["a", "b"]}, False),
        (("7", "2024-11-03T01:30:00-06:00", None), ("7", "2024-11-03T01:30:00-07:00", None),
         {"identity": ["a", "b"], "columns": with_column("b", by_clock=True)}, True),
        (("7", None, "x"), ("7", None, "y"), {"identity_else": ["c"]}, True),
        ((None, None, "x"), (" ", None, "x"), {"identity_else": ["c"]}, True),
        ((None, None, "x"), (None, None, "y"), {"identity_else": ["c"]}, False),
        (("7", None, "8"), ("7", "8", None), {"identity": ["a", "b", "c"]}, False),
    ],
)  # fmt: skip
def test_rows_are_of_one_event_if_they_agree_in_what_identifies_it(
    one: tuple[str | None, ...],
    other: tuple[str | None, ...],
    settings: dict[str, Any],
    are_same: bool,
) -> None:
    first, second = identities(one, other, **settings)
    assert first is not None
    assert (first == second) == are_same


def test_a_row_without_any_of_its_values_has_no_identity() -> None:
    assert identities((None, "x", "y"), ("", "x", "y")) == [None, None]
    assert identities(("7", None, None), identity=[]) == [None]


def test_what_is_personal_is_hashed_with_the_secret() -> None:
    feed = make_feed(**SETTINGS | {"columns": with_column("a", personal=True)})
    assert identity(feed).startswith("landing.raw.keyed_text(")
    assert "keyed_text" not in identity(make_feed(**SETTINGS))


def test_the_macro_has_the_columns_as_its_parameters() -> None:
    feed = make_feed(**SETTINGS | {"identity": ["a", "b"], "identity_else": ["b", "c"]})
    assert [*macros(feed)] == ['things_identity("a", "b", "c")']
    assert macros(make_feed(**SETTINGS | {"identity": []})) == {}


def test_only_ids_tell_that_rows_are_one_event() -> None:
    assert is_told_by_ids(make_feed(**SETTINGS)) != "false"
    assert is_told_by_ids(make_feed(**SETTINGS | {"identity": ["a", "c"]})) == "false"
    assert is_told_by_ids(make_feed(**SETTINGS | {"identity": []})) == "false"


def test_what_stands_in_for_an_identity_needs_one() -> None:
    with pytest.raises(ValidationError, match="needs an identity that it stands in for"):
        make_feed(**SETTINGS | {"identity": [], "identity_else": ["c"]})
