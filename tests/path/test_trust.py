"""How far feeds can be trusted: as the published file says, and as the landing knows."""

import re

import pytest

from loaders.landing.database import open_landing
from tests.projects import Project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

SHARES = (
    "rejected_share",
    "set_aside_share",
    "uncertain_time_share",
    "without_point_share",
    "without_neighborhood_share",
    "withdrawn_share",
)


def test_status_shows_what_the_published_file_says(built: Project) -> None:
    with built.published() as connection:
        expected = connection.execute(
            f"select feed, freshness, last_as_of_at, {', '.join(SHARES)}, n_open_held, "
            "n_failed_since from reports.rpt_trust order by feed"
        ).fetchall()
    lines = built.eventmart("status").output.splitlines()
    (start,) = (n for n, line in enumerate(lines) if line.startswith("trust, as of "))
    shown = [re.split(r"  +", line) for line in lines[start + 2 :]]
    assert len(shown) == len(expected) == 6
    for row, (feed, freshness, as_of, *shares, n_held, n_failed) in zip(
        shown, expected, strict=True
    ):
        assert row[:3] == [feed, freshness, as_of.strftime("%Y-%m-%d")]
        assert row[-2:] == [str(n_held), str(n_failed)]
        for text, share in zip(row[6:12], shares, strict=True):
            if share is None:
                assert text == "-"
            else:
                assert float(text.rstrip("%")) == pytest.approx(100 * share, abs=0.005)


def test_trust_agrees_with_the_ledger(built: Project) -> None:
    with open_landing(built.paths.landing, read_only=True) as landing:
        known = landing.execute(
            """
            select
                feed,
                count(*),
                max(as_of),
                (select count(*) from raw.open_rejects where feed = landed.feed)
                / sum(n_records)
            from raw.deliveries as landed
            where status = 'landed'
            group by feed
            order by feed
            """
        ).fetchall()
    with built.published() as connection:
        said = connection.execute(
            "select feed, n_landed_deliveries, last_as_of_at, rejected_share, reference_at "
            "from reports.rpt_trust order by feed"
        ).fetchall()
    newest = max(as_of for _, _, as_of, _ in known)
    assert said == [(*row, newest) for row in known]


def test_trust_agrees_with_the_facts(built: Project) -> None:
    with built.published() as connection:
        facts = connection.execute(
            """
            select 'accidents', count(*), avg(cast(not has_usable_point as integer)),
                avg(cast(record_state = 'withdrawn' as integer)),
                avg(cast(time_quality not in ('exact', 'assumed_zone') as integer))
            from marts.fct_accidents
            union all
            select 'purchases', count(*), null, null,
                avg(cast(time_quality not in ('exact', 'assumed_zone') as integer))
            from marts.fct_purchases
            union all
            select 'service_requests', count(*), avg(cast(not has_usable_point as integer)),
                avg(cast(record_state = 'withdrawn' as integer)),
                avg(cast(time_quality not in ('exact', 'assumed_zone') as integer))
            from marts.fct_service_requests
            order by 1
            """
        ).fetchall()
        said = connection.execute(
            "select feed, n_facts, without_point_share, withdrawn_share, "
            "uncertain_time_share from reports.rpt_trust where n_facts > 0 order by feed"
        ).fetchall()
    assert said == [tuple(pytest.approx(value) for value in row) for row in facts]
