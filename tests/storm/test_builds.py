"""Real builds killed in all their phases: readers see whole, tested builds of this landing.

Each kill falls on `eventmart build` or `eventmart publish` itself, or on the dbt that it
has started. Readers ask all the time, and what they see must be of one build; what is
served must be, by its numbers, of what had landed when that build began.
"""

import random
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo import generate
from loaders.config.feeds import FEEDS_FILE
from loaders.config.paths import Paths
from loaders.publishing.retention import KEEP
from loaders.publishing.versions import served_damage
from tests.storm.driver import Storm
from tests.storm.test_readers import REAL, STEPS, reading

Report = Callable[[str, str], None]
Kill = dict[str, Any]
HEADER = "kiosk_id,product_id,card_hash,date_time,fc_number\n"
# One more each time: so many have landed, so many must be in what was made of it.
KIOSK = "99900"
PURCHASE = f"{KIOSK},901,card {{n}},2018-09-20 11:{{n:02}}:00-07,20\n"
N_SEEN = f"select count(*) from marts.fct_purchases where kiosk_id = '{KIOSK}'"
# Before dbt, while it starts, builds and tests, after it.
EVENTS = r"run_dbt\._event call"
PHASES = {
    "lock": r"lock\.\w+ > ",
    "open landing": r"database\._connect > connect c_return",
    "look at what is served": r"serving\.repair call",
    "look for changes": r"inputs\.is_up_to_date call",
    "start dbt": r"run_dbt\.run_dbt call",
    "look at the build": r"tested\.run_noted call",
    "after dbt": r"publish\.publish call",
    "docs": r"build\.build > |pathlib",
}
PUBLISHING = {name: pattern for name, pattern in STEPS.items() if name != "clear away"}


class Builder:
    """A project that is built by the real commands, in forks that may die."""

    def __init__(self, storm: Storm, home: Path) -> None:
        self.storm, self.home = storm, home
        self.paths = Paths(home / "data", home / "inbox")
        self.n_landed = 0
        self.settings: dict[str, str] = {}
        home.mkdir()
        generate(self.paths.inbox, 0.001, 1)
        shutil.copy(FEEDS_FILE, home / "feeds.yml")
        self.trace = home / "trace of a build"
        assert self("land")["code"] == 0
        assert self("build", trace=str(self.trace))["code"] in (0, 3)

    def __call__(self, *arguments: object, **job: Any) -> dict[str, Any]:
        return self.storm(self.home, *arguments, environment=self.settings, **job)

    @property
    def file(self) -> Path:
        return self.paths.published / "eventmart.duckdb"

    @property
    def n_served(self) -> int:
        with duckdb.connect(str(self.file), read_only=True) as connection:
            ((n_rows,),) = connection.execute(N_SEEN).fetchall()
        return int(n_rows)

    def land(self) -> None:
        """One purchase more, in a delivery of its own."""
        self.n_landed += 1
        file = self.home / f"{self.n_landed}.csv"
        file.write_text(HEADER + PURCHASE.format(n=self.n_landed))
        assert self("land", "purchases", file)["code"] == 0

    def kill(self, command: str, **kill: Any) -> bool:
        """Kill a command, and check what is served; whether the kill came in time."""
        before = self.n_served
        hit = self(command, kill=kill)
        assert "Traceback" not in hit["err"], hit["err"]
        now = self.n_served
        assert now in (before, self.n_landed), (kill, before, now, self.n_landed)
        assert served_damage(self.paths) is None
        if kill.get("child"):
            # It lives on, and says that dbt was killed.
            assert hit["code"] == 1, hit
            assert "was killed by signal 9" in hit["err"]
            assert now == before
            return True
        return bool(hit["code"] == -signal.SIGKILL)

    def finish(self) -> None:
        """Build undisturbed, and see that it is of all that has landed."""
        done = self("build")
        assert done["code"] in (0, 3), done
        assert self.n_served == self.n_landed
        assert served_damage(self.paths) is None
        left = [path.name for path in self.paths.published.rglob(".*")]
        assert set(left) <= {".tested-inputs", ".documented"}


@pytest.fixture(scope="module")
def builder(storm: Storm, quick: Path) -> Iterator[Builder]:
    home = quick / "builder"
    yield Builder(storm, home)
    shutil.rmtree(home)


def n_matches(trace: Path, pattern: str) -> int:
    return sum(bool(re.match(pattern, label)) for label in trace.read_text().splitlines())


def kills_of_builds(n_in_dbt: int, n_events: int, rng: random.Random) -> list[Kill]:
    """A kill in each phase of a build, and in each of so many parts of dbt's time."""
    found: list[Kill] = [{"match": pattern} for pattern in PHASES.values()]
    for i in range(n_in_dbt):
        # One in each stretch of dbt's own log; every third hits dbt and not its caller.
        nth = 1 + (i * n_events + rng.randrange(n_events)) // n_in_dbt
        found.append({"match": EVENTS, "nth": nth, "child": i % 3 == 1})
    rng.shuffle(found)
    return found


def kills_of_publishes(n: int, trace: Path) -> list[Kill]:
    """Kills in all that a publish does: in each kind of step once, twice and so on."""
    places = [
        (nth, pattern)
        for pattern in PUBLISHING.values()
        for nth in range(1, n_matches(trace, pattern) + 1)
    ]
    return [
        {"match": pattern, "nth": nth}
        for nth, pattern in sorted(places, key=lambda place: place[0])[:n]
    ]


@pytest.mark.full
@pytest.mark.fault("publishing.killed", "process.reader_during_publish")
def test_readers_see_whole_versions_while_publishes_of_real_builds_are_killed(
    builder: Builder, report: Report
) -> None:
    settings, trace = builder.settings, builder.home / "trace"
    # By another line between small cells and others, each is a new version.
    lines = (str(n) for n in count(10))
    for _ in range(KEEP + 1):
        settings["EVENTMART_SMALL_CELLS"] = next(lines)
        assert builder("publish", trace=str(trace))["code"] == 0
    kills = kills_of_publishes(85, trace)
    n_killed = 0
    with reading(builder.file, 2, REAL) as readers:
        for kill in kills:
            settings["EVENTMART_SMALL_CELLS"] = next(lines)
            n_killed += builder.kill("publish", **kill)
    assert n_killed >= 80
    settings.clear()
    assert builder("publish")["code"] == 0
    report(
        "Publish under readers",
        f"{n_killed} publishes of real builds killed at all steps, under 2 reading "
        f"processes: {readers['reads']:,} reads in which a fact, a mart and two reports "
        "agreed, 0 errors; what was served was always sound",
    )


@pytest.mark.full
@pytest.mark.fault("publishing.killed", "process.reader_during_publish")
def test_readers_see_whole_tested_builds_while_builds_are_killed_in_all_phases(
    builder: Builder, report: Report
) -> None:
    kills = kills_of_builds(14, n_matches(builder.trace, EVENTS), random.Random(5))
    n_killed = 0
    with reading(builder.file, 2, REAL) as readers:
        for kill in kills:
            # Of this landing, or of that before: so there must be two.
            if builder.n_served == builder.n_landed:
                builder.land()
            n_killed += builder.kill("build", **kill)
        builder.finish()
    assert n_killed >= 20
    report(
        "Publish under readers",
        f"{n_killed} SIGKILLs in all phases of `eventmart build` and its dbt, under 2 "
        f"reading processes: {readers['reads']:,} reads in which a fact, a mart and two "
        "reports agreed, 0 errors; what was served was always sound, and of the landing "
        "before or of this one",
    )
