"""Settings that change later reach what has landed, as if it had landed by them."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from loaders.landing.replay import replay
from loaders.landing.schema import create_tables
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
MODES = ["increment", "snapshot", "window"]
WORDS = ("", "", "1", "2", "none", "None", "NONE", "NULL", "null", "x")


def change(things: Lab, **settings: Any) -> None:
    """Open the warehouse with other settings."""
    settings = {"mode": things.feed.mode, "layouts": LAYOUTS} | settings
    things.feed = make_feed(**settings)
    create_tables(things.landing, {"things": things.feed})


LAYOUTS = [{"name": "only", "has": ["k"]}]


def state(things: Lab) -> list[list[tuple[Any, ...]]]:
    """All that raw tables hold, but for where a row was first read."""
    columns = ", ".join(f'"{name}"' for name in sorted(things.feed.columns))
    return [
        things.all(
            f"select _row_hash, _copy, {columns}, _extra from raw.things order by all"
        ),
        things.all(
            "select _row_hash, _copy, _delivery_seq, change from raw.presence order by all"
        ),
        things.all(
            "select delivery_seq, n_records, n_new + n_known, n_rejected "
            "from raw.deliveries where status = 'landed' order by all"
        ),
    ]


def check(things: Lab, n_replayed: int = 0) -> None:
    if not n_replayed:
        things.check_laws()
    miscounted = """
        select delivery_seq
        from raw.deliveries
        left join raw.things on delivery_seq = _delivery_seq
        where status in ('landed', 'replayed')
        group by delivery_seq, n_new
        having n_new <> count(_row_hash)
    """
    assert things.all(miscounted) == []


OLD: dict[str, Any] = {
    "default_null_markers": False,
    "columns": {"k": {"required": True}, "a": {}, "c": {}},
}
NEW: dict[str, Any] = {
    "null_markers": ["none"],
    "columns": {
        "b": {},
        "k": {"required": True},
        "c": {"aliases": ["Höhe", "d"]},
        "a": {"aliases": ["alpha"]},
    },
}


def deliveries(rng: random.Random, n: int) -> list[tuple[str, str]]:
    """Deliveries of few values, under changing headers, so that many rows are equal."""
    found = []
    for day in range(n):
        names = ["k", rng.choice(["a", "alpha"]), rng.choice("bxb"), rng.choice("cdcHh")]
        names[3] = {"H": "Höhe", "h": "HÖHE"}.get(names[3], names[3])
        rng.shuffle(names)
        rows = [
            ",".join(
                rng.choice("12") if name == "k" else rng.choice(WORDS) for name in names
            )
            for _ in range(rng.randrange(1, 14))
        ]
        # A window's dates stand in b, and are not read here.
        found.append((f"2024-01-{day + 1:02}", "\n".join([",".join(names), *rows, ""])))
    rng.shuffle(found)
    return found


@pytest.mark.fault("delivery.later_settings")
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3))
def test_what_landed_before_a_change_is_as_if_it_had_landed_after(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, mode: str, seed: int
) -> None:
    # Deliveries at random have little in common.
    monkeypatch.setattr("loaders.landing.checks.anomalies.MIN_NEIGHBOURS", 99)
    rng = random.Random(seed)
    old, new = OLD, NEW
    if mode == "window":
        old = old | {"window": {"column": "c", "days": 30}}
        new = new | {"window": {"column": "c", "days": 30}}
    drops = deliveries(rng, 6)
    states = []
    for at in (0, 3, 6):
        things = lab(mode=mode, layouts=LAYOUTS, **(old if at else new))
        for place, (as_of, data) in enumerate(drops):
            if place == at and at:
                change(things, **new)
            assert things.land(data, as_of=as_of).status == "landed"
        if at == 6:
            change(things, **new)
        check(things)
        states.append(state(things))
        present = things.present()
        assert [present[seq].total() for seq in sorted(present)] == [
            data.count("\n") - 1 for _, data in drops
        ]
        things.landing.execute("drop table raw.things")
        things.landing.execute("delete from raw.feed_settings")
        for table in ("presence", "deliveries", "ledger_chain", "known_lines"):
            things.landing.execute(f"delete from raw.{table}")
    if mode != "increment":
        assert states[0] == states[1] == states[2]
    # Of increments, equal rows of several deliveries may be numbered in another way.
    assert states[0][0] == states[1][0] == states[2][0]


def test_nothing_is_read_again_where_nothing_changed(
    lab: Labs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    things = lab(layouts=LAYOUTS, **OLD)
    things.land("k,b,a\n1,x,\n")
    before = state(things), things.ledger()
    for columns in ({"k": {"required": True}, "c": {}, "a": {}}, NEW["columns"]):
        change(things, **OLD | {"columns": columns})
        change(things, **OLD | {"columns": columns})
    assert caplog.messages == ["settings of things changed: 1 rows are read again"]
    assert things.all("select n_rereads from raw.feed_settings") == [(1,)]
    assert things.all("select b, _extra from raw.things") == [("x", None)]
    assert things.ledger() == before[1]


@pytest.mark.fault("delivery.later_settings")
@pytest.mark.parametrize("mode", ["snapshot", "increment"])
def test_an_alias_added_later_reaches_what_has_landed(lab: Labs, mode: str) -> None:
    before = {"columns": {"k": {"required": True}, "geo": {}}}
    after = {"columns": {"k": {"required": True}, "geo": {"aliases": ["Latitude", "緯度"]}}}
    for header in ("latitude", " LATITUDE", "緯度"):
        things = lab(mode=mode, layouts=LAYOUTS, **before)
        data = f"k,{header},more\n1,39.7,x\n2,,\n3,39.8,\n"
        things.land(data, as_of="2024-01-01")
        change(things, **after)
        assert things.all("select k, geo, _extra from raw.things order by k") == [
            ("1", "39.7", '{"more":"x"}'),
            ("2", None, None),
            ("3", "39.8", None),
        ]
        # The same under the column's own name, and in another order, is known.
        entry = things.land("more,geo,k\nx,39.7,1\n,,2\n,39.8,3\n", as_of="2024-01-02")
        assert (entry.n_new, entry.n_known) == (0, 3)
        assert things.land(data).status == "seen_again"
        things.landing.execute("drop table raw.things")
        for table in ("presence", "deliveries", "known_lines", "feed_settings"):
            things.landing.execute(f"delete from raw.{table}")


@pytest.mark.fault("delivery.later_settings")
def test_a_value_that_stands_in_its_column_is_not_replaced_by_an_aliass(lab: Labs) -> None:
    things = lab(layouts=LAYOUTS, columns={"k": {}, "a": {}})
    things.land("k,a,b\n1,own,other\n2,,other\n")
    change(things, columns={"k": {}, "a": {"aliases": ["b"]}})
    assert things.all("select a, _extra from raw.things order by k") == [
        ("own", '{"b":"other"}'),
        ("other", None),
    ]


@pytest.mark.fault("delivery.later_settings", "text.null_markers")
def test_rows_that_are_one_by_a_new_marker_become_one(lab: Labs) -> None:
    things = lab(mode="snapshot", layouts=LAYOUTS, columns={"k": {}, "a": {}})
    for day, word in enumerate(["", "none", "None", ""], 1):
        rows = "".join(f"{n},{word}\n" for n in range(30))
        things.land("k,a\n" + rows, as_of=f"2024-01-0{day}")
    assert things.counts() == (90, 210, 0)
    change(things, columns={"k": {}, "a": {}}, null_markers=["none"])
    assert things.counts() == (30, 30, 0)
    assert things.all(
        "select n_new, n_known from raw.deliveries order by delivery_seq"
    ) == [
        (30, 0),
        (0, 30),
        (0, 30),
        (0, 30),
    ]
    check(things)


@pytest.mark.fault("delivery.later_settings")
def test_a_volatile_column_added_later_makes_versions_one(lab: Labs) -> None:
    columns = {"k": {}, "id": {}}
    things = lab(mode="snapshot", layouts=LAYOUTS, columns=columns)
    things.land("k,id\n1,7\n2,8\n2,9\n", as_of="2024-01-01")
    things.land("k,id\n1,70\n2,80\n2,90\n", as_of="2024-01-02")
    change(things, columns=columns, volatile=["id"])
    assert things.rows() == [("1", "7"), ("2", "8"), ("2", "9")]
    assert things.land("k,id\n1,1\n2,2\n2,3\n", as_of="2024-01-03").n_new == 0
    check(things)


@pytest.mark.fault("delivery.later_settings", "process.kill")
def test_a_change_that_is_interrupted_is_made_up_for(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab(layouts=LAYOUTS, **OLD)
    things.land("k,b,a\n1,x,NULL\n2,y,\n")
    before = things.ledger(), things.all("from raw.presence")
    with monkeypatch.context() as patch:
        patch.setattr("loaders.landing.reread._count_again", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            change(things, **NEW)
    assert (things.ledger(), things.all("from raw.presence")) == before
    assert things.all("select a from raw.things order by k") == [("NULL",), (None,)]
    change(things, **NEW)
    assert things.all("select a, b from raw.things order by k") == [
        (None, "x"),
        (None, "y"),
    ]


@pytest.mark.fault("delivery.later_settings")
def test_an_older_warehouse_follows_the_null_markers_of_today(lab: Labs) -> None:
    things = lab(layouts=LAYOUTS, **OLD)
    things.land("k,a\n1,NULL\n1,\n2,x\n")
    things.landing.execute("drop table raw.feed_settings")
    change(things, **OLD | {"default_null_markers": True})
    assert things.all("select k, a, _copy from raw.things order by all") == [
        ("1", None, 1),
        ("1", None, 2),
        ("2", "x", 1),
    ]
    assert things.land("k,a\n1,\n1,N/A\n2,x\n").n_known == 3


@pytest.mark.fault("delivery.later_settings")
@pytest.mark.parametrize("mode", ["snapshot", "increment"])
def test_replayed_rows_follow_too(lab: Labs, mode: str) -> None:
    things = lab(mode=mode, layouts=LAYOUTS, **OLD)
    things.land(b"k,a\n1,NULL\n1,\n", as_of="2024-01-01")
    odd = "k,a\n1,NULL\n1,null\n2,caf\u00e9\n2,NULL\n".encode("latin-1")
    assert things.land(odd, as_of="2024-01-02").n_rejected == 1
    both = {"encodings": ["utf-8", "latin-1"]}
    change(things, **OLD | both)
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.status, entry.n_new) == ("replayed", 1)
    change(things, **OLD | both | {"default_null_markers": True})
    assert things.rows("k, a, _copy") == [
        *[("1", None, None)] * 2,
        *[("2", "caf\u00e9", None), ("2", None, None)],
    ]
    assert [rows.total() for rows in things.present().values()] == [2, 4]
    check(things, n_replayed=1)


@pytest.mark.fault("delivery.later_settings")
def test_a_replay_counts_again_what_is_one_row_now(lab: Labs) -> None:
    things = lab(layouts=LAYOUTS, **OLD)
    both = {"encodings": ["utf-8", "latin-1"]}
    things.land("k,a\n1,\n2,x\n", as_of="2024-01-01")
    odd = "k,a,c\n3,y,\n1,NULL,caf\u00e9\n".encode("latin-1")
    assert things.land(odd, as_of="2024-01-02").n_rejected == 1
    change(things, **OLD | both)
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.n_new, entry.n_known) == (1, 0)
    change(things, **OLD | both | {"null_markers": ["NULL", "caf\u00e9"]})
    assert things.all(
        "select n_new, n_known from raw.deliveries where status = 'replayed'"
    ) == [(0, 1)]
    check(things, n_replayed=1)


@pytest.mark.fault("delivery.later_settings")
def test_lines_are_read_anew_after_a_setting_that_was_taken_back(lab: Labs) -> None:
    things = lab(mode="snapshot", layouts=LAYOUTS, **OLD)
    lines = "k,a\n1,none\n2,x\n3,y\n"
    things.land(lines, as_of="2024-01-01")
    change(things, **OLD | {"null_markers": ["none"]})
    change(things, **OLD)
    entry = things.land(f"{lines}4,z\n", as_of="2024-01-02")
    assert (entry.n_new, entry.n_known) == (2, 2)
    held = [("1", "none", None), ("2", "x", None), ("3", "y", None), ("4", "z", None)]
    assert sorted(things.present()[entry.delivery_seq]) == held
    check(things)


@pytest.mark.fault("delivery.later_settings")
def test_one_feeds_settings_are_not_anothers(lab: Labs) -> None:
    things = lab(layouts=LAYOUTS, **OLD)
    others = lab(name="others", layouts=LAYOUTS, **OLD)
    for one in (things, others):
        one.land("k,a\n1,NULL\n")
    change(things, **NEW)
    assert things.all("select a from raw.things") == [(None,)]
    assert things.all("select a from raw.others") == [("NULL",)]
    assert others.all("select feed, n_rereads from raw.feed_settings order by feed") == [
        ("others", 0),
        ("things", 1),
    ]
