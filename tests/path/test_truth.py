"""What the demo's truth file says of its deliveries is what the path makes of them."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.projects import Project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")


@pytest.fixture
def landing(built: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built.paths.landing), read_only=True) as connection:
        yield connection


@pytest.fixture
def marts(built: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    with built.published() as connection:
        yield connection


def by_file(landing: duckdb.DuckDBPyConnection, query: str) -> dict[str, list]:
    """The query's rows by the name of the file that they were delivered in."""
    found: dict[str, list] = {}
    for uri, *row in landing.execute(query).fetchall():
        found.setdefault(Path(uri).name, []).append(tuple(row))
    return found


def test_the_ledger_says_of_each_delivery_what_is_in_it(
    landing: duckdb.DuckDBPyConnection, truth: dict
) -> None:
    found = by_file(
        landing,
        "select uri, feed, member, status, layout, encoding, n_records, n_rejected, "
        "n_blank from raw.deliveries",
    )
    for said in truth["deliveries"]:
        n_rejected = len(said["rejected"])
        assert found[Path(said["file"]).name][0] == (
            said["feed"],
            said["member"],
            said["status"],
            said["layout"],
            said["encoding"],
            said["records"],
            n_rejected,
            said["blank"],
        ), said["file"]
    assert len(found) == len(truth["deliveries"])


def test_exactly_the_faulty_lines_are_rejected_for_their_reasons(
    landing: duckdb.DuckDBPyConnection, truth: dict
) -> None:
    found = by_file(
        landing,
        "select uri, line, rejects.reason from raw.rejects "
        "inner join raw.deliveries using (delivery_seq) order by line",
    )
    expected = {
        Path(said["file"]).name: [(r["line"], r["reason"]) for r in said["rejected"]]
        for said in truth["deliveries"]
        if said["rejected"] and said["status"] == "landed"
    }
    assert expected
    assert found == expected


@pytest.mark.parametrize(
    ("feed", "fates"),
    [
        ("purchases", "int_purchase_row_fates"),
        ("service_requests", "int_service_request_row_fates"),
        ("accidents", "int_accident_row_fates"),
    ],
)
def test_exactly_the_unreadable_lines_are_set_aside(
    built: Project, truth: dict, feed: str, fates: str
) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{built.paths.landing}' as landing (read_only)")
        connection.execute(
            f"attach '{built.paths.intermediate}' as intermediate (read_only)"
        )
        found = by_file(
            connection,
            f"select uri, {feed}._line from intermediate.intermediate.{fates} "
            f"inner join landing.raw.{feed} using (_row_hash, _copy) "
            f"inner join landing.raw.deliveries on {feed}._delivery_seq = delivery_seq "
            f"where fate = 'set_aside' order by {feed}._line",
        )
    expected = {
        Path(said["file"]).name: [(line,) for line in said["set_aside"]]
        for said in truth["deliveries"]
        if said["feed"] == feed and said["set_aside"] and said["status"] == "landed"
    }
    assert expected
    # A line that comes again word for word is one row, read where it came first.
    first = next(iter(expected))
    assert found[first] == expected[first]
    assert found.items() <= expected.items()


def test_every_unit_sold_is_a_fact_once(
    marts: duckdb.DuckDBPyConnection, truth: dict
) -> None:
    (n_units,) = marts.execute("select count(*) from marts.fct_purchases").fetchone()
    assert n_units == truth["purchases"]["units"]


@pytest.mark.parametrize("feed", ["service_requests", "accidents"])
def test_what_left_a_window_is_told_from_what_was_withdrawn(
    marts: duckdb.DuckDBPyConnection, truth: dict, feed: str
) -> None:
    found = dict(
        marts.execute(
            f"select record_state, count(*) from marts.fct_{feed} group by 1"
        ).fetchall()
    )
    said = truth[feed]
    assert found == {state: said[state] for state in ("current", "aged_out", "withdrawn")}


def test_mangled_quotes_are_restored(landing: duckdb.DuckDBPyConnection) -> None:
    (n_restored,) = landing.execute(
        "select count(*) from raw.service_requests where case_summary like '%’s%'"
    ).fetchone()
    (n_mangled,) = landing.execute(
        "select count(*) from raw.service_requests where case_summary like '%Æs%'"
    ).fetchone()
    assert n_restored > 0
    assert n_mangled == 0


def test_there_is_a_fault_of_every_kind(truth: dict) -> None:
    kinds = {fault["kind"] for fault in truth["faults"]}
    assert kinds >= {
        "blank_line",
        "missing_kiosk",
        "missing_time",
        "no_final_newline",
        "sent_again",
        "stray_quote",
        "too_few_fields",
        "too_many_fields",
        "unreadable_time",
    }
