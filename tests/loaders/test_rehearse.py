"""What a delivery would change is what it changes, and nothing is left of the trial."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from loaders.cli.render import rehearsal_text
from loaders.landing.dry_run import Rehearsal, rehearse
from loaders.landing.land import land_file
from loaders.sources import local
from tests.lab import Lab

Labs = Callable[..., Lab]


def trial(things: Lab, path: Path, given: datetime | None = None) -> list[Rehearsal]:
    (offer,) = local.named(str(path), things.feed)
    return rehearse(things.warehouse, things.feed, offer, given)


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
def test_a_rehearsal_finds_what_the_landing_finds(lab: Labs, mode: str) -> None:
    things = lab(mode=mode)
    things.land("a,b,c\n1,x,\n2,,\n", as_of="2024-01-01")
    path = things.file("a,b,c\n1,x,\n3,y,\n4,z\n\n3,y,\n", "next.csv")
    state = things.ledger(), things.counts(), list(things.warehouse.paths.drops.iterdir())
    given = datetime(2024, 1, 2)
    (found,) = trial(things, path, given)
    assert state == (
        things.ledger(),
        things.counts(),
        list(things.warehouse.paths.drops.iterdir()),
    )
    (landed,) = land_file(things.warehouse, things.feed, path, given)
    for name in ("status", "n_records", "n_new", "n_known", "n_absent", "n_rejected"):
        assert getattr(found.entry, name) == getattr(landed, name), name
    assert found.come == (2, ["line 3: 3,y,", "line 6: 3,y,"])
    assert found.rejects == ((4, "too_few_fields", "2 fields, the header has 3"),)
    if mode == "increment":
        assert (found.before, found.gone) == (None, (0, []))
    else:
        assert found.before == (1, datetime(2024, 1, 1), 2)
        assert found.gone == (1, ["line 3: 2,,"])


def test_long_values_are_shortened(lab: Labs) -> None:
    things = lab()
    (found,) = trial(things, things.file(f"a,b,c\n1,{'x' * 60},{'y' * 61}\n"))
    assert found.come == (1, [f"line 2: 1,{'x' * 60},{'y' * 60}…"])


def test_a_held_delivery_says_what_it_would_change_if_accepted(lab: Labs) -> None:
    things = lab(mode="snapshot")
    for day in ("01", "02", "03"):
        things.land(
            "a,b,c\n" + "".join(f"{n},,\n" for n in range(9)), as_of=f"2024-01-{day}"
        )
    (found,) = trial(things, things.file("a,b,c\n0,,\n"))
    assert (found.entry.status, found.entry.reason) == ("held", "shrunk")
    assert (found.entry.n_new, found.entry.n_known, found.gone[0]) == (0, 1, 8)
    assert "things.csv  shrunk: " in rehearsal_text(found)
    assert len(found.gone[1]) == 5
    assert len(things.ledger()) == 3


@pytest.mark.parametrize(
    ("data", "status"), [("", "empty"), ("b\n1\n", "held"), ("a,b,c\n1,,\n", "seen_again")]
)
def test_what_has_nothing_to_land_says_so(lab: Labs, data: str, status: str) -> None:
    things = lab()
    things.land("a,b,c\n1,,\n")
    (found,) = trial(things, things.file(data, "x.csv"))
    assert (found.entry.status, found.come) == (status, (0, []))
    assert len(things.ledger()) == 1


def test_a_file_that_is_no_archive_is_said(lab: Labs) -> None:
    things = lab()
    (found,) = trial(things, things.file("no zip", "x.zip"))
    assert (found.entry.status, found.entry.reason) == ("failed", "archive_broken")
    assert "delivery" not in rehearsal_text(found).partition(":")[0]
    assert things.ledger() == []
