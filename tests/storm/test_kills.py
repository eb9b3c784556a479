"""Killed at any step of a landing: the next run ends as if nothing had happened."""

import gzip
import random
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.storm.driver import (
    Storm,
    acknowledged,
    check_clean,
    csv_of,
    landed_in_ledger,
    state,
    write_home,
    zip_of,
)

# They share what takes long to set up.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("kills")]

Report = Callable[[str, str], None]
BEFORE = {
    "things/2024-01-01.csv": csv_of("1,x,y", "1,x,y", '2,"two\nlines",z', "", "3,,"),
    "views/1_2024-01-10.csv": csv_of("1,2024-01-09,a", "2,2024-01-08,a", "3,2024-01-08,a"),
}
MORE = {
    "things/2024-01-02.csv.gz": gzip.compress(
        b"a,b,c,d\n1,x,y,\n4,5,6,7\nragged\n8,9,0,1\n", mtime=0
    ),
    "things/2024-01-03.zip": zip_of(
        a=csv_of("5,5,5", "6,6,6"),
        b=csv_of("1,x,y", "7,\u00e9,7").replace(b"\xc3\xa9", b"\xe9"),
    ),
    "views/2_2024-01-30.csv": csv_of("1,2024-01-09,b", "3,2024-01-08,a", "4,2024-01-25,a"),
    "views/3_2024-01-20.csv": csv_of("1,2024-01-09,a", "3,2024-01-08,b", "2,2024-01-08,a"),
}
# What a landing goes through, and the functions and calls of the loader that do it.
STEPS = {
    "make the database": r"database\._create > ",
    "open the database": r"(database\._connect|schema\.create_tables) > (connect|execute)",
    "note the owner": r"database\.open_landing > (open|write|unlink)",
    "open the file": r"archives\.\w+ > (open|read)",
    "receive the bytes": r"kept_files\.receive > (open|write)",
    "sync the kept bytes": r"disk\.sync > fsync",
    "name the kept bytes": r"kept_files\.settle > replace",
    "look for the same bytes": r"ledger\.seen_again",
    "decide the encoding": r"encodings\.(decide_encoding|_survey)",
    "count": r"csv_records\.count_plain_lines",
    "split": r"csv_records\.(split_strictly|_records)",
    "parse": r"parsed_delivery\._load > execute",
    "number": r"parsed_delivery\._(number|count_copies) > execute",
    "look up known lines": r"line_cache\.(look_up|remember) > execute",
    "pick the others": r"line_cache\.pick > open",
    "write": r"(land|neighbors|parsed_delivery)\.(write|insert|_write)\w* > execute",
    "enter into the ledger": r"ledger\.(enter|next_numbers) > execute",
    "begin and commit": r"database\.transaction > execute",
    "clean up": r"kept_files\.scratch > (rmdir|unlink|mkdir)",
    "stamp": r"ledger\.put_stamp",
    "tell": r"landing\._tell > (write|flush)",
    "checkpoint": r"database\.open_landing > execute",
    "close": r"database\.open_landing > close",
}


