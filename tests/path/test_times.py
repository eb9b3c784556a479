"""Formats and zone of a feed, as published facts have them; and what is in no fact."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.config.feeds import FEEDS_FILE
from loaders.insights.set_aside import mostly_set_aside, set_aside_line
from tests.projects import Project, new_project

HEADER = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
SENT = [
    *("2017-12-06T22:06:36-0500", "2018-08-08 14:18:09-04", "2018-08-08T14:18:10.5-04:00"),
    *("2018-08-08T18:18:11Z", "2018/08/08 18:18:12+00", "2018-08-08 14:18:13"),
]
FACTS = (
    "select time_quality, cast(purchased_at as varchar), cast(purchased_at_utc as varchar) "
    "from marts.fct_purchases order by purchased_at_utc"
)


def write(project: Project, times: list[str]) -> Path:
    file = project.paths.data / "purchases.csv"
    rows = "".join(f"K1,{n},card,{time},1\n" for n, time in enumerate(times, 1))
    file.write_text(HEADER + rows)
    return file


def facts(project: Project) -> list[tuple[Any, ...]]:
    project.run("--select", "+fct_purchases")
    with duckdb.connect(str(project.paths.build), read_only=True) as connection:
        return connection.execute(FACTS).fetchall()


@pytest.mark.fault("meaning.time_formats")
def test_an_operator_sets_the_zone_and_every_purchase_is_a_fact_of_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = new_project(tmp_path_factory.mktemp("zone"))
    own = project.paths.data / "feeds.yml"
    text = FEEDS_FILE.read_text()
    own.write_text(text.replace("America/Los_Angeles", "America/New_York"))
    landed = project.eventmart("--feeds", own, "land", "purchases", write(project, SENT))
    assert landed.exit_code == 0, landed.output
    assert facts(project) == [
        ("exact", "2017-12-06 22:06:36", "2017-12-07 03:06:36"),
        ("exact", "2018-08-08 14:18:09", "2018-08-08 18:18:09"),
        ("exact", "2018-08-08 14:18:10.5", "2018-08-08 18:18:10.5"),
        ("exact", "2018-08-08 14:18:11", "2018-08-08 18:18:11"),
        ("exact", "2018-08-08 14:18:12", "2018-08-08 18:18:12"),
        ("assumed_zone", "2018-08-08 14:18:13", "2018-08-08 18:18:13"),
    ]
    # Another zone moves what hangs on it, though nothing has landed since.
    assert project.eventmart("init").exit_code == 0
    assert facts(project) == [
        ("unexpected_offset", "2017-12-06 22:06:36", "2017-12-07 03:06:36"),
        ("unexpected_offset", "2018-08-08 14:18:09", "2018-08-08 18:18:09"),
        ("unexpected_offset", "2018-08-08 14:18:10.5", "2018-08-08 18:18:10.5"),
        ("exact", "2018-08-08 11:18:11", "2018-08-08 18:18:11"),
        ("exact", "2018-08-08 11:18:12", "2018-08-08 18:18:12"),
        ("assumed_zone", "2018-08-08 14:18:13", "2018-08-08 21:18:13"),
    ]


@pytest.mark.fault("meaning.set_aside")
def test_a_delivery_that_is_mostly_in_no_fact_is_named_with_the_reasons(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = new_project(tmp_path_factory.mktemp("aside"))
    assert mostly_set_aside(project.paths) == []
    held = project.eventmart(
        "land", "purchases", write(project, ["soon", "later", SENT[0]])
    )
    assert held.exit_code == 3
    project.land("purchases", write(project, ["2018-01-01 00:00:00-08", *SENT]))
    # Known of a delivery that was accepted; but of the feed, if it is most of that.
    assert project.eventmart("accept", "1", "--by", "me", "--why", "x").exit_code == 0
    nothing = project.paths.data / "nothing.csv"
    rows = "".join(f" ,{n},card,2018-01-01 00:00:0{n}-08,1\n" for n in range(1, 9))
    nothing.write_text(HEADER + rows + "K2,1,card,2018-01-01 00:00:00-08,1\n")
    project.land("purchases", nothing)

    def build() -> str:
        project.run("--select", "+int_purchase_row_fates", "+fct_deliveries")
        (found,) = mostly_set_aside(project.paths)
        return set_aside_line(found)

    line = build()
    assert "10 of 19 rows of purchases were set aside" in line
    assert "8 no_kiosk_id, 2 untyped_date_time" in line
    more = [f"2018-02-01 00:00:{n:02}-08" for n in range(9)]
    project.land("purchases", write(project, more))
    line = build()
    assert "8 of 9 rows of delivery 4 of purchases" in line
    assert "nothing.csv" in line
