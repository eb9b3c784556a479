"""Settings that change later reach the facts of what had landed, in an incremental run."""

from pathlib import Path

import duckdb
import pytest
import yaml

from loaders.config.feeds import FEEDS_FILE
from tests.projects import new_project

pytestmark = pytest.mark.long

ACCIDENTS = (
    "INCIDENT_ID,OFFENSE_ID,REPORTED_DATE,FIRST_OCCURRENCE_DATE,longitude,latitude,"
    "NEIGHBORHOOD_ID\n"
    "1,11,2014-01-07 14:19:59,2014-01-07 14:19:59,-104.94,39.73,hale\n"
    "2,22,2014-01-08 14:19:59,2014-01-07 14:19:59,-104.95,39.71,baker\n"
)
REQUESTS = (
    "Case Summary,Case Status,Case Source,Case Created dttm,Case Closed dttm,Agency,"
    "Major Area,Incident Address 1,Neighborhood\n"
)


def requests(blank: str) -> str:
    return REQUESTS + "".join(
        f"Pothole {n},Open,Phone,03/{n:02}/2025 08:00:02 AM,"
        f"{blank},Works,Area,{blank},Hale\n"
        for n in range(1, 29)
    )


@pytest.mark.fault("delivery.later_settings", "text.null_markers")
def test_what_landed_before_a_change_of_settings_is_counted_by_them(
    tmp_path: Path,
) -> None:
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    feeds = settings["feeds"]
    before, after = tmp_path / "before.yml", tmp_path / "after.yml"
    feeds["service_requests"]["default_null_markers"] = False
    feeds["service_requests"]["null_markers"] = []
    before.write_text(yaml.safe_dump(settings))
    del feeds["service_requests"]["default_null_markers"]
    feeds["accidents"]["columns"]["geo_lon"] = {"aliases": ["LONGITUDE"]}
    feeds["accidents"]["columns"]["geo_lat"] = {"aliases": ["LATITUDE"]}
    after.write_text(yaml.safe_dump(settings))

    project = new_project(tmp_path / "data")
    for feed, name, text in (
        ("accidents", "accidents.csv", ACCIDENTS),
        ("service_requests", "blank.csv", requests("")),
        ("service_requests", "null.csv", requests("NULL")),
    ):
        (tmp_path / name).write_text(text)
        landed = project.eventmart("--feeds", before, "land", feed, tmp_path / name)
        assert landed.exit_code in (0, 3), landed.output
        if landed.exit_code:  # as one that withdraws all there is
            seq = landed.output.partition("delivery ")[2].partition(":")[0]
            accepted = project.eventmart(
                *("--feeds", before, "accept", seq, "--by", "test", "--why", "test")
            )
            assert accepted.exit_code == 0, accepted.output
    facts = ("--select", "+fct_accidents", "+fct_service_requests")
    project.run(*facts)
    assert project.eventmart("--feeds", after, "init").exit_code == 0
    project.run(*facts)
    with duckdb.connect(str(project.paths.build), read_only=True) as build:
        points = build.execute(
            "select longitude, latitude from marts.fct_accidents order by all"
        ).fetchall()
        states = build.execute(
            "select record_state, count(*) from marts.fct_service_requests group by all"
        ).fetchall()
    assert points == [(-104.95, 39.71), (-104.94, 39.73)]
    assert states == [("current", 28)]
    assert project.run(*facts) == 0
