"""Feeds that `eventmart feed new` makes of files that nobody described, up to facts."""

import csv
import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from tests.projects import ROOT

START = datetime(2024, 3, 1, 8)
PARTS = ("models", "macros", "seeds", "loaders")
FILES = ("dbt_project.yml", "profiles.yml", ".sqlfluff", ".yamllint.yml", ".gitignore")
# What takes two minutes to set up is set up once.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("new feeds")]
Row = list[str]
# A feed that no model reads.
BARE = """
  bare_things:
    description: Things.
    mode: snapshot
    as_of: {arrival: true}
    layouts: [{name: first, has: [thing]}]
    columns: {thing: {required: true}, colour: {}}
"""


class Copy:
    """A checkout of its own, worked on through the same commands that people use."""

    def __init__(self, folder: Path) -> None:
        self.root, self.data = folder / "project", folder / "data"
        ignored = shutil.ignore_patterns("__pycache__")
        for part in PARTS:
            shutil.copytree(ROOT / part, self.root / part, ignore=ignored)
        shutil.copytree(
            ROOT / "tests",
            self.root / "tests",
            ignore=shutil.ignore_patterns("*.py", "__pycache__"),
        )
        for name in FILES:
            shutil.copy(ROOT / name, self.root / name)

    def run(self, *call: str | Path, fails: bool = False) -> str:
        environment = os.environ | {
            "EVENTMART_DATA": str(self.data),
            "DBT_PROFILES_DIR": str(self.root),
            "PYTHONPATH": str(self.root),
        }
        done = subprocess.run(
            [sys.executable, "-m", *map(str, call)],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout

    def eventmart(self, *arguments: str | Path) -> str:
        return self.run("loaders", *arguments)

    @property
    def file(self) -> Path:
        return self.data / "published" / "eventmart.duckdb"

    def published(self, query: str) -> list[tuple]:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            return connection.execute(query).fetchall()


def write(path: Path, header: str, rows: list[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def american(moment: datetime) -> str:
    return f"{moment:%m/%d/%Y %I:%M:%S %p}"


def requests() -> list[Row]:
    """Requests of another city, one of them of no time."""
    rows = []
    for number in range(60):
        created = START + timedelta(hours=7 * number)
        rows.append(
            [
                *(f"1-{900 + number}", american(created), american(created)),
                *("SR Created", "BOS", "Bulky Items", "Open", f"{number} Main St, 90033"),
                *("BOYLE HEIGHTS NC", f"34.0{number}", f"-118.2{number}"),
            ]
        )
    rows[5][1] = "soon"
    return rows


def sales() -> list[Row]:
    """Sales at machines, a row of which comes twice, and one of no machine."""
    rows = [
        [
            *(f"M{number % 4}", f"{100 + number % 7}", f"c{number % 9:04x}"),
            *(f"{START + timedelta(minutes=9 * number):%Y-%m-%d %H:%M:%S}", "1", "2.50"),
        ]
        for number in range(80)
    ]
    rows[3][0] = " "
    return rows


def readings() -> list[Row]:
    """What two sensors measured, in UTC."""
    return [
        [f"s{number % 2}", f"{moment:%Y-%m-%dT%H:%M:%S}Z", f"20.{number % 10}"]
        for number in range(50)
        for moment in [START + timedelta(minutes=5 * (number // 2))]
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Three feeds made, each delivered and built, then corrected, built and published."""
    copy = Copy(tmp_path_factory.mktemp("new_feeds"))
    folder = copy.root.parent
    city = "SRNumber,CreatedDate,UpdatedDate,ActionTaken,Owner,RequestType,Status,Address"
    headers = {
        "other_city_311": f"{city},NC Name,Latitude,Longitude",
        "machine_sales": "Machine,Item,Card,Time,Qty,Price",
        "sensor_readings": "Sensor,Timestamp,Value",
    }
    rows = {
        "other_city_311": requests(),
        "machine_sales": sales(),
        "sensor_readings": readings(),
    }
    for name, header in headers.items():
        file = write(folder / f"{name}_1.csv", header, rows[name])
        copy.eventmart("feed", "new", name, file)
        copy.eventmart("land", name, file)
    settings = copy.root / "loaders" / "feeds.yml"
    settings.write_text(settings.read_text() + BARE)
    things = write(folder / "things.csv", "thing,colour", [["a", "red"], ["b"], ["c", ""]])
    copy.eventmart("land", "bare_things", things)
    copy.run("yamllint", "--strict", "loaders/feeds.yml", "models", "dbt_project.yml")
    call = ["build", "--quiet", "--resource-type", "seed", "--resource-type", "model"]
    facts = (f"+path:models/marts/{name}" for name in headers)
    copy.run("dbt.cli.main", *call, "--select", "+fct_row_fates", *facts)
    build = copy.data / "build" / "eventmart.duckdb"
    (folder / "first.json").write_text(json.dumps(fates(build)))
    # A request closed; a sale and a reading corrected, in a file of these rows alone.
    rows["other_city_311"][7][2] = american(START + timedelta(days=30))
    rows["other_city_311"][7][6] = "Closed"
    rows["machine_sales"][9][4] = "4"
    rows["sensor_readings"][6][2] = "99.5"
    rows["machine_sales"] = rows["machine_sales"][9:10]
    rows["sensor_readings"] = rows["sensor_readings"][4:8]
    for name, header in headers.items():
        file = write(folder / f"{name}_2.csv", header, rows[name])
        copy.eventmart("land", name, file)
    copy.eventmart("build")
    return copy


def fates(file: Path) -> dict[str, dict[str, int]]:
    """How many raw rows of each feed met which fate, as a database says."""
    found: dict[str, dict[str, int]] = {}
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.execute(
            "select feed, fate, sum(n_rows) from marts.fct_row_fates "
            "group by all order by all"
        ).fetchall()
    for feed, fate, n_rows in rows:
        found.setdefault(feed, {})[fate] = int(n_rows)
    return found


@pytest.mark.fault("feed.unknown")
def test_each_row_of_a_new_feed_is_a_fact_or_has_another_fate(checkout: Copy) -> None:
    first = json.loads((checkout.root.parent / "first.json").read_text())
    assert first == {
        "machine_sales": {"current_version": 79, "set_aside": 1},
        "other_city_311": {"current_version": 59, "set_aside": 1},
        "sensor_readings": {"current_version": 50},
    }
    assert fates(checkout.file) == {
        "machine_sales": {"current_version": 79, "set_aside": 1, "superseded": 1},
        "other_city_311": {"current_version": 59, "set_aside": 1, "superseded": 1},
        "sensor_readings": {"current_version": 50, "superseded": 1},
    }


def test_what_a_second_delivery_corrects_is_published(checkout: Copy) -> None:
    assert checkout.published(
        "select status, record_state from marts.fct_other_city_311 where srnumber = '1-907'"
    ) == [("Closed", "current")]
    assert checkout.published(
        "select changed_columns, ended_as from marts.fct_other_city_311_versions "
        "where srnumber = '1-907' order by version_number"
    ) == [(None, "changed"), ("updated_at, status", None)]
    assert checkout.published(
        "select sum(qty), count(*), sum(price) from marts.fct_machine_sales"
    ) == [(82, 79, pytest.approx(79 * 2.5))]
    assert checkout.published(
        "select count(*) from marts.fct_sensor_readings where value = 99.5"
    ) == [(1,)]


def test_times_of_a_new_feed_are_read_in_its_zone(checkout: Copy) -> None:
    assert checkout.published(
        "select created_at, created_at_utc, time_quality from marts.fct_other_city_311 "
        "where srnumber = '1-900'"
    ) == [(START, START + timedelta(hours=8), "assumed_zone")]
    assert checkout.published(
        "select occurred_at, occurred_at_utc, time_quality "
        "from marts.fct_sensor_readings order by all limit 1"
    ) == [(START, START, "exact")]


def test_a_new_feed_is_counted_where_all_feeds_are(checkout: Copy) -> None:
    trusted = checkout.published(
        "select feed, n_facts, rejected_share from reports.rpt_trust order by feed"
    )
    assert [row for row in trusted if row[1]] == [
        ("machine_sales", 79, 0),
        ("other_city_311", 59, 0),
        ("sensor_readings", 50, 0),
    ]
    (days,) = checkout.published(
        "select sum(n_events) from marts.fct_event_days where feed = 'machine_sales'"
    )
    assert days == (79,)


@pytest.mark.fault("feed.without_models")
def test_a_feed_without_models_is_built_beside_the_others(checkout: Copy) -> None:
    assert checkout.published(
        "select n_records, n_open_rejects, has_events from marts.dim_feeds "
        "where feed = 'bare_things'"
    ) == [(3, 1, False)]
    assert checkout.published(
        "select rejected_share from reports.rpt_trust where feed = 'bare_things'"
    ) == [(pytest.approx(1 / 3),)]
    assert "bare_things" in checkout.eventmart("status")


def test_the_unit_tests_of_a_new_feed_pass(checkout: Copy) -> None:
    new = [
        f"path:models/{layer}/{feed}"
        for layer in ("staging", "intermediate", "marts")
        for feed in ("other_city_311", "machine_sales", "sensor_readings")
    ]
    only = ("--resource-type", "unit_test", "--quiet")
    checkout.run("dbt.cli.main", "test", *only, "--select", *new)


@pytest.mark.fault("feed.dates_from")
def test_dates_from_what_has_no_key_fail_in_the_first_build(checkout: Copy) -> None:
    model = checkout.root / "models/marts/other_city_311/fct_other_city_311.sql"
    right = model.read_text()
    wrong = "int_other_city_311_days_touched"
    text = right.replace(
        "'dates_from': 'int_other_city_311_row_fates'", f"'dates_from': '{wrong}'"
    )
    model.write_text(f"{text}-- depends_on: {{{{ ref('{wrong}') }}}}\n")
    call = ("run", "--quiet", "--full-refresh", "--select", "fct_other_city_311")
    said = checkout.run("dbt.cli.main", *call, fails=True)
    model.write_text(right)
    assert f"{wrong} has no column 'identity_key'" in said