@dataclass(frozen=True)
class Plan:
    """Where one kill falls: at a step of the trace, or some time after it."""

    step: str
    kill: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A call, its home, what it does step by step, how long, and what it ends with."""

    home: Path
    arguments: tuple[str, ...]
    trace: list[str]
    seconds: float
    landed: Counter[str]
    final: dict[str, Any]


@pytest.fixture(scope="module")
def cases(storm: Storm, quick: Path) -> list[Case]:
    """Land into nothing; land more into a warehouse; accept what is held."""

    def case(home: Path, *arguments: str) -> Case:
        base, trace = home / "base", home / "trace"
        if (home / "data").exists():
            shutil.copytree(home / "data", base)
        landed = landed_in_ledger(home / "data")
        seconds = land(storm, home, *arguments)["seconds"]
        final = state(home / "data")
        check_clean(home / "data")
        restore(base, home)
        land(storm, home, *arguments, trace=str(trace))
        assert state(home / "data") == final
        steps = trace.read_text().splitlines()
        return Case(home, arguments, steps, seconds, landed, final)

    first = write_home(quick / "first", BEFORE)
    more = write_home(quick / "more", BEFORE)
    land(storm, more, "land")
    write_home(more, MORE)
    doubt = write_home(quick / "doubt", BEFORE)
    land(storm, doubt, "land")
    held = doubt / "cut_2024-02-01.csv"
    held.write_bytes(csv_of("5,2024-01-31,a", "6")[:-1])
    refused = storm(doubt, "land", "views", held)["err"]
    (number,) = re.findall(r"delivery (\d+): cut", refused)
    return [
        case(first, "land"),
        case(more, "land"),
        case(doubt, "accept", number, "--by", "me", "--why", "known"),
    ]


def land(storm: Storm, home: Path, *arguments: str, **job: Any) -> dict[str, Any]:
    result = storm(home, *arguments, **job)
    assert result["code"] == 0, result
    return result


def restore(base: Path, home: Path) -> None:
    """Bring the data folder back to where the case starts."""
    shutil.rmtree(home / "data", ignore_errors=True)
    if base.exists():
        shutil.copytree(base, home / "data")


def plans(cases: list[Case], n: int, rng: random.Random) -> list[tuple[Case, Plan]]:
    """Kills over all steps in turn, each in one of the cases, at one of its places."""
    places: dict[str, dict[tuple[int, str], list[int]]] = {step: {} for step in STEPS}
    for which, case in enumerate(cases):
        for number, label in enumerate(case.trace):
            for step, pattern in STEPS.items():
                if re.match(pattern, label):
                    places[step].setdefault((which, label), []).append(number)
    found: list[tuple[Case, Plan]] = []
    while len(found) < n:
        for step, labels in places.items():
            which, label = rng.choice(sorted(labels))
            at = {"step": rng.choice(labels[which, label])}
            if len(found) > len(STEPS) and re.search("execute|close", label):
                # Now that each step has had one: in the midst of what DuckDB does.
                at["after"] = rng.choice([1e-4, 1e-3, 5e-3]) * rng.random()
            found.append((cases[which], Plan(step, at)))
        case = rng.choice(cases)
        found.append((case, Plan("any time", {"after": rng.random() * case.seconds})))
    return found


def survive(storm: Storm, case: Case, plan: Plan) -> bool:
    """Kill a run, and check that the one after it ends as if there had been none.

    Returns whether the kill came before the run was over.
    """
    data = case.home / "data"
    restore(case.home / "base", case.home)
    hit = storm(case.home, *case.arguments, kill=plan.kill)
    after = landed_in_ledger(data)
    told = acknowledged(hit["out"])
    assert not case.landed + told - after, "it was said to have landed, and is not there"
    last = storm(case.home, *case.arguments)
    if case.arguments[0] == "accept" and after != case.landed:
        assert last["code"] == 2, "accepted twice"
    else:
        assert last["code"] == 0, last
    assert state(data) == case.final
    check_clean(data)
    return bool(hit["code"] == -signal.SIGKILL)


def kill_all_over(storm: Storm, cases: list[Case], n: int, seed: int) -> Counter[str]:
    """Kill about n times; count those by step that came before the run was over."""
    rng = random.Random(seed)
    hits: Counter[str] = Counter()
    for case, plan in plans(cases, n, rng):
        try:
            hits[plan.step] += survive(storm, case, plan)
        except AssertionError as error:
            place = case.trace[plan.kill["step"]] if "step" in plan.kill else ""
            raise AssertionError(f"{case.arguments} {plan} {place}") from error
    return hits


@pytest.mark.fault("process.kill", "process.kept_until_committed")
def test_a_killed_landing_is_made_up_for(storm: Storm, cases: list[Case]) -> None:
    hits = kill_all_over(storm, cases, 24, seed=1)
    assert set(+hits) >= set(STEPS)


@pytest.mark.fault("process.kept_until_committed")
def test_kept_bytes_outlast_a_power_cut_before_anything_is_made_of_them(
    cases: list[Case],
) -> None:
    wanted = re.compile(
        r"(?:kept_files\.settle|disk\.sync) > (fsync|replace) c_return"
        r"|parse\.(parse) call|ledger\.(enter) call"
    )
    for case in cases:
        found = (match for label in case.trace if (match := wanted.match(label)))
        steps = [match[match.lastindex or 0] for match in found]
        n = steps.count("enter")
        assert n == sum(case.final["landed"].values()) - sum(case.landed.values())
        # Bytes, then their name, then the name's folder; only then are they entered. What
        # is accepted has been kept before.
        kept = [] if case.arguments[0] == "accept" else ["fsync", "replace", "fsync"]
        assert steps.count("parse") == n
        assert " ".join(steps).count(" ".join(["parse", *kept, "enter"])) == n


@pytest.mark.full
@pytest.mark.fault("process.kill")
def test_hundreds_of_kills_lose_and_double_nothing(
    storm: Storm, cases: list[Case], report: Report
) -> None:
    hits = kill_all_over(storm, cases, 400, seed=2)
    assert hits.total() >= 200
    assert set(+hits) >= set(STEPS)
    report(
        "Kills, full disks and power",
        f"{hits.total()} SIGKILLs over {len(hits)} steps of landing and accepting: each "
        "next run ended as an undisturbed one, no acknowledged row lost, none doubled",
    )
