"""What a later delivery states otherwise of the same events is counted once.

Of each event either its identity stays, and it is one event; or the loader says that the
old one is withdrawn, as many times as the facts show it.
"""

import csv
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from demo import service_requests
from loaders.config.feeds import FEEDS_FILE
from tests.path.compiled import Compiled
from tests.path.simulated_deliveries import (
    AMERICAN,
    ISO,
    TODAY,
    Event,
    Row,
    Write,
    accident_row,
    events_of,
    request_row,
)
from tests.projects import new_project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("compiled")]
N = 60
SEEDS = [
    *range(4),
    *(pytest.param(seed, marks=pytest.mark.full) for seed in range(4, 30)),
]
Restate = Callable[[str], str]
# What exports do to a column from one year to the next.
RESTATED: dict[str, Restate] = {
    "a null word": lambda text: text or "#N/A",
    "a blank": lambda text: "",
    "upper case": str.upper,
    "lower case": str.lower,
    "blanks": lambda text: f"\u00a0{text} ",
    "a float": lambda text: f"{text}.0" if text.isdigit() else text,
    "padded": lambda text: f"{text}-0000" if text.isdigit() else text,
    "filled in": lambda text: text or "Unit 7",
    "renamed": lambda text: f"{text} & Infrastructure",
}


def request(event: Event, spell: Write) -> Row:
    """A request with a value in nearly each column, at a place that is its own."""
    row = dict.fromkeys(service_requests.COLUMNS, "")
    row |= request_row(event, TODAY, spell, is_newest=False)
    return row | {
        "Case Summary": f"Pothole number {event.number}",
        "Case Created Date": spell(event.at).split()[0],
        "Customer Zip Code": "80202",
        "Incident Zip Code": "80205",
        "Incident Intersection 1": ["", "Broadway"][event.number % 2],
        "Division": "Streets",
    }


def accident(event: Event, spell: Write) -> Row:
    return accident_row(event, spell) | {"DISTRICT_ID": "6", "PRECINCT_ID": "611"}


def accident_without_id(event: Event, spell: Write) -> Row:
    row = accident(event, spell)
    del row["INCIDENT_ID"], row["OFFENSE_ID"]
    return row | {"HARMFUL_EVENT_SEQ_1": "VEHICLE"}


def product(event: Event, spell: Write) -> Row:
    return {
        "product_id": f"{event.number}k",
        "product_name": f"Bar {event.number}",
        "brand": ["", "Acme"][event.number % 2],
    }


def kiosk(event: Event, spell: Write) -> Row:
    return {
        "kiosk_id": str(100 + event.number),
        "place": f"Hall {event.number}",
        "kind_of_site": ["", "school"][event.number % 2],
        "opened_on": event.at.date().isoformat(),
        "capacity": "40",
    }


