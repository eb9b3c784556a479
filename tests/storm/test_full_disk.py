"""A disk that fills up at any moment of a landing: said, survived, made up for."""

import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.storm.driver import (
    Storm,
    acknowledged,
    check_clean,
    csv_of,
    state,
    unshare,
    write_home,
)
from tests.storm.test_kills import MORE

pytestmark = pytest.mark.long

Report = Callable[[str, str], None]


def many(n: int, seed: int) -> bytes:
    rng = random.Random(seed)
    return csv_of(*(f"{i},2024-01-08,{rng.getrandbits(128):x}" for i in range(n)))


FILES = MORE | {
    "things/2024-01-05.csv": many(8000, 1),
    "things/2024-01-06.csv": many(16000, 2),
    "views/4_2024-01-31.csv": many(9000, 3),
}
# Where the disk was found full, by what the loader was doing when the system refused.
STAGES = {
    "opening": r"(database|schema)\.\w+ > (connect|execute|write)",
    "keeping the bytes": r"kept_files\.(receive|settle|_pack) > |_base\.",
    "preparing the text": r"(csv_reader|csv_records|encodings)\.",
    "parsing": r"parsed_delivery\._\w+ > execute",
    "inserting": r"(land\.(write|insert)|parsed_delivery\.insert)\w* > execute",
    "committing rows and ledger": r"database\.transaction > execute",
    "entering what failed": r"ledger\.enter > execute",
    "checkpoint": r"database\.open_landing > execute",
}


@dataclass(frozen=True)
class Disk:
    """A home whose data folder is a small disk, and how a landing there should end."""

    storm: Storm
    home: Path
    final: dict[str, Any]

    def land(self, n_bytes: int, **job: Any) -> dict[str, Any]:
        """Land on an empty disk of this size."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", self.data]
        return self.storm(self.home, "land", before=[mount], **job)

    def land_again(self) -> dict[str, Any]:
        """Land once more, with space enough."""
        grow = ["mount", "-o", "remount,size=512m", self.data]
        return self.storm(self.home, "land", before=[grow])

    def leave(self) -> Path:
        """Take the disk away; returns a copy of what was on it."""
        copy = self.home / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        commands = [["cp", "-a", self.data, str(copy)], ["umount", self.data]]
        assert self.storm(self.home, "--help", before=commands)["code"] == 0
        return copy

    @property
    def data(self) -> str:
        return str(self.home / "data")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    if subprocess.run([*unshare(), "true"], check=False).returncode:
        pytest.skip("no mount namespace is permitted here, so no small disk")
    home = write_home(tmp_path_factory.mktemp("disk") / "home", FILES)
    storm = Storm(*unshare())
    assert storm(home, "land")["code"] == 0
    final = state(home / "data")
    shutil.rmtree(home / "data")
    (home / "data").mkdir()
    yield Disk(storm, home, final)
    storm.close()


def stage_of(result: dict[str, Any], trace: Path) -> str:
    """What the loader was doing when the disk refused."""
    if "needs about" in result["err"]:
        return "asking for space"
    refusals = [x for x in trace.read_text().splitlines() if "c_exception" in x]
    for label in reversed(refusals):
        for stage, pattern in reversed(STAGES.items()):
            if re.match(pattern, label):
                return stage
    raise AssertionError(refusals)


def fill(disk: Disk, sizes: list[int]) -> Counter[str]:
    """Land on disks of these sizes, then on one that is large enough."""
    stages: Counter[str] = Counter()
    trace = disk.home / "trace"
    for size in sizes:
        hit = disk.land(size, trace=str(trace))
        if hit["code"] == 0:
            stages["large enough"] += 1
        else:
            stages[stage_of(hit, trace)] += 1
            assert hit["code"] == 1
            message = hit["err"].splitlines()[-1]
            assert re.match(rf"error: {disk.data}.*(the disk is full|needs about)", message)
            assert "free some space and run it again" in message
            assert "Traceback" not in hit["err"]
        again = disk.land_again()
        assert again["code"] == 0, again
        told = acknowledged(hit["out"]) + acknowledged(again["out"])
        assert max(told.values()) == 1, "landed twice"
        copy = disk.leave()
        assert state(copy) == disk.final
        check_clean(copy)
    return stages


@pytest.mark.fault("process.disk_full")
def test_a_full_disk_is_said_and_made_up_for(disk: Disk) -> None:
    stages = fill(disk, [n << 10 for n in (16, 500, 800, 1500, 4000, 7000)])
    # Which size meets which moment changes with the tables that an empty landing has.
    assert len(stages) >= 4, stages
    assert {"opening", "asking for space"} < set(stages), stages


@pytest.mark.full
@pytest.mark.fault("process.disk_full")
def test_disks_of_every_size_are_survived(disk: Disk, report: Report) -> None:
    sizes = [*range(8, 80, 8), *range(120, 9600, 120)]
    stages = fill(disk, [n << 10 for n in sizes])
    found = {
        *("opening", "keeping the bytes", "asking for space"),
        *("committing rows and ledger", "checkpoint", "large enough"),
    }
    assert set(stages) >= found, stages
    n_full = stages.total() - stages["large enough"]
    told = ", ".join(f"{stage} {n}" for stage, n in sorted(stages.items()))
    report(
        "Kills, full disks and power",
        f"{n_full} full disks ({told}): each said so, and with space freed the next run "
        "ended as an undisturbed one",
    )


@pytest.mark.full
@pytest.mark.fault("process.disk_full", "process.memory_limit")
def test_a_disk_too_small_to_spill_to_is_said(disk: Disk, report: Report) -> None:
    big = disk.home / "inbox/things/2024-02-01.csv"
    big.write_bytes(many(600_000, 4))
    limit = {"EVENTMART_MEMORY_LIMIT": "110MB"}
    try:
        told = Counter[str]()
        for mb in range(50, 120, 10):
            hit = disk.land(mb << 20, environment=limit, trace=str(disk.home / "trace"))
            stage = stage_of(hit, disk.home / "trace") if hit["code"] else "large enough"
            told[stage] += 1
            assert hit["code"] in (0, 1), hit
            assert "Traceback" not in hit["err"]
            assert disk.land_again()["code"] == 0
            check_clean(disk.leave())
        assert set(told) & {"parsing", "inserting"}, told
    finally:
        big.unlink()
    line = ", ".join(f"{stage} {n}" for stage, n in sorted(told.items()))
    report("Kills, full disks and power", f"disks too small to spill to: {line}")
