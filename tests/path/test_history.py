"""What left a window, and how, is found: all of it, and nothing else."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

import duckdb
import pytest

from tests.path.compiled import Compiled
from tests.path.simulated_city import City
from tests.projects import Project, new_project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]
# The delivery that comes after the last but two, and the one that first comes cut short.
LATE, TRUNCATED = 8, 12


@pytest.fixture(scope="module", params=[20, pytest.param(60, marks=pytest.mark.full)])
def city(request: pytest.FixtureRequest) -> City:
    return City(n_deliveries=request.param, per_day=2.5, seed=11)


@pytest.fixture(scope="module")
def delivered(city: City, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """All deliveries landed, one of them late, and one more that was cut short."""
    project = new_project(tmp_path_factory.mktemp("city"))
    files = city.write(project.paths.data / "files")
    whole = files[TRUNCATED][0].read_bytes()
    late = files.pop(LATE)
    files.insert(-2, late)
    for path, as_of in files:
        if path.read_bytes() == whole:
            # A third of the lines, the last of them whole.
            lines = whole.splitlines(keepends=True)
            cut = path.with_name("cut.csv")
            cut.write_bytes(b"".join(lines[: len(lines) // 3]))
            held = project.eventmart(
                "land", "service_requests", cut, "--as-of", f"{as_of[:10]}T14:00:00"
            )
            assert held.exit_code == 3, held.output
            assert "shrunk" in held.output
        project.land("service_requests", path, "--as-of", as_of)
    return project


@pytest.fixture(scope="module")
def history(compiled: Compiled, delivered: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    with compiled.build(delivered.paths.landing) as connection:
        yield connection


def counted(connection: duckdb.DuckDBPyConnection, query: str) -> Counter:
    """The rows of a query by request: `summaries` names them by their identity."""
    names = (
        "with summaries as (select distinct identity_key, request_summary as name "
        "from marts.fct_service_requests) "
    )
    return Counter(connection.execute(names + query).fetchall())


def test_departures_are_found_with_precision_and_recall_one(
    city: City, history: duckdb.DuckDBPyConnection
) -> None:
    found = counted(
        history,
        "select name, ended_as, valid_to_at from marts.fct_service_request_versions "
        "inner join summaries using (identity_key) "
        "where ended_as in ('aged_out', 'withdrawn')",
    )
    truth = city.departures()
    kinds = Counter(kind for _, kind, _ in truth.elements())
    assert kinds["withdrawn"] > 20
    assert kinds["aged_out"] > 200
    assert found == truth


def test_what_came_back_is_found(city: City, history: duckdb.DuckDBPyConnection) -> None:
    found = counted(
        history,
        "select name, valid_from_at from marts.fct_service_request_versions "
        "inner join summaries using (identity_key) where arrived_as = 'reinstated'",
    )
    assert found == city.returns()
    assert len(found) >= 5


def test_requests_stand_as_they_do(city: City, history: duckdb.DuckDBPyConnection) -> None:
    found = counted(
        history, "select request_summary, record_state from marts.fct_service_requests"
    )
    assert found == city.states()


def test_each_thing_said_is_one_version(
    city: City, history: duckdb.DuckDBPyConnection
) -> None:
    found = counted(
        history,
        "select name from marts.fct_service_request_versions "
        "inner join summaries using (identity_key) where not has_equal_identities",
    )
    assert {name: n for (name,), n in found.items()} == dict(city.versions())


def test_what_was_reopened_is_found(city: City, history: duckdb.DuckDBPyConnection) -> None:
    rows = history.execute(
        "select month_start_date, n_followed_after_close, reopened_share "
        "from reports.rpt_request_volumes where dimension = 'overall'"
    ).fetchall()
    truth = city.followed()
    assert truth.total() > 500
    for month, n_followed, share in rows:
        assert n_followed == truth[month, False] + truth[month, True]
        expected = truth[month, True] / n_followed if n_followed else None
        assert share == pytest.approx(expected, abs=1e-12)
    assert sum(n for (_, reopened), n in truth.items() if reopened) > 20
    ((n_unknown,),) = history.execute(
        "select count(*) from reports.rpt_request_volumes where reopened_share is null"
    ).fetchall()
    assert n_unknown > 0
    ((n_reopened,), (n_spells,)) = history.execute(
        "select sum(round(n_followed_after_close * reopened_share)) "
        "from reports.rpt_request_volumes where dimension = 'overall' union all "
        "select count(distinct identity_key) "
        "from marts.fct_service_request_open_spells where is_reopened"
    ).fetchall()
    assert n_reopened == n_spells


def test_a_cut_delivery_retires_nothing(delivered: Project) -> None:
    with duckdb.connect(str(delivered.paths.landing), read_only=True) as landing:
        held = landing.execute(
            "select reason, detail from raw.deliveries where status = 'held'"
        ).fetchall()
    ((reason, detail),) = held
    assert reason == "shrunk"
    assert re.search(r"\d+", detail)


def test_the_simulation_has_all_of_it(
    city: City, report: Callable[[str, str], None]
) -> None:
    kinds = Counter(kind for _, kind, _ in city.departures().elements())
    assert max(city.versions().values()) >= 4
    if len(city.as_ofs) < 60:
        return
    report(
        "History",
        f"a simulated city, {len(city.as_ofs)} windows, one late and one cut short: "
        f"{kinds['aged_out']} requests aged out, {kinds['withdrawn']} withdrawn, "
        f"{len(city.returns())} reinstated, all found and nothing else; the cut one held",
    )
