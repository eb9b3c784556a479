"""Rejected records that pass after a fix of the feed take their place as if at once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from loaders.errors import EventmartError, UsageError
from loaders.landing.replay import replay
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
# A record in cp1252 and one too short: the first passes once the encoding is allowed.
BODY = b"a,b,c\n1,x,y\n2,caf\xe9,y\n3,short\n1,x,y\n2,caf\xe9,y\n"
FIXED = {"encodings": ["utf-8", "cp1252"]}


def fix(things: Lab, **settings: Any) -> None:
    things.feed = make_feed(mode=things.feed.mode, **(FIXED | settings))


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
def test_what_passes_now_lands_as_if_at_once(lab: Labs, mode: str) -> None:
    things = lab(mode=mode)
    first = things.land(BODY, as_of="2024-01-02")
    assert (first.n_new, first.n_rejected) == (2, 3)
    fix(things)
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.status, entry.parent_seq, entry.encoding) == ("replayed", 1, "cp1252")
    assert (entry.n_records, entry.n_new, entry.n_known) == (3, 2, 0)
    assert (entry.n_rejected, entry.n_blank, entry.as_of) == (1, 0, first.as_of)
    whole = [("1", "x", "y")] * 2 + [("2", "café", "y")] * 2
    assert things.present() == {1: Counter(whole)}
    assert things.all(
        "select _line, _copy from raw.things where b = 'café' order by 1"
    ) == [
        (3, 1),
        (6, 2),
    ]
    assert things.all("select landed_seq, delivery_seq, line from raw.open_rejects") == [
        (1, 2, 4)
    ]
    assert things.all("select count(*) from raw.rejects where delivery_seq = 1") == [(3,)]


def test_a_replay_is_read_back_from_the_ledger(lab: Labs) -> None:
    things = lab()
    things.land(BODY)
    fix(things)
    (entry,) = replay(things.warehouse, things.feed, 1)
    columns = "status, parent_seq, n_records, n_new, n_rejected, change_seq, sha256"
    first, second = things.all(
        f"select {columns} from raw.deliveries order by delivery_seq"
    )
    assert second == ("replayed", 1, 3, 2, 1, 2, first[-1])
    assert entry.delivery_seq == 2


def test_nothing_is_written_where_nothing_passes(lab: Labs) -> None:
    things = lab()
    things.land(BODY)
    state = things.ledger(), things.counts()
    assert replay(things.warehouse, things.feed) == []
    fix(things)
    assert len(replay(things.warehouse, things.feed)) == 1
    after = things.ledger(), things.counts()
    assert replay(things.warehouse, things.feed) == []
    assert (things.ledger(), things.counts()) == after != state


def test_a_replayed_row_that_is_known_is_known(lab: Labs) -> None:
    things = lab(mode="snapshot")
    things.land(BODY, as_of="2024-01-01")
    fix(things)
    things.land(b"a,b,c\n2,caf\xe9,y\n", as_of="2024-01-02")
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.n_new, entry.n_known, entry.n_rejected) == (1, 1, 1)
    present = things.present()
    assert present[1] == Counter([("1", "x", "y")] * 2 + [("2", "café", "y")] * 2)
    assert present[2] == Counter([("2", "café", "y")])


@pytest.mark.parametrize("mode", ["window", "snapshot"])
def test_the_deliveries_after_it_hold_what_they_held(lab: Labs, mode: str) -> None:
    things = lab(mode=mode)
    things.land("a,b,c\n1,x,y\n9,,\n", as_of="2024-01-01")
    things.land(BODY, as_of="2024-01-02")
    things.land("a,b,c\n1,x,y\n8,,\n", as_of="2024-01-03")
    # Of the same day as the one replayed, but arrived later.
    things.land("a,b,c\n7,,\n", as_of="2024-01-02")
    before = things.present()
    fix(things)
    (entry,) = replay(things.warehouse, things.feed)
    after = things.present()
    assert after.pop(2) == Counter([("1", "x", "y")] * 2 + [("2", "café", "y")] * 2)
    before.pop(2)
    assert after == before
    touched = things.all(
        "select distinct _delivery_seq from raw.presence where _change_seq = ? order by 1",
        entry.change_seq,
    )
    assert touched == [(2,), (4,)]


def test_a_setting_that_reads_landed_rows_anew_is_refused(lab: Labs) -> None:
    things = lab()
    things.land(BODY)
    state = things.ledger(), things.counts()
    fix(things, null_markers=["x"])
    with pytest.raises(
        EventmartError, match="delivery 1 of things: with the present settings"
    ):
        replay(things.warehouse, things.feed)
    assert (things.ledger(), things.counts()) == state


def test_what_cannot_be_replayed_is_said(lab: Labs) -> None:
    things = lab()
    things.land(BODY)
    things.land("a,b,c\n5,,\n")
    for seq in (2, 3):
        with pytest.raises(
            UsageError, match=f"delivery {seq} of things has no open rejects"
        ):
            replay(things.warehouse, things.feed, seq)
    for drop in things.warehouse.paths.drops.iterdir():
        drop.unlink()
    with pytest.raises(UsageError, match="delivery 1: its kept bytes have expired"):
        replay(things.warehouse, things.feed, 1)


def test_a_replay_that_dies_leaves_nothing_half(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab(mode="window")
    things.land(BODY, as_of="2024-01-01")
    state = things.ledger(), things.counts()
    fix(things)
    with monkeypatch.context() as patch:
        patch.setattr("loaders.landing.ledger.enter", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            replay(things.warehouse, things.feed)
    assert (things.ledger(), things.counts()) == state
    assert len(replay(things.warehouse, things.feed)) == 1


def test_lines_of_other_deliveries_are_left_alone(lab: Labs) -> None:
    things = lab()
    things.land(BODY)
    things.land(BODY + b"4,caf\xe9,y\n")
    fix(things)
    (entry,) = replay(things.warehouse, things.feed, 2)
    assert (entry.parent_seq, entry.n_records, entry.n_new) == (2, 4, 3)
    assert things.all("select distinct landed_seq from raw.open_rejects order by 1") == [
        (1,),
        (2,),
    ]
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.parent_seq, entry.n_new, entry.n_known) == (1, 0, 2)
