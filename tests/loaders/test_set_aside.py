"""What was built and is mostly in no fact is found, whatever feeds there are."""

from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb
import pytest

from loaders.config.paths import Paths
from loaders.insights.set_aside import SetAside, mostly_set_aside, set_aside_line

Fate = tuple[int, str, str | None, int]
Build = Callable[..., list[SetAside]]


@pytest.fixture
def found(tmp_path: Path) -> Build:
    """Find it in a build of deliveries, by number, and of rows with their fates."""

    def find(
        deliveries: Iterable[tuple[int, str, int, str | None]],
        **fates: list[Fate],
    ) -> list[SetAside]:
        paths = Paths(tmp_path, tmp_path)
        paths.build.parent.mkdir(exist_ok=True)
        with duckdb.connect(str(paths.build)) as build:
            build.execute(
                "create schema marts; create table marts.fct_deliveries (_delivery_seq "
                "bigint, feed varchar, uri varchar, n_records bigint, accepted_by varchar)"
            )
            for seq, feed, n_records, by in deliveries:
                build.execute(
                    "insert into marts.fct_deliveries values (?, ?, ?, ?, ?)",
                    [seq, feed, f"{seq}.csv", n_records, by],
                )
        with duckdb.connect(str(paths.intermediate)) as steps:
            # No fates: its rows are of something else.
            steps.execute("create table int_others_row_fates (fate varchar, n bigint)")
            for feed, rows in fates.items():
                table = f"int_{feed}_row_fates"
                steps.execute(
                    f"create table {table} "
                    "(_delivery_seq bigint, fate varchar, set_aside_reason varchar)"
                )
                for seq, fate, reason, n in rows:
                    steps.execute(
                        f"insert into {table} select ?, ?, ? from range(?)",
                        [seq, fate, reason, n],
                    )
        return mostly_set_aside(paths)

    return find


def test_a_feed_that_is_mostly_set_aside_is_found_with_the_reasons(found: Build) -> None:
    rows = [
        (1, "current_version", None, 40),
        (1, "superseded", None, 30),
        (1, "set_aside", "untyped_time", 31),
        (1, "set_aside", "no_id", 10),
    ]
    (one,) = found([(1, "things", 111, None)], thing=rows)
    assert one == SetAside("things", None, None, 81, 41, "31 untyped_time, 10 no_id")
    assert "41 of 81 rows of things were set aside: 31 unt" in set_aside_line(one)


@pytest.mark.parametrize(
    ("n", "by", "is_found"), [(6, None, 1), (5, None, 0), (6, "me", 0)]
)
def test_a_delivery_is_found_where_its_feed_is_not(
    found: Build, n: int, by: str | None, is_found: int
) -> None:
    # Two of its ten records had landed before, and one has been superseded since.
    rows = [
        (1, "current_version", None, 90),
        (2, "set_aside", "no_id", n - 1),
        (2, "superseded", None, 1),
        (2, "current_version", None, 8 - n),
    ]
    deliveries = [(1, "things", 90, None), (2, "things", 10, by)]
    all_found = found(deliveries, thing=rows)
    assert len(all_found) == is_found
    for one in all_found:
        assert one == SetAside("things", 2, "2.csv", 9, 5, "5 no_id")
        assert "5 of 9 rows of delivery 2 of things (2.csv)" in set_aside_line(one)


def test_feeds_are_judged_one_by_one(found: Build) -> None:
    good = [(1, "current_version", None, 900)]
    bad = [(2, "set_aside", "no_id", 3), (3, "set_aside", "no_time", 4)]
    bad.append((3, "set_aside", "no_id", 2))
    deliveries = [(1, "goods", 900, None), (2, "bads", 3, None), (3, "bads", 6, None)]
    assert found(deliveries, good=good, bad=bad) == [
        SetAside("bads", None, None, 9, 9, "5 no_id, 4 no_time")
    ]


def test_before_a_first_build_nothing_is_found(tmp_path: Path) -> None:
    assert mostly_set_aside(Paths(tmp_path, tmp_path)) == []
