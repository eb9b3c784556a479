"""A delivery that is withdrawn is as if it had not landed; undone, as if it had stayed."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from loaders.errors import UsageError
from loaders.landing.land import accept
from loaders.landing.rejects import open_rejects
from loaders.landing.withdraw import undo, withdraw
from tests.lab import Lab

Labs = Callable[..., Lab]
MODES = ["increment", "window", "snapshot"]
# As they arrive: what they speak for, and their rows. The third comes late; the fourth
# repeats the first, with one row twice; the last repeats the fourth.
DELIVERIES = [
    ("2024-01-10", ["1,2024-01-05,x", "2,2024-01-06,", "3,2024-01-07,"]),
    ("2024-01-12", ["2,2024-01-06,", "3,2024-01-07,new", "4,2024-01-08,"]),
    ("2024-01-11", ["1,2024-01-05,x", "3,2024-01-07,", "5,2024-01-07,"]),
    ("2024-01-13", ["1,2024-01-05,x", "2,2024-01-06,", "2,2024-01-06,", "3,2024-01-07,"]),
    ("2024-01-14", ["2,2024-01-06,", "2,2024-01-06,", "9,2024-01-09,"]),
]


def data_of(number: int) -> tuple[str, str]:
    as_of, rows = DELIVERIES[number]
    return "a,b,c\n" + "".join(f"{row}\n" for row in rows), as_of


def land(things: Lab, number: int) -> int:
    data, as_of = data_of(number)
    entry = things.land(data, f"{number}.csv", as_of)
    assert entry.status in ("landed", "held"), entry
    if entry.status == "held":
        feeds = {"things": things.feed}
        entry = accept(things.warehouse, feeds, entry.delivery_seq, "ann", "so it is")
    return entry.delivery_seq


def state(things: Lab) -> Any:
    """All that facts are built from, by the names of files."""
    names = dict(things.all("select delivery_seq, uri from raw.deliveries"))
    held = {names[seq]: rows for seq, rows in things.present().items()}
    changes = Counter(
        (names[seq], key, copy, change)
        for seq, key, copy, change in things.all(
            "select _delivery_seq, _row_hash, _copy, change from raw.presence "
            "where _change_seq > 0"
        )
        if things.feed.mode != "increment"
    )
    raw = things.all(
        "select _row_hash, _copy from raw.things where _change_seq > 0 order by all"
    )
    return held, changes, raw


def expected(things: Lab, numbers: Iterable[int]) -> Any:
    """The state after these deliveries alone."""
    things.reset()
    for number in numbers:
        land(things, number)
    return state(things)


def stays_within_the_law(things: Lab) -> None:
    """Nothing of raw is lost, and counts of the ledger are what raw rows say."""
    assert (
        things.all(
            "select delivery_seq from raw.deliveries "
            "left join raw.rows_by_delivery using (delivery_seq) "
            "where status = 'landed' and n_new <> coalesce(n_rows, 0)"
        )
        == []
    )
    things.check_laws()


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("number", range(len(DELIVERIES)))
def test_one_that_is_withdrawn_is_as_if_it_had_not_landed(
    lab: Labs, mode: str, number: int
) -> None:
    things = lab(mode=mode)
    seqs = [land(things, each) for each in range(len(DELIVERIES))]
    before, ledger, n_rows = state(things), things.ledger(), things.counts()[0]
    entry = withdraw(things.warehouse, seqs[number], "ann", "wrong file")
    assert (entry.status, entry.parent_seq) == ("withdrawal", seqs[number])
    assert (entry.accepted_by, entry.accepted_why) == ("ann", "wrong file")
    stays_within_the_law(things)
    assert things.ledger()[:-1] == ledger
    assert things.counts()[0] == n_rows
    without = state(things)
    entry = undo(things.warehouse, seqs[number], "bob", "right after all")
    assert entry.status == "withdrawal_undone"
    stays_within_the_law(things)
    assert state(things) == before
    others = [each for each in range(len(DELIVERIES)) if each != number]
    assert without == expected(things, others)


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_order_of_landing_withdrawing_and_undoing(
    lab: Labs, mode: str, seed: int
) -> None:
    rng = random.Random(seed)
    things = lab(mode=mode)
    coming, seqs, out = list(range(len(DELIVERIES))), dict[int, int](), set[int]()
    rng.shuffle(coming)
    arrived = []
    for _ in range(14):
        if coming and rng.random() < 0.5:
            arrived.append(coming.pop())
            seqs[arrived[-1]] = land(things, arrived[-1])
        elif arrived:
            number = rng.choice(arrived)
            take = undo if number in out else withdraw
            take(things.warehouse, seqs[number], "ann", "why not")
            out ^= {number}
        stays_within_the_law(things)
    found = state(things)
    assert found == expected(things, [each for each in arrived if each not in out])


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.parametrize("mode", MODES)
def test_rows_that_only_a_withdrawn_one_had_come_again_with_another(
    lab: Labs, mode: str
) -> None:
    things = lab(mode=mode)
    first = land(things, 0)
    withdraw(things.warehouse, first, "ann", "wrong file")
    assert things.all("select distinct _change_seq from raw.things") == [(0,)]
    second = things.land(data_of(0)[0] + "7,2024-01-07,\n", "b.csv", "2024-01-10")
    assert (second.n_new, second.n_known) == (1, 3)
    # A build that knows all changes before this one has to see every row of it.
    assert things.all("select distinct _change_seq from raw.things") == [
        (second.change_seq,)
    ]
    undo(things.warehouse, first, "ann", "it was right")
    assert set(things.present()) == {first, second.delivery_seq}
    stays_within_the_law(things)


@pytest.mark.fault("delivery.withdrawn")
def test_the_same_bytes_stay_out_until_somebody_takes_them_in(lab: Labs) -> None:
    things = lab(mode="snapshot")
    seq = land(things, 0)
    withdraw(things.warehouse, seq, "ann", "wrong file")
    data, as_of = data_of(0)
    again = things.land(data, "other_name.csv", as_of)
    assert (again.status, again.parent_seq) == ("seen_again", seq)
    assert f"eventmart withdraw {seq} --undo" in str(again.detail)
    assert things.present() == {}
    assert things.land(data, "other_name.csv", "2024-02-01").status == "landed"
    # Now that they stand for another day, they are seen again as those.
    assert things.land(data, "third_name.csv").detail is None


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.parametrize("mode", MODES)
def test_rejects_of_a_withdrawn_one_are_not_open(lab: Labs, mode: str) -> None:
    things = lab(mode=mode)
    entry = things.land(data_of(0)[0] + "too,few\n", "a.csv", "2024-01-10")
    assert entry.n_rejected == 1
    withdraw(things.warehouse, entry.delivery_seq, "ann", "wrong file")
    assert list(open_rejects(things.landing, None, None)) == []
    undo(things.warehouse, entry.delivery_seq, "ann", "no")
    assert len(list(open_rejects(things.landing, None, None))) == 1


@pytest.mark.fault("delivery.withdrawn")
@pytest.mark.parametrize(
    ("number", "message"),
    [
        (99, "no delivery 99"),
        (2, "delivery 2 is held, not landed"),
        (3, "delivery 3 is failed, not landed"),
        (4, "delivery 4 is seen_again, not landed"),
        (5, "delivery 5 is already withdrawn"),
        (6, "delivery 6 is withdrawal, not landed"),
    ],
)
def test_what_did_not_land_or_is_out_cannot_be_withdrawn(
    lab: Labs, number: int, message: str
) -> None:
    things = lab(mode="snapshot")
    data, as_of = data_of(0)
    assert things.land(data, "a.csv", as_of).delivery_seq == 1
    assert things.land("x,y\n1,2\n", "b.csv", as_of).status == "held"
    assert things.land(b"PK\x03\x04", "c.zip", as_of).status == "failed"
    assert things.land(data, "d.csv", as_of).status == "seen_again"
    assert things.land(data + "7,,\n", "e.csv", as_of).delivery_seq == 5
    withdraw(things.warehouse, 5, "ann", "wrong file")
    before = things.ledger()
    with pytest.raises(UsageError, match=message):
        withdraw(things.warehouse, number, "ann", "again")
    with pytest.raises(UsageError, match="delivery 1 is not withdrawn"):
        undo(things.warehouse, 1, "ann", "why not")
    assert things.ledger() == before


@pytest.mark.fault("delivery.withdrawn", "delivery.later_settings")
@pytest.mark.parametrize("mode", MODES)
def test_settings_that_come_later_reach_what_is_withdrawn(lab: Labs, mode: str) -> None:
    def seqs_of(things: Lab) -> list[int]:
        return [land(things, each) for each in range(len(DELIVERIES))]

    later = {"null_markers": ["new", "x"]}
    things = lab(mode=mode)
    seq = seqs_of(things)[1]
    withdraw(things.warehouse, seq, "ann", "wrong file")
    things = lab(mode=mode, **later)
    stays_within_the_law(things)
    without = state(things)
    undo(things.warehouse, seq, "ann", "it was right")
    stays_within_the_law(things)
    whole = state(things)
    assert without[::2] == expected(things, [0, 2, 3, 4])[::2]
    assert whole[::2] == expected(things, range(len(DELIVERIES)))[::2]
