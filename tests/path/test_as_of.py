"""What was true then: built as of a day, later deliveries have never been."""

from pathlib import Path

import duckdb
import pytest

from tests.path.compiled import Compiled, compile_project
from tests.path.test_incremental import contents_of
from tests.projects import new_project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]
AS_OF = "2016-09-25"


def test_as_of_a_day_everything_is_as_it_was(
    compiled: Compiled, demo: Path, tmp_path: Path
) -> None:
    now = new_project(tmp_path / "now", demo)
    now.land()
    with duckdb.connect(str(now.paths.landing), read_only=True) as landing:
        early = landing.execute(
            "select feed, uri from raw.deliveries where status = 'landed' "
            "and as_of < cast(? as date) + 1 order by delivery_seq desc",
            [AS_OF],
        ).fetchall()
    then = new_project(tmp_path / "then", demo)
    # In another order: what arrived first does not matter.
    for feed, uri in early:
        then.land(feed, uri)
    compiled_as_of = compile_project(tmp_path / "as_of", as_of_date=AS_OF)
    with compiled.build(then.paths.landing) as connection:
        expected = contents_of(connection)
    with compiled_as_of.build(now.paths.landing) as connection:
        assert contents_of(connection) == expected
    with compiled.build(now.paths.landing, "fct_accidents") as connection:
        everything = contents_of(connection)
    assert 0 < expected["marts.fct_accidents"][0] < everything["marts.fct_accidents"][0]
