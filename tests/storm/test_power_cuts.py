"""The power fails at any moment: what was said to have landed is there, readers see all.

Each run is cut off before each of its fsyncs in turn, and after its end; then all that
was not synced is thrown away: names, bytes, or both.
"""

import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from loaders.publishing.retention import KEEP
from tests.storm.driver import (
    Storm,
    acknowledged,
    check_clean,
    landed_in_ledger,
    state,
    write_home,
)
from tests.storm.power import LOSSES, Disk, compiled
from tests.storm.test_kills import BEFORE, MORE
from tests.storm.test_readers import Publisher

# They share what takes long to set up.
pytestmark = [
    pytest.mark.long,
    pytest.mark.xdist_group("power"),
    pytest.mark.skipif(not shutil.which("gcc"), reason="no gcc, which makes a bad disk"),
]

Report = Callable[[str, str], None]
HEADING = "Kills, full disks and power"


@pytest.fixture(scope="module")
def storm(quick: Path) -> Iterator[Storm]:
    """The warm process, on a disk that waits for nothing."""
    storm = Storm("env", f"LD_PRELOAD={compiled(quick)}")
    yield storm
    storm.close()


class Cuts:
    """Runs of a command on a data folder, each cut off at another moment."""

    def __init__(self, home: Path, run: Callable[..., dict[str, Any]]) -> None:
        self.data, self.base, self.run = home / "data", home / "base", run
        self.disk = Disk(self.data, home / "disk")
        if self.data.exists():
            copy(self.data, self.base)
        self.disk.settle()
        assert self._run()["code"] == 0
        self.n_syncs = self.disk.n_syncs

    def _run(self) -> dict[str, Any]:
        return self.run(environment=self.disk.environment | OWN_SECRET)

    def __call__(self, n: int | None, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Cut the power before this many syncs, or each, and after the end.

        Yields:
            When it failed and what was lost, and what the command had said by then.
        """
        every = list(product(range(1, self.n_syncs + 1), LOSSES))
        some = random.Random(seed).sample(every, n) if n else every
        for fails_at, loss in [*some, *product([self.n_syncs + 1], LOSSES)]:
            shutil.rmtree(self.data, ignore_errors=True)
            if self.base.exists():
                copy(self.base, self.data)
            self.disk.settle(fails_at)
            result = self._run()
            is_over = fails_at > self.n_syncs
            assert result["code"] == (0 if is_over else -signal.SIGKILL), result
            self.disk.cut(LOSSES[loss])
            yield f"before sync {fails_at} of {self.n_syncs}, without {loss}", result


# One that is in no variable is in a file, and that has to outlast it, too.
OWN_SECRET = {"EVENTMART_CUSTOMER_SECRET": ""}


def copy(source: Path, target: Path) -> None:
    """With names that are of one file, as published ones are."""
    subprocess.run(["cp", "-a", source, target], check=True)


def survive_landings(storm: Storm, home: Path, n: int | None) -> int:
    """Cut the power in a landing; what was said to have landed is there; count cuts."""
    run = partial(storm, home, "land")
    cuts = Cuts(home, run)
    final = state(home / "data")
    secret = home / "data" / "customer.secret"
    n_cuts = 0
    for moment, said in cuts(n, seed=1):
        landed = landed_in_ledger(home / "data")
        assert not acknowledged(said["out"]) - landed, moment
        keyed_by = secret.read_text() if landed else None
        assert run(environment=OWN_SECRET)["code"] == 0, moment
        assert state(home / "data") == final, moment
        assert keyed_by in (None, secret.read_text()), moment
        check_clean(home / "data")
        n_cuts += 1
    return n_cuts


def survive_publishes(storm: Storm, home: Path, n: int | None) -> int:
    """Cut the power in a publish; readers see the version before or this; count cuts."""
    publisher = Publisher(storm, home)
    for _ in range(KEEP):
        publisher.make()
        assert publisher.publish()["code"] == 0
    publisher.make()
    n_cuts = 0
    for moment, said in Cuts(home, publisher.publish)(n, seed=2):
        is_done = said["code"] == 0
        assert publisher.served in {publisher.build - 1 + is_done, publisher.build}, moment
        again = publisher.publish()
        assert again["code"] == 0, (moment, again)
        assert publisher.served == publisher.build, moment
        publisher.check_clean()
        n_cuts += 1
    return n_cuts


def write_next(storm: Storm, home: Path) -> Path:
    """A home of which something has landed, and more is to come."""
    write_home(home, BEFORE)
    assert storm(home, "land", environment=OWN_SECRET)["code"] == 0
    return write_home(home, MORE)


@pytest.mark.fault("process.power_cut")
def test_what_was_said_to_have_landed_outlasts_a_power_cut(
    storm: Storm, quick: Path
) -> None:
    survive_landings(storm, write_home(quick / "some", BEFORE), 2)


@pytest.mark.fault("process.power_cut")
def test_readers_see_a_whole_version_after_a_power_cut(storm: Storm, quick: Path) -> None:
    survive_publishes(storm, quick / "published", 2)


@pytest.mark.full
@pytest.mark.fault("process.power_cut")
def test_power_cuts_at_every_sync_lose_nothing(
    storm: Storm, quick: Path, report: Report
) -> None:
    n_landings = survive_landings(storm, write_home(quick / "first", BEFORE), None)
    n_landings += survive_landings(storm, write_next(storm, quick / "next"), None)
    n_publishes = survive_publishes(storm, quick / "all", None)
    report(
        HEADING,
        f"{n_landings} power cuts in landings and {n_publishes} in publishes, before each "
        "sync and after the end, losing names, bytes, or both that were not synced: what "
        "was said to have landed was there, readers saw a whole version, the next run "
        "ended as an undisturbed one",
    )