# The rows of each kind, their feed and staging, and a query for what stands in the facts.
STANDS = "select identity_key from {} where record_state = 'current'"
LISTED = "select event_identity from {} where is_listed"
REQUESTS = "stg_city_311__service_requests", "fct_service_requests", STANDS
ACCIDENTS = "stg_traffic__accidents", "fct_accidents", STANDS
KINDS = {
    "requests": (request, "service_requests", *REQUESTS),
    "accidents": (accident, "accidents", *ACCIDENTS),
    "crashes": (accident_without_id, "accidents", *ACCIDENTS),
    "products": (
        product,
        "products",
        "stg_vending__products",
        "int_products_listed",
        LISTED,
    ),
    "kiosks": (
        *(kiosk, "kiosk_info", "stg_vending__kiosk_info"),
        *("int_kiosk_info_listed", LISTED),
    ),
}


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds, whose deliveries may withdraw all."""
    settings = yaml.safe_load(FEEDS_FILE.read_text())
    for feed in settings["feeds"].values():
        feed |= {"max_withdrawn_share": 1, "max_damaged_share": 1, "max_untyped_share": 1}
    path = tmp_path_factory.mktemp("feeds") / "feeds.yml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.fault("identity.restated")
def test_what_the_loader_says_is_withdrawn_is_what_the_facts_show(
    kind: str, seed: int, tmp_path: Path, compiled: Compiled, feeds: Path
) -> None:
    make, feed, staging, table, standing = KINDS[kind]
    rng = random.Random(f"{kind} {seed}")
    project = new_project(tmp_path / "data")
    events = events_of(rng, 300, N)
    before, n_aside_before = Counter[object](), 0
    for number in range(3):
        # Each lacks some events of the one before, and restates columns of some others.
        held = [event for event in events if rng.random() > 0.05]
        spell = rng.choice([AMERICAN, ISO])
        rows = [make(event, spell) for event in held]
        columns = rng.sample([name for name in rows[0] if not is_time(name)], 3)
        share = rng.choice([0.1, 1]) if number else 0
        for column in columns:
            restate = RESTATED[rng.choice(sorted(RESTATED))]
            for row in rows:
                if rng.random() < share:
                    row[column] = restate(row[column])
        # Copies are as many events where the source does not tell them apart.
        copies = [row for row in rows if rng.random() < 0.1]
        n_events = len(rows) + sum(not is_told_by_id(kind, row) for row in copies)
        path = write(tmp_path / f"{feed}_{number}.csv", rows + copies)
        as_of = f"2024-06-2{number}T12:00:00"
        call = ("--feeds", feeds, "land", feed, path, "--as-of", as_of)
        result = project.eventmart(*call)
        assert result.exit_code == 0, result.output
        with compiled.build(project.paths.landing, table) as facts:
            (n_said,) = facts.execute(
                "select max_by(n_withdrawn, delivery_seq) from landing.raw.deliveries "
                "where feed = ? and status = 'landed'",
                [feed],
            ).fetchone()
            (n_aside,) = facts.execute(
                f"select count(distinct _row_hash) from {compiled[staging]} "
                "where set_aside_reason is not null and (_row_hash, _copy) in ("
                "select (_row_hash, _copy) from landing.raw.presence where feed = ? "
                "group by _row_hash, _copy having max_by(change, _delivery_seq) = '+')",
                [feed],
            ).fetchone()
            rows_found = facts.execute(standing.format(compiled[table])).fetchall()
            found = Counter(identity for (identity,) in rows_found)
        n_gone = (before - found).total()
        assert found.total() + n_aside == n_events, columns
        # Of rows without an identity, which are no events, the loader counts all that go.
        assert n_gone <= n_said <= n_gone + n_aside_before, columns
        if n_gone:
            assert f"{n_said} withdrawn" in result.output, result.output
        before, n_aside_before = found, n_aside


def is_told_by_id(kind: str, row: Row) -> bool:
    """Whether a second row of it is the same event."""
    return kind in ("products", "kiosks") or row.get("OFFENSE_ID", "") != ""


def is_time(name: str) -> bool:
    return "date" in name.lower() or name == "opened_on" or name.endswith("dttm")


# Of all rows of a file at once: by column, what is done, and whether the events stay.
VARIANTS: dict[str, tuple[str, Restate, bool]] = {
    "a null word in blanks": ("Incident Intersection 1", lambda text: text or "#N/A", True),
    "agencies renamed": ("Agency", lambda text: f"{text} & Infrastructure", True),
    "zip codes padded": ("Incident Zip Code", lambda text: f"{text}-0000", True),
    "addresses filled in": ("Incident Address 2", lambda text: text or "Unit 7", True),
    "summaries in capitals": ("Case Summary", str.upper, True),
    "addresses in small letters": ("Incident Address 1", str.lower, True),
    "sources renamed": ("Case Source", lambda text: "Telephone", True),
    "streets written out": (
        *("Incident Address 1", lambda text: text.replace(" ST", " STREET"), False),
    ),
    "summaries reworded": ("Case Summary", lambda text: f"Report: {text}", False),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_archive", [False, True])
@pytest.mark.fault("identity.restated")
def test_requests_restated_at_once_are_the_same_or_held(
    variant: str, is_archive: bool, tmp_path: Path, compiled: Compiled
) -> None:
    column, restate, stays = VARIANTS[variant]
    project = new_project(tmp_path / "data")
    events = events_of(random.Random(variant), 300, N)
    rows = [request(event, AMERICAN) for event in events]
    project.land("service_requests", write(tmp_path / "first.csv", rows))
    if is_archive:
        # By then they have left the window.
        later = Event(N, TODAY.replace(year=TODAY.year + 2))
        project.land(
            "service_requests",
            *(write(tmp_path / "later.csv", [request(later, AMERICAN)]), "--covers"),
            *("2026-01-01", "2026-12-31"),
        )
    changed = [row | {column: restate(row[column])} for row in rows]
    assert changed != rows
    dates = [str(events[place].at.date()) for place in (0, -1)]
    covers = ("--covers", *dates) if is_archive else ()
    result = project.eventmart(
        "land", "service_requests", write(tmp_path / "second.csv", changed), *covers
    )
    assert result.exit_code == (0 if stays else 3), result.output
    if not stays:
        assert f"withdraws_too_much: would withdraw {N} of the {N} rows" in result.output
    with compiled.build(project.paths.landing, "fct_service_requests") as facts:
        states = facts.execute(
            "select record_state, count(*) from marts.fct_service_requests group by all"
        ).fetchall()
    assert dict(states) == {"current": N + is_archive}
