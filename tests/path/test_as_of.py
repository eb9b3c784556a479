"""What was true then: built as of a day, later deliveries have never been."""

from pathlib import Path

import duckdb
import pytest

from tests.path.conftest import Project, new_project
from tests.path.test_incremental import contents

AS_OF = "2016-09-25"


@pytest.fixture(scope="module")
def then(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The tables of a landing that got what speaks for that day or an earlier one."""
    whole = new_project(tmp_path_factory.mktemp("whole"), demo)
    whole.land()
    with duckdb.connect(str(whole.paths.landing), read_only=True) as landing:
        early = landing.execute(
            "select feed, uri from raw.deliveries where status = 'landed' "
            "and as_of < cast(? as date) + 1 order by delivery_seq desc",
            [AS_OF],
        ).fetchall()
        (n_all,) = landing.execute("select count(*) from raw.deliveries").fetchone() or (0,)
    assert 2 < len(early) < n_all
    project = new_project(tmp_path_factory.mktemp("then"), demo)
    # In another order too: what arrived first must not matter.
    for feed, uri in early:
        project.land(feed, uri)
    project.run()
    return contents(project)


def test_as_of_a_day_everything_is_as_it_was(
    demo: Path, then: dict, tmp_path: Path
) -> None:
    project = new_project(tmp_path, demo)
    project.land()
    project.run()
    now = contents(project)
    project.run("--vars", f"{{as_of_date: {AS_OF}}}")
    assert contents(project) == then
    assert then["marts.fct_service_requests"] != now["marts.fct_service_requests"]
    # And back, in the same file.
    project.run()
    assert contents(project) == now
