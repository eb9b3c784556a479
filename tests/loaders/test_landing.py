"""Landing: each record once, each delivery as a change, in whatever order they come."""

import gzip
import hashlib
import io
import itertools
import json
import os
import random
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.config.feeds import Limits, load_feeds
from loaders.errors import DeliveryError, UsageError
from loaders.files.archives import members
from loaders.files.kept_files import restore
from loaders.landing import land as landing_module
from loaders.landing.database import open_landing
from loaders.landing.land import accept, land_file
from loaders.landing.ledger import Entry
from loaders.landing.schema import create_tables
from tests.conftest import ROOT
from tests.lab import Lab, make_feed, short

Labs = Callable[..., Lab]
WINDOW = {"mode": "window"}
SNAPSHOT = {"mode": "snapshot"}


def csv_of(rows: list[str]) -> str:
    return "a,b,c\n" + "".join(f"{row}\n" for row in rows)


def zip_of(**members: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return target.getvalue()


def broken(data: bytes) -> bytes:
    middle = data.index(b"a,b,c") if b"a,b,c" in data else len(data) // 3
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


# ---------------------------------------------------------------- the same again

SAME = csv_of(["1,2,3", "1,2,3", "4,5,6"])


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (SAME.encode(), "things.csv"),
        (SAME.encode(), "renamed.txt"),
        (gzip.compress(SAME.encode(), mtime=1), "things.csv.gz"),
        (gzip.compress(SAME.encode(), 1, mtime=2), "gzipped_differently.csv.gz"),
        (gzip.compress(SAME.encode(), mtime=0), "gzip_without_saying_so.csv"),
        (zip_of(**{"things.csv": SAME}), "things.zip"),
        (zip_of(**{"x/RENAMED.CSV": SAME, "read me.txt": "!"}), "zip_without_saying_so"),
        (
            zip_of(
                **{
                    "__MACOSX/things.csv": "x",
                    "._x.csv": "",
                    "folder.csv/": "",
                    "folder.csv/things.csv": SAME,
                }
            ),
            "mac.zip",
        ),
    ],
    ids=short,
)
@pytest.mark.fault("delivery.seen_again")
def test_the_same_bytes_are_seen_again(lab: Labs, data: bytes, name: str) -> None:
    things = lab()
    first = things.land(SAME)
    counts = things.counts()
    again = things.land(data, name)
    assert (again.status, again.parent_seq) == ("seen_again", first.delivery_seq)
    assert (again.n_records, again.n_new, again.as_of) == (3, 3, first.as_of)
    assert again.change_seq is None
    assert things.counts() == counts
    assert len(things.ledger()) == 2


@pytest.mark.fault("delivery.seen_again")
def test_a_file_touched_is_seen_again(lab: Labs) -> None:
    things = lab()
    things.land(SAME)
    path = things.files / "things.csv"
    os.utime(path, (1, 1))
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert entry.status == "seen_again"


@pytest.mark.fault("delivery.same_name")
def test_the_same_name_with_other_content_lands(lab: Labs) -> None:
    things = lab()
    things.land(csv_of(["1,2,3"]))
    assert things.land(csv_of(["4,5,6"])).status == "landed"
    assert things.rows() == [("1", "2", "3"), ("4", "5", "6")]


def test_the_same_bytes_of_another_feed_land(lab: Labs, warehouse: Any) -> None:
    lab().land(SAME)
    others = lab(name="others")
    assert others.land(SAME).status == "landed"
    assert len(others.rows()) == 3


def test_the_same_bytes_with_another_stated_date_are_a_new_observation(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    things.land(SAME, as_of="2024-01-01")
    things.land(csv_of(["7,8,9"]), as_of="2024-01-02")
    third = things.land(SAME, as_of="2024-01-03")
    assert (third.status, third.n_new, third.n_known) == ("landed", 0, 3)
    assert things.present()[3] == things.present()[1]
    assert things.land(SAME, as_of="2024-01-03").status == "seen_again"
    assert things.land(SAME).status == "seen_again"


# ---------------------------------------------------------------- identical rows


@pytest.mark.fault("delivery.duplicates")
def test_identical_lines_stay_as_many_as_they_are(lab: Labs) -> None:
    things = lab()
    entry = things.land(SAME)
    assert (entry.n_records, entry.n_new) == (3, 3)
    copies = things.all("select a, _copy, _line from raw.things order by _line")
    assert copies == [("1", 1, 2), ("1", 2, 3), ("4", 1, 4)]


@pytest.mark.parametrize("counts", [(2, 1), (1, 2), (2, 3), (1, 1)])
@pytest.mark.fault("delivery.duplicates")
def test_identical_lines_of_two_increments_are_the_larger_count(
    lab: Labs, counts: tuple[int, int]
) -> None:
    things = lab()
    for number, count in enumerate(counts):
        things.land(csv_of(["x,y,z"] * count + [f"{number},,"]))
        assert things.present()[number + 1]["x", "y", "z"] == count
    assert Counter(things.rows())["x", "y", "z"] == max(counts)
    things.check_laws()


# ---------------------------------------------------------------- order


def windows(rng: random.Random) -> list[tuple[str, list[str]]]:
    """Four overlapping windows: rows change, go, come back, and are doubled."""
    found = []
    for number in range(4):
        rows = [f"{n},{rng.choice('xy')}," for n in range(number, number + 8)]
        rows = [row for row in rows if rng.random() < 0.9]
        rows += rng.choices(rows, k=2)
        rng.shuffle(rows)
        found.append((f"2024-01-0{number + 1}", rows))
    return found


def bag(rows: list[str]) -> Counter[tuple[str | None, ...]]:
    return Counter(tuple(value or None for value in row.split(",")) for row in rows)


@pytest.mark.fault("delivery.late")
def test_all_orders_of_four_windows_end_the_same(lab: Labs) -> None:
    things = lab(**WINDOW)
    deliveries = windows(random.Random(1))
    every = Counter[tuple[str | None, ...]]()
    for _, rows in deliveries:
        every |= bag(rows)
    states = set()
    for order in itertools.permutations(deliveries):
        things.reset()
        for as_of, rows in order:
            things.land(csv_of(rows), as_of=as_of)
        assert things.present() == {
            seq: bag(rows) for seq, (_, rows) in enumerate(order, start=1)
        }
        assert Counter(things.rows()) == every
        things.check_laws()
        presence = things.all(
            "select as_of, change, _row_hash, presence._copy from raw.presence "
            "inner join raw.deliveries on _delivery_seq = delivery_seq order by all"
        )
        raw = things.all("select _row_hash, _copy from raw.things order by all")
        states.add((tuple(presence), tuple(raw)))
    assert len(states) == 1


@pytest.mark.fault("delivery.late")
def test_a_late_old_file_takes_its_place_and_touches_only_the_next(lab: Labs) -> None:
    things = lab(**WINDOW)
    for day, rows in {"01": ["1,,"], "03": ["1,,", "3,,"], "04": ["4,,"]}.items():
        things.land(csv_of(rows), as_of=f"2024-01-{day}")
    before = dict(things.all("select delivery_seq, change_seq from raw.deliveries"))
    late = things.land(csv_of(["3,,", "2,,"]), as_of="2024-01-02")
    assert (late.n_new, late.n_known, late.n_absent) == (1, 1, 1)
    changes = things.all(
        "select presence._delivery_seq, a, change, presence._change_seq from raw.presence "
        "inner join raw.things using (_row_hash, _copy) order by all"
    )
    assert changes == [
        (1, "1", "+", before[1]),
        (2, "1", "+", late.change_seq),
        (2, "2", "-", late.change_seq),
        (3, "1", "-", before[3]),
        (3, "3", "-", before[3]),
        (3, "4", "+", before[3]),
        (4, "1", "-", late.change_seq),
        (4, "2", "+", late.change_seq),
        (4, "3", "+", late.change_seq),
    ]
    assert things.present()[3] == bag(["4,,"])


def test_deliveries_of_the_same_date_stand_as_they_arrived(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    for rows in (["1,,"], ["2,,"], ["3,,"]):
        things.land(csv_of(rows), as_of="2024-01-01")
    things.land(csv_of(["9,,"]), as_of="2024-01-02")
    assert list(things.present().values()) == [bag([f"{n},,"]) for n in (1, 2, 3, 9)]


@pytest.mark.fault("delivery.vanished")
def test_a_row_may_vanish_and_come_back(lab: Labs) -> None:
    things = lab(**WINDOW)
    versions = [["1,,", "2,,"], ["1,,"], ["2,,", "1,,"], ["1,,"]]
    entries = [
        things.land(csv_of(rows), as_of=f"2024-01-0{day}")
        for day, rows in enumerate(versions, start=1)
    ]
    assert [entry.n_absent for entry in entries] == [0, 1, 0, 1]
    assert [entry.n_new for entry in entries] == [2, 0, 0, 0]
    assert list(things.present().values()) == [bag(rows) for rows in versions[:2]] + [
        bag(["1,,", "2,,"]),
        bag(["1,,"]),
    ]
    assert len(things.rows()) == 2
    things.check_laws()


@pytest.mark.fault("delivery.corrected")
def test_a_correction_and_its_correction_are_versions(lab: Labs) -> None:
    things = lab(**WINDOW)
    versions = [["7,wrong,", "8,,"], ["7,better,", "8,,"], ["7,wrong,", "8,,"]]
    entries = [
        things.land(csv_of(rows), as_of=f"2024-01-0{day}")
        for day, rows in enumerate(versions, start=1)
    ]
    assert [(e.n_new, e.n_known, e.n_absent) for e in entries] == [
        (2, 0, 0),
        (1, 1, 1),
        (0, 2, 1),
    ]
    assert list(things.present().values()) == [bag(rows) for rows in versions]
    # All that was ever said of 7 is still there.
    assert sorted(row[1] or "" for row in things.rows()) == ["", "better", "wrong"]


def test_a_delivery_without_change_changes_nothing(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    things.land(csv_of(["1,,", "2,,"]), as_of="2024-01-01")
    entry = things.land(csv_of(["2,,", "1,,"]), as_of="2024-01-02")
    assert (entry.n_new, entry.n_known, entry.n_absent) == (0, 2, 0)
    assert things.all("select count(*) from raw.presence where _delivery_seq = 2") == [(0,)]


def test_layouts_of_different_series_are_not_compared(lab: Labs) -> None:
    layouts = [
        {"name": "old", "has": ["a"], "lacks": ["c"], "series": "old"},
        {"name": "new", "has": ["a", "c"]},
    ]
    things = lab(**SNAPSHOT, layouts=layouts)
    things.land("a,c\n1,x\n2,x\n", as_of="2024-01-02")
    entry = things.land("a,b\n3,x\n", as_of="2024-01-01")
    assert (entry.series, entry.layout, entry.n_absent) == ("old", "old", 0)
    assert things.present()[1] == Counter([("1", None, "x"), ("2", None, "x")])
    assert things.present()[2] == Counter([("3", "x", None)])
    assert things.all("select distinct change from raw.presence") == [("+",)]


@pytest.mark.parametrize("mode", ["increment", "window", "snapshot"])
@pytest.mark.parametrize("seed", range(2))
def test_the_laws_hold_after_any_sequence(lab: Labs, mode: str, seed: int) -> None:
    rng = random.Random(seed)
    things = lab(mode=mode)
    expected: dict[int, Counter[tuple[str | None, ...]]] = {}
    change_seqs = []
    for _ in range(10):
        rows = [f"{rng.randrange(12)},{rng.choice('xy')},z" for _ in range(12)]
        odd = rng.choices(["", "short", 'x,"y"y,z', "1,2,3,4"], k=rng.randrange(3))
        lines = rows + odd
        rng.shuffle(lines)
        day = date(2024, 1, 1) + timedelta(rng.randrange(20))
        entry = things.land(csv_of(lines), as_of=f"{day}")
        assert entry.status == "landed"
        assert entry.n_records == len(lines)
        assert entry.n_blank == odd.count("")
        assert entry.n_rejected == len(odd) - odd.count("")
        expected[entry.delivery_seq] = bag(rows)
        change_seqs.append(entry.change_seq)
        if rng.random() < 0.3:
            assert things.land(csv_of(lines)).status == "seen_again"
    assert change_seqs == list(range(1, 11))
    most = Counter[tuple[str | None, ...]]()
    for rows_of_one in expected.values():
        most |= rows_of_one
    assert things.present() == expected
    assert Counter(things.rows()) == most
    things.check_laws()


# ---------------------------------------------------------------- columns and hashes


def hashes(things: Lab) -> list[tuple[Any, ...]]:
    return things.all("select _row_hash from raw.things order by all")


@pytest.mark.fault("text.order", "text.renamed_column")
def test_a_row_is_the_same_whatever_the_order_and_spelling_of_its_columns(
    lab: Labs,
) -> None:
    things = lab(**SNAPSHOT, columns={"a": {"aliases": ["Name (A)"]}, "b": {}, "c": {}})
    things.land("a,b,c\n1,2,3\n,5,\n", as_of="2024-01-01")
    same = [
        "c,a,b\n3,1,2\n,,5\n",
        " A ,B,c\n1,2,3\n,5,\n",
        "name-a,b,c\n1,2,3\n,5,\n",
        "a,b,c,d\n1,2,3,\n,5,,\n",
        '"a","b","c"\r\n"1","2","3"\r\n"","5",""\r\n',
    ]
    for day, data in enumerate(same, start=2):
        entry = things.land(data, as_of=f"2024-01-{day:02d}")
        assert (entry.status, entry.n_new, entry.n_known) == ("landed", 0, 2), data
    other = things.land("a,b,c\n2,1,3\n12,,3\n", as_of="2024-01-09")
    assert other.n_new == 2


def test_values_that_only_join_alike_are_other_rows(lab: Labs) -> None:
    things = lab()
    things.land(csv_of(["1,2,", "12,,", ",12,", "b:1:2,,", "1b:1:2,,"]))
    assert len(set(hashes(things))) == 5


def test_a_hash_is_what_it_was_in_earlier_versions(lab: Labs) -> None:
    things = lab()
    things.land("a,b,c,d\n1,é,,x\n")
    expected = hashlib.md5("\0a\x001\0b\0é\0d\0x".encode()).hexdigest()
    assert hashes(things)[0][0].hex == expected


def test_a_volatile_column_is_kept_but_makes_no_version(lab: Labs) -> None:
    things = lab(**SNAPSHOT, volatile=["c"])
    things.land(csv_of(["1,2,77"]), as_of="2024-01-01")
    entry = things.land(csv_of(["1,2,78"]), as_of="2024-01-02")
    assert (entry.n_new, entry.n_known, entry.n_absent) == (0, 1, 0)
    assert things.rows() == [("1", "2", "77")]


@pytest.mark.fault("text.added_column", "hostile.sql")
def test_unknown_columns_are_kept_and_announced(lab: Labs) -> None:
    things = lab()
    sql = '"; drop table raw.things; --'
    header = io.StringIO()
    header.write('a,Extra One,"' + sql.replace('"', '""') + '",,b\n')
    entry = things.land(header.getvalue() + '1,é,\'; drop,"q""",2\n3,,,,4\n')
    assert (
        entry.detail == "unknown columns kept: drop_table_raw_things, extra_one, unnamed_4"
    )
    extra = [
        json.loads(x) if x else x for (x,) in things.all("select _extra from raw.things")
    ]
    assert extra == [
        {"extra_one": "é", "drop_table_raw_things": "'; drop", "unnamed_4": 'q"'},
        None,
    ]
    assert things.rows() == [("1", "2", None), ("3", "4", None)]


def test_a_promoted_column_changes_no_hash(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    things.land("a,b,d,e\n1,2,x,\n3,4,,y\n5,6,,\n", as_of="2024-01-01")
    columns = {"a": {"required": True}, "d": {}, "b": {}, "c": {}}
    feed = make_feed(**SNAPSHOT, columns=columns)
    before = hashes(things)
    create_tables(things.landing, {"things": feed})
    create_tables(things.landing, {"things": feed})
    assert things.all("select a, d, _extra from raw.things order by a") == [
        ("1", "x", None),
        ("3", None, '{"e":"y"}'),
        ("5", None, None),
    ]
    things.feed = feed
    entry = things.land("d,e,a,b\nx,,1,2\n,y,3,4\n,,5,6\n", as_of="2024-01-02")
    assert (entry.n_new, entry.n_known) == (0, 3)
    assert hashes(things) == before


# What comes again is known by its lines, and only the others are parsed.
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "as of today\n"])
def test_of_a_list_that_comes_again_the_new_rows_are_those_of_the_file(
    lab: Labs, encoding: str, newline: str, head: str
) -> None:
    encodings = ["utf-16"] if encoding == "utf-16" else ["utf-8", "cp1252"]
    things = lab(**SNAPSHOT, encodings=encodings, max_preamble_lines=1)

    def land(rows: list[str], as_of: str) -> Entry:
        text = head + "b,extra,a\n" + "".join(f"{row}\n" for row in rows)
        data = text.replace("\n", newline).encode(encoding)
        return things.land(data, as_of=as_of)

    known = [f"é{n},,{n}" for n in range(200)]
    land(known, "2024-01-01")
    # At the ends and in the middle; one of them twice, one a second copy of a known row.
    rows = ["é,x,new", *known[:100], '"q, é",,new', known[7], *known[100:]]
    rows += ['"q, é",,new', "é,,"]
    entry = land(rows, "2024-01-02")
    assert (entry.n_new, entry.n_known, entry.n_absent) == (5, 200, 0)
    assert things.all("select count(*) from parsed_at_first") == [(4,)]
    line = len(head.splitlines()) + 2
    assert things.all(
        "select a, b, _extra, _copy, _line from raw.things "
        "where _delivery_seq = ? order by _line",
        entry.delivery_seq,
    ) == [
        ("new", "é", '{"extra":"x"}', 1, line),
        ("new", "q, é", None, 1, line + 101),
        ("7", "é7", None, 2, line + 102),
        ("new", "q, é", None, 2, line + 203),
        (None, "é", None, 1, line + 204),
    ]


def test_known_lines_are_a_cache(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    days = [
        ["1,x,", "2,,", "2,,"],
        ["1,x,", "2,,", "3,,"],
        ["3,,", "3,,", '"1",x,', "2,,"],
    ]

    def land() -> list[Entry]:
        dates = (f"2024-01-0{day}" for day in range(1, 4))
        return [things.land(csv_of(rows), as_of=next(dates)) for rows in days]

    def raw() -> list[tuple[Any, ...]]:
        return [
            things.all("from raw.things order by _row_hash, _copy"),
            things.all("from raw.presence order by all"),
        ]

    counts = [(entry.n_new, entry.n_known, entry.n_absent) for entry in land()]
    assert counts == [(3, 0, 0), (1, 2, 1), (1, 3, 0)]
    # A line for each row, however often and in how many ways it is written.
    assert things.all("select count(*) from raw.known_lines") == [(3,)]
    with_cache = raw()
    things.reset()
    for day, rows in enumerate(days, 1):
        things.landing.execute("delete from raw.known_lines")
        things.land(csv_of(rows), as_of=f"2024-01-0{day}")
    assert raw() == with_cache


@pytest.mark.parametrize(
    ("settings", "value"),
    [({"null_markers": ["x"]}, None), ({"volatile": ["b"]}, "x")],
    ids=["null markers", "volatile"],
)
def test_lines_are_unknown_to_those_who_read_them_otherwise(
    lab: Labs, settings: dict[str, Any], value: str | None
) -> None:
    things = lab(**SNAPSHOT)
    things.land(csv_of(["1,x,", "2,,"]), as_of="2024-01-01")
    things.feed = make_feed(**SNAPSHOT, **settings)
    entry = things.land(csv_of(["1,x,", "2,,", "3,,"]), as_of="2024-01-02")
    assert (entry.n_new, entry.n_known) == (2, 1)
    # The same bytes in columns of other names are other rows, too.
    things.feed = make_feed(**SNAPSHOT)
    assert things.land("a,c,b\n1,x,\n2,,\n", as_of="2024-01-03").n_known == 1
    assert things.rows()[2] == ("1", value, None)


@pytest.mark.parametrize(
    ("damage", "n_left"),
    [
        ("update raw.known_lines set _row_hash = uuid()", 0),
        ("insert into raw.known_lines from raw.known_lines", 4),
    ],
)
def test_known_lines_that_are_wrong_do_no_harm(lab: Labs, damage: str, n_left: int) -> None:
    things = lab(**SNAPSHOT)
    things.land(csv_of(["1,,", "2,,"]), as_of="2024-01-01")
    things.landing.execute(damage)
    entry = things.land(csv_of(["1,,", "2,,", "3,,"]), as_of="2024-01-02")
    assert (entry.status, entry.n_new, entry.n_known) == ("landed", 1, 2)
    assert things.rows() == [(n, None, None) for n in "123"]
    assert things.all("select count(*) from raw.known_lines") == [(n_left,)]


def test_what_is_volatile_makes_no_more_known_lines(lab: Labs) -> None:
    things = lab(**SNAPSHOT, volatile=["c"])
    for day in range(1, 4):
        things.land(csv_of([f"1,x,{day}", f"2,y,{day}"]), as_of=f"2024-01-0{day}")
    assert things.all("select count(*) from raw.known_lines") == [(2,)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_mark_at_the_start_of_the_first_unknown_line_is_data(
    lab: Labs, encoding: str
) -> None:
    things = lab(**SNAPSHOT, encodings=[encoding])
    rows = ["1,,", "2,,", "3,,"]
    things.land(csv_of(rows).encode(encoding), as_of="2024-01-01")
    for day in (2, 3):
        rows = [rows[0], "\ufeff9,x,", *rows[1:]]
        things.land(csv_of(rows).encode(encoding), as_of=f"2024-01-0{day}")
    assert things.rows()[3:] == [("\ufeff9", "x", None)] * 2


def test_feeds_know_the_lines_of_their_own_only(lab: Labs) -> None:
    as_of = {"newest": ["b"], "formats": ["%m/%d/%Y"]}
    things = lab(**SNAPSHOT, as_of=as_of)
    rows = csv_of(["1,01/10/2024,", "2,01/01/2024,"])
    things.land(rows)
    things.feed = make_feed(name="others", **SNAPSHOT, as_of=as_of)
    create_tables(things.landing, {"others": things.feed})
    assert str(things.land(rows).as_of) == "2024-01-10 00:00:00"


@pytest.mark.fault("text.two_headers")
def test_a_known_line_may_be_a_header_of_another_spelling(lab: Labs) -> None:
    columns = {"a": {"required": True, "aliases": ["alpha"]}, "b": {"aliases": ["beta"]}}
    things = lab(**SNAPSHOT, columns=columns)
    rows = "Beta,Alpha\n1,\n2,\n3,\n"
    assert things.land("a,b\n" + rows, as_of="2024-01-01").status == "landed"
    assert things.all("select count(*) from raw.known_lines") == [(4,)]
    held = things.land("ALPHA,BETA\n" + rows, as_of="2024-01-02")
    assert (held.status, held.reason) == ("held", "second_header")


@pytest.mark.fault("delivery.earlier_window")
def test_more_copies_of_known_lines_before_the_window_hold_it(lab: Labs) -> None:
    things = lab(mode="window")
    old = [f"{n},2024-01-{n % 28 + 1:02}," for n in range(60)]
    things.land(csv_of(old), as_of="2024-01-28")
    things.land(
        csv_of([f"{n},2024-06-{n % 28 + 1:02}," for n in range(60)]), as_of="2024-06-28"
    )
    held = things.land(csv_of([*old, *old[:30], "x,2024-06-30,"]), as_of="2024-06-30")
    assert (held.status, held.reason) == ("held", "earlier_window")
    assert "30 of 91 records" in (held.detail or "")


@pytest.mark.parametrize("volatile", [[], ["b"]])
def test_the_newest_event_may_stand_on_a_known_line(lab: Labs, volatile: list[str]) -> None:
    things = lab(
        mode="snapshot",
        as_of={"newest": ["b"], "formats": ["%m/%d/%Y"]},
        volatile=volatile,
    )
    known = ["1,02/01/2024,", "2,01/01/2024,"]
    things.land(csv_of(["1,01/15/2024,", "2,01/01/2024,"]))
    things.land(csv_of(known))
    # Of what is volatile, the landed rows have the first that came.
    entry = things.land(csv_of([*known, "3,01/02/2024,"]))
    assert (entry.n_new, entry.n_known) == (1, 2)
    assert str(entry.as_of) == "2024-02-01 00:00:00"


@pytest.mark.fault("text.renamed_column")
def test_aliases_hold_in_each_layout(lab: Labs) -> None:
    layouts = [
        {"name": "wide", "has": ["a", "c"]},
        {"name": "narrow", "has": ["a"], "lacks": ["c"]},
    ]
    columns = {"a": {"required": True, "aliases": ["OLD_A"]}, "b": {}, "c": {}}
    things = lab(layouts=layouts, columns=columns)
    assert things.land("OLD A,B\n1,2\n").layout == "narrow"
    assert things.land("c,b,a\n3,2,1\n").layout == "wide"
    assert things.rows() == [("1", "2", None), ("1", "2", "3")]


# ---------------------------------------------------------------- as-of


def test_the_date_comes_from_the_call_then_the_name_then_the_newest_event(
    lab: Labs,
) -> None:
    as_of = {
        "file_name": r"_(\d{4}-\d{2}-\d{2})",
        "newest": ["b", "c"],
        "formats": ["%Y-%m-%d %H:%M:%S%z", "%m/%d/%Y", "epoch_ms"],
        "arrival": True,
    }
    things = lab(as_of=as_of)
    data = csv_of(["1,,", "2,2023-05-01 23:00:00-08,junk", "3,04/30/2023,1682812800000"])

    def placed(data: str, name: str, given: str | None = None) -> tuple[Any, Any]:
        things.reset()
        entry = things.land(data, name, given)
        return str(entry.as_of), entry.as_of_source

    assert placed(data, "x_2022-01-01.csv", "2021-01-01") == (
        "2021-01-01 00:00:00",
        "given",
    )
    assert placed(data, "x_2022-01-01.csv") == ("2022-01-01 00:00:00", "file_name")
    assert placed(data, "x_2022-13-01.csv") == ("2023-05-02 07:00:00", "newest")
    assert placed(csv_of(["1,,1682899200000"]), "x.csv") == (
        "2023-05-01 00:00:00",
        "newest",
    )
    assert placed(csv_of(["1,,"]), "x.csv")[1] == "arrival"


def test_a_member_is_dated_by_its_own_name_first(lab: Labs) -> None:
    things = lab()
    members = {"2024-02-01.csv": csv_of(["1,,"]), "x.csv": csv_of(["2,,"])}
    path = things.file(zip_of(**members), "2024-01-01.zip")
    entries = land_file(things.warehouse, things.feed, path)
    assert [(entry.member, str(entry.as_of)[:10]) for entry in entries] == [
        ("2024-02-01.csv", "2024-02-01"),
        ("x.csv", "2024-01-01"),
    ]


@pytest.mark.parametrize(
    "value",
    [
        *("9223372036854775807", "9223372036854775", "-99999999999999", "1e400", "nan"),
        *("infinity", "-infinity", "epoch", "0001-01-01", "2024-02-30", "now"),
    ],
)
def test_a_value_that_is_no_date_dates_nothing(lab: Labs, value: str) -> None:
    as_of = {"newest": ["b"], "formats": ["%Y-%m-%d", "epoch_ms"]}
    things = lab(**WINDOW, as_of=as_of)
    alone = things.land(csv_of([f"1,{value},"]))
    assert (alone.status, alone.reason) == ("failed", "no_as_of")
    assert "--as-of" in str(alone.detail)
    beside = things.land(csv_of([f"1,{value},", "2,2024-01-01,"]))
    assert str(beside.as_of) == "2024-01-01 00:00:00"


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-05 10:00", "2024-03-01 09:59", "2024-02-28 23:59"],
        ["2024-01-05 10:00", " 2024-03-01 09:59", "\t2024-05-01 09:59"],
        ["2024-01-05 10:00", "2024-2-28 23:59", "2024-12-01 00:00"],
        ["2024-01-05 10:00", "zzz", "9999-99-99 00:00", "2024-13-01 00:00"],
        ["2024-01-05 10:00", "2024-01-05 25:00", "0999-01-01 00:00", "9999-12-31 23:59"],
        ["2024-01-05 10:00", "2024-01-06", "99999-01-01 00:00"],
    ],
)
def test_the_newest_event_is_the_newest_of_all(lab: Labs, values: list[str]) -> None:
    form = "%Y-%m-%d %H:%M"
    things = lab(as_of={"newest": ["b"], "formats": [form]})
    entry = things.land(csv_of([f"{n},{value}," for n, value in enumerate(values)]))
    newest = things.all(
        "select max(moment) from (select try_strptime(unnest(?), ?) as moment) "
        "where moment between '1990-01-01' and current_date + 1",
        values,
        form,
    )
    assert entry.as_of == newest[0][0]


def test_a_window_reaches_back_from_its_date(lab: Labs) -> None:
    entry = lab(**WINDOW).land(csv_of(["1,2,3"]), as_of="2024-01-31")
    assert entry.window_start == date(2024, 1, 2)


# ---------------------------------------------------------------- held


@pytest.mark.fault("text.removed_column", "text.duplicate_column", "delivery.cut_mid_row")
@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        ("b,c\n1,2\n", "required_column_missing", "no column a among: b, c"),
        ("a,b,A\n1,2,3\n", "duplicate_column", "columns 1 and 3 are both 'a'"),
        ("a,z,Z?\n1,2,3\n", "duplicate_column", "columns 2 and 3 are called alike"),
        ("a,b,c\n1,2,3\n4,5", "cut_mid_record", "the last of its 2 records"),
        ('a,b,c\n1,2,3\n4,"5', "cut_mid_record", "the last of its 2 records"),
        ('a,b,c\n1,2,3\n4,"5\n6', "cut_mid_record", "the last of its 3 records"),
    ],
)
def test_a_doubtful_file_is_held_and_nothing_of_it_lands(
    lab: Labs, data: str, reason: str, detail: str
) -> None:
    things = lab()
    entry = things.land(data)
    assert (entry.status, entry.reason) == ("held", reason)
    assert detail in str(entry.detail)
    assert things.counts() == (0, 0, 0)
    assert entry.change_seq is None
    assert len(things.ledger()) == 1


def test_an_unknown_layout_is_held(lab: Labs) -> None:
    things = lab(
        layouts=[
            {"name": "y", "has": ["a", "b", "c"]},
            {"name": "x", "has": ["a", "b"], "lacks": ["c"]},
        ]
    )
    for header, said in (
        ("a,d", "for the layout x it lacks b"),
        ("a,c", "for the layout y it lacks b"),
    ):
        entry = things.land(f"{header}\n1,2\n")
        assert (entry.reason, said in (entry.detail or "")) == ("unknown_layout", True)


def test_a_column_that_no_layout_has_is_named(lab: Labs) -> None:
    things = lab(layouts=[{"name": "x", "has": ["a"], "lacks": ["b", "c"]}])
    entry = things.land("a,c\n1,2\n")
    assert "files of the layout x have no c;" in (entry.detail or "")


def test_a_lost_id_is_named_before_the_layout_that_has_none(lab: Labs) -> None:
    things = lab(
        layouts=[
            {"name": "without", "has": ["b"], "lacks": ["a", "c"]},
            {"name": "with", "has": ["a", "b", "c"]},
        ],
        columns={"a": {}, "b": {}, "c": {}},
    )
    detail = things.land("b,c\n1,2\n").detail or ""
    assert "for the layout with it lacks a;" in detail


def test_a_short_last_record_that_ends_its_line_is_only_rejected(lab: Labs) -> None:
    things = lab()
    assert things.land("a,b,c\n1,2,3\n4,5\n").status == "landed"
    assert things.land("a,b,c\n4,5\n1,2,3").status == "landed"


@pytest.mark.parametrize(("days", "status"), [(0, "landed"), (2, "held")])
@pytest.mark.fault("delivery.future")
def test_a_date_in_the_future_holds(lab: Labs, days: int, status: str) -> None:
    day = datetime.now(UTC).date() + timedelta(days=days)
    entry = lab().land(csv_of(["1,2,3"]), as_of=f"{day}")
    assert entry.status == status
    assert entry.reason == ("as_of_in_the_future" if status == "held" else None)


@pytest.mark.parametrize(
    ("n_rows", "reason"),
    [(4, "shrunk"), (5, None), (20, None), (21, "exploded"), (0, "empty")],
)
@pytest.mark.fault("delivery.shrunk_or_exploded")
def test_a_shrunk_or_exploded_file_is_held_after_three_neighbours(
    lab: Labs, n_rows: int, reason: str | None
) -> None:
    things = lab(**WINDOW)
    for day in ("01", "02", "03"):
        rows = [f"{n},{day}," for n in range(10)]
        assert things.land(csv_of(rows), as_of=f"2024-01-{day}").status == "landed"
    entry = things.land(csv_of([f"{n},," for n in range(n_rows)]), as_of="2024-01-04")
    if reason == "empty":
        assert entry.status == "empty"
    else:
        assert (entry.status, entry.reason) == ("held" if reason else "landed", reason)


def test_blank_lines_make_no_delivery_longer(lab: Labs) -> None:
    things = lab(mode="snapshot")
    data = "a,b,c\n" + "".join(f"{n},,\n" for n in range(100))
    for day in range(1, 4):
        things.land(data.replace(",\n", f"{day}\n"), as_of=f"2024-01-0{day}")
    entry = things.land(data + "\n" * 150, as_of="2024-01-04")
    assert (entry.status, entry.n_blank) == ("landed", 150), entry.detail


def test_two_neighbours_hold_nothing(lab: Labs) -> None:
    things = lab(**WINDOW)
    for day, count in (("01", 10), ("02", 10), ("03", 1)):
        rows = [f"{n},{day}," for n in range(count)]
        assert things.land(csv_of(rows), as_of=f"2024-01-{day}").status == "landed"


def test_neighbours_are_the_nearest_by_date(lab: Labs) -> None:
    things = lab(**WINDOW)
    sizes = {"01": 4, "02": 4, "03": 4, "10": 8, "11": 8, "12": 8, "20": 16, "21": 16}
    for day, count in sizes.items():
        rows = [f"{n},{day}," for n in range(count)]
        assert things.land(csv_of(rows), as_of=f"2024-01-{day}").status == "landed", day
    late = things.land(csv_of([f"{n},late," for n in range(3)]), as_of="2024-01-04")
    assert late.status == "landed"
    assert things.land(csv_of(["1,x,"] * 3), as_of="2024-01-13").reason == "shrunk"


def dated(n_early: int, n_late: int, day: str = "2024-01-02") -> str:
    early = [f"{n},{day}," for n in range(n_early)]
    return csv_of(early + [f"{n},2024-02-20," for n in range(n_late)])


@pytest.mark.fault("delivery.earlier_window")
@pytest.mark.parametrize(
    ("as_of", "n_early", "n_late", "reason"),
    [
        ("2024-02-25", 2, 98, "earlier_window"),
        ("2024-02-25", 1, 99, None),
        ("2024-02-25", 0, 100, None),
        ("2024-02-19", 2, 98, None),  # older: it is history
        ("2024-02-20", 2, 98, None),  # of the same day: it takes the place of the other
    ],
)
def test_a_newer_window_that_starts_earlier_is_held(
    lab: Labs, as_of: str, n_early: int, n_late: int, reason: str | None
) -> None:
    things = lab(**WINDOW)
    assert things.land(dated(5, 95, "2024-01-21"), as_of="2024-02-20").status == "landed"
    entry = things.land(dated(n_early, n_late), as_of=as_of)
    assert (entry.status, entry.reason) == ("held" if reason else "landed", reason)
    if reason:
        assert "2 of 100 records are new with a b before 2024-01-21" in str(entry.detail)
        assert "delivery 1 (2024-02-20)" in str(entry.detail)
        accepted = accept(things.warehouse, {"things": things.feed}, 2, "ann", "wider now")
        assert (accepted.status, accepted.n_records) == ("landed", 100)


def test_rows_that_are_known_are_no_sign_of_a_window_that_starts_earlier(lab: Labs) -> None:
    things = lab(**WINDOW)
    for as_of in ("2024-02-20", "2024-02-25"):
        assert things.land(dated(50, 50) + "\n" * 5, as_of=as_of).status == "landed"


def test_a_window_that_starts_earlier_in_another_series_is_not_compared(lab: Labs) -> None:
    layouts = [
        {"name": "new", "has": ["a", "c"]},
        {"name": "old", "has": ["a"], "series": "old"},
    ]
    things = lab(**WINDOW, layouts=layouts)
    assert things.land(dated(0, 9), as_of="2024-02-20").status == "landed"
    old = dated(9, 0).replace("a,b,c", "a,b").replace(",\n", "\n")
    entry = things.land(old, as_of="2024-02-25")
    assert (entry.status, entry.series) == ("landed", "old")


def test_increments_may_be_of_any_size(lab: Labs) -> None:
    things = lab()
    for number, count in enumerate((10, 10, 10, 1, 100)):
        assert things.land(csv_of([f"{number},,"] * count)).status == "landed"


# ---------------------------------------------------------------- accepting


def held_snapshot(lab: Labs, **land: Any) -> Lab:
    things = lab(**SNAPSHOT)
    for day in ("01", "02", "03"):
        things.land(csv_of([f"{n},{day}," for n in range(9)]), as_of=f"2024-01-{day}")
    entry = things.land(csv_of(["only,,", "x,y"]), **land)
    assert (entry.delivery_seq, entry.status, entry.reason) == (4, "held", "shrunk")
    return things


def test_a_held_delivery_lands_by_somebodys_word_once(lab: Labs) -> None:
    things = held_snapshot(lab, as_of="2024-01-04")
    before = things.ledger()
    (things.files / "things.csv").unlink()
    feeds = {"things": things.feed}
    entry = accept(things.warehouse, feeds, 4, "ann", "the list was cleaned")
    assert (entry.status, entry.parent_seq, entry.n_rejected) == ("landed", 4, 1)
    assert (str(entry.as_of), entry.as_of_source) == ("2024-01-04 00:00:00", "given")
    assert things.all(
        "select delivery_seq, accepted_by, accepted_why from raw.deliveries "
        "where accepted_by is not null"
    ) == [(5, "ann", "the list was cleaned")]
    assert things.present()[5] == bag(["only,,"])
    assert things.ledger()[:4] == before
    things.check_laws()
    with pytest.raises(UsageError, match="is not held"):
        accept(things.warehouse, feeds, 4, "ann", "again")
    assert len(things.ledger()) == 5
    assert things.land(csv_of(["only,,", "x,y"]), as_of="2024-01-04").status == "seen_again"


def test_an_accepted_delivery_speaks_for_the_day_it_arrived(lab: Labs) -> None:
    things = held_snapshot(lab)
    arrived = things.all("select as_of from raw.deliveries where delivery_seq = 4")
    entry = accept(things.warehouse, {"things": things.feed}, 4, "ann", "ok")
    assert [(entry.as_of,)] == arrived
    assert entry.as_of_source == "arrival"


def test_bytes_that_landed_since_are_seen_again_when_accepted(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    assert things.land("x,b\n1,2\n", as_of="2024-01-01").status == "held"
    columns = {"a": {"required": True, "aliases": ["x"]}, "b": {}, "c": {}}
    things = lab(**SNAPSHOT, columns=columns)
    assert things.land("x,b\n1,2\n", as_of="2024-01-01").status == "landed"
    entry = accept(things.warehouse, {"things": things.feed}, 1, "ann", "it is right")
    assert (entry.status, str(entry.as_of)[:10]) == ("seen_again", "2024-01-01")


def test_a_delivery_held_for_its_header_keeps_its_given_date(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    things.land("x,b\n1,2\n", as_of="2024-01-01")
    columns = {"a": {"required": True, "aliases": ["x"]}, "b": {}, "c": {}}
    feed = make_feed(**SNAPSHOT, columns=columns)
    entry = accept(things.warehouse, {"things": feed}, 1, "ann", "renamed")
    assert (entry.status, str(entry.as_of)[:10]) == ("landed", "2024-01-01")
    assert things.rows() == [("1", "2", None)]


def test_what_was_never_held_or_has_expired_cannot_be_accepted(lab: Labs) -> None:
    things = held_snapshot(lab)
    feeds = {"things": things.feed}
    for number in (1, 99):
        with pytest.raises(UsageError, match="is not held"):
            accept(things.warehouse, feeds, number, "ann", "why not")
    with pytest.raises(UsageError, match=r"not in feeds\.yml"):
        accept(things.warehouse, {}, 4, "ann", "why not")
    for drop in things.warehouse.paths.drops.iterdir():
        drop.unlink()
    with pytest.raises(UsageError, match="expired"):
        accept(things.warehouse, feeds, 4, "ann", "why not")
    assert len(things.ledger()) == 4


@pytest.mark.fault("delivery.accepted")
@pytest.mark.parametrize(
    ("settings", "data", "as_of", "covers", "reason"),
    [
        (SNAPSHOT, "a,b,c\n1,,\n2,,\n3", "2024-01-02", None, "cut_mid_record"),
        (SNAPSHOT, "a,b,c\n1,,\n2,,", "2999-01-01", None, "as_of_in_the_future"),
        (WINDOW, "a,b,c\n1,2024-01-01,\n2,2024-01-02,\n3", "2024-01-04", None,
         "cut_mid_record"),
        (WINDOW, "a,b,c\n1,2024-01-01,\n2,2024-01-02,", "2999-01-01", None,
         "as_of_in_the_future"),
        (WINDOW, "a,b,c\n1,2024-01-01,\n2,2023-01-02,", "2024-01-04",
         ("2024-01-01", "2024-01-01"), "covers_other_dates"),
    ],
    ids=["cut list", "future list", "cut window", "future window", "other dates"],
)  # fmt: skip
def test_whatever_held_it_what_is_accepted_takes_its_place(
    lab: Labs,
    settings: dict[str, Any],
    data: str,
    as_of: str,
    covers: tuple[str, str] | None,
    reason: str,
) -> None:
    things = lab(**settings)
    things.land(csv_of(["1,2024-01-01,", "9,2024-01-01,"]), as_of="2024-01-01")
    dates = (
        (date.fromisoformat(covers[0]), date.fromisoformat(covers[1])) if covers else None
    )
    given = datetime.fromisoformat(as_of)
    path = things.file(data)
    (held,) = land_file(things.warehouse, things.feed, path, given, covers=dates)
    assert (held.status, held.reason) == ("held", reason)
    feeds = {"things": things.feed}
    entry = accept(things.warehouse, feeds, held.delivery_seq, "ann", "it is right")
    assert entry.status == "landed"
    assert {row[0] for row in things.present()[entry.delivery_seq]} == {"1", "2"}
    things.check_laws()


def test_accepting_does_not_mend_a_header(lab: Labs) -> None:
    things = lab()
    things.land("b\n1\n")
    entry = accept(things.warehouse, {"things": things.feed}, 1, "ann", "why not")
    assert (entry.status, entry.reason) == ("held", "required_column_missing")
    assert things.counts() == (0, 0, 0)


# ---------------------------------------------------------------- failed and empty

ZIP = zip_of(**{"things.csv": csv_of(["1,2,3"] * 50)})
STORED = io.BytesIO()
with zipfile.ZipFile(STORED, "w") as _archive:
    _archive.writestr("things.csv", csv_of(["1,2,3"]))
ENCRYPTED = bytearray(ZIP)
ENCRYPTED[6] |= 1
ENCRYPTED[ZIP.index(b"PK\x01\x02") + 8] |= 1
GZIP = gzip.compress(csv_of(["1,2,3"] * 50).encode(), mtime=0)


@pytest.mark.fault("archive.truncated", "archive.encrypted", "archive.members")
@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"no zip at all", "x.zip", "archive_broken"),
        (ZIP[:-30], "x.zip", "archive_broken"),
        (ZIP[: len(ZIP) // 2], "x", "archive_broken"),
        (broken(STORED.getvalue()), "x.zip", "archive_broken"),
        (bytes(ENCRYPTED), "x.zip", "archive_encrypted"),
        (zip_of(**{"read me.txt": "x"}), "x.zip", "archive_without_member"),
        (zip_of(**{"__MACOSX/._x.csv": "x"}), "x.zip", "archive_without_member"),
        (zip_of(), "x.zip", "archive_without_member"),
        (b"a,b,c\n1,2,3\n", "x.csv.gz", "archive_broken"),
        (GZIP[:-8], "x.csv.gz", "archive_broken"),
        (GZIP[:20], "x.csv", "archive_broken"),
        (broken(GZIP), "x.csv.gz", "archive_broken"),
    ],
    ids=short,
)
def test_an_archive_that_is_none_fails_and_is_kept(
    lab: Labs, data: bytes, name: str, reason: str
) -> None:
    things = lab()
    entry = things.land(data, name)
    assert (entry.status, entry.reason) == ("failed", reason)
    assert name in str(entry.detail)
    assert things.counts() == (0, 0, 0)
    assert len(things.ledger()) == 1
    assert not list(things.warehouse.paths.data.glob("spool/*"))


@pytest.mark.fault("archive.truncated")
@pytest.mark.parametrize(
    "method", [None, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damage_anywhere_in_an_archive_fails_or_changes_nothing(
    tmp_path: Path, method: int | None
) -> None:
    if method is None:
        whole, path = gzip.compress(SAME.encode() * 20, mtime=0), tmp_path / "x.csv.gz"
    else:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", method) as archive:
            archive.writestr("é.csv", SAME * 20)
        whole, path = target.getvalue(), tmp_path / "x.zip"
    rng = random.Random(1)
    outcomes = Counter[str]()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= rng.randrange(1, 256)
        path.write_bytes(data)
        try:
            (member,) = members(path, "*.csv", Limits())
            with member.open() as stream:
                assert stream.read() == SAME.encode() * 20
            outcomes["whole"] += 1
        except DeliveryError:
            outcomes["failed"] += 1
    assert outcomes["failed"] > outcomes["whole"] / 3


@pytest.mark.fault("archive.names")
def test_two_members_of_one_name_are_ambiguous(lab: Labs) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("x.csv", SAME)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("x.csv", SAME)
    assert lab().land(target.getvalue(), "x.zip").reason == "archive_ambiguous"


@pytest.mark.fault("archive.members")
def test_a_good_member_lands_beside_a_bad_one(lab: Labs) -> None:
    things = lab()
    path = things.file(zip_of(**{"2.csv": csv_of(["1,,"]), "1.csv": "b\n1\n"}), "x.zip")
    entries = land_file(things.warehouse, things.feed, path)
    assert [(entry.member, entry.status) for entry in entries] == [
        ("1.csv", "held"),
        ("2.csv", "landed"),
    ]
    assert things.all("select count(*) from raw.file_stamps") == [(0,)]


def test_a_file_that_goes_away_fails(lab: Labs) -> None:
    things = lab()
    (entry,) = land_file(things.warehouse, things.feed, things.files / "gone.csv")
    assert (entry.status, entry.reason) == ("failed", "unreadable")
    assert "gone.csv: No such file" in str(entry.detail)


@pytest.mark.fault("delivery.empty")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "no_bytes"),
        ("a,b,c", "no_rows"),
        ("a,b,c\r\n", "no_rows"),
        ("a,b,c\n\n\r\n", "no_rows"),
        ("\ufeffa,b,c\n", "no_rows"),
    ],
)
def test_a_file_without_rows_is_empty_and_retires_nothing(
    lab: Labs, data: str, reason: str
) -> None:
    things = lab(**SNAPSHOT)
    things.land(csv_of(["1,2,3"]), as_of="2024-01-01")
    entry = things.land(data, as_of="2024-01-02")
    assert (entry.status, entry.reason, entry.change_seq) == ("empty", reason, None)
    later = things.land(csv_of(["1,2,3", "4,,"]), as_of="2024-01-03")
    assert (later.n_known, later.n_new, later.n_absent) == (1, 1, 0)


# ---------------------------------------------------------------- crashes and hostility

STEPS = [
    *("receive", "parse", "judge", "write", "write_deltas"),
    *("ledger.seen_again", "ledger.next_numbers", "ledger.enter"),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.fault("process.kept_until_committed")
def test_a_crash_leaves_nothing_half_and_the_next_run_lands_it(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    things = lab(**SNAPSHOT)
    things.land(csv_of(["1,,", "2,,"]), as_of="2024-01-01")
    things.land(csv_of(["3,,"]), as_of="2024-01-03")
    state = things.counts(), things.ledger(), things.all("from raw.presence order by all")
    owner, _, name = f"landing.{step}".rpartition(".")
    target = landing_module if owner == "landing" else landing_module.ledger
    real = getattr(target, name)

    def crash(*args: Any, **kwargs: Any) -> None:
        if after:
            real(*args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(target, name, crash)
        with pytest.raises(KeyboardInterrupt):
            things.land(csv_of(["2,,", "x,y"]), as_of="2024-01-02")
    now = things.counts(), things.ledger(), things.all("from raw.presence order by all")
    assert now == state
    again = things.land(csv_of(["2,,", "x,y"]), as_of="2024-01-02")
    assert again.status == "landed"
    assert things.present() == {
        1: bag(["1,,", "2,,"]),
        2: bag(["3,,"]),
        3: bag(["2,,"]),
    }
    things.check_laws()
    assert not list(things.warehouse.paths.data.glob("spool/*"))


@pytest.mark.parametrize("moment", ["ledger.enter", "ledger.put_stamp"])
@pytest.mark.fault("process.kill", "process.kept_until_committed")
def test_a_killed_landing_is_made_up_for_by_the_next(tmp_path: Path, moment: str) -> None:
    data, inbox = tmp_path / "data", tmp_path / "inbox"
    (inbox / "products").mkdir(parents=True)
    header = "product_id,product_name\n"
    (inbox / "products" / "2024-01-01.csv").write_text(header + "1,Mints\n2,Nuts\n")
    script = (
        "import os, signal\n"
        "from loaders.landing import land\n"
        "from loaders.cli.main import main\n"
        f"real = land.{moment}\n"
        "def kill(*args, **more):\n"
        "    real(*args, **more)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"land.{moment} = kill\n"
        "main(['land', 'products'])\n"
    )
    environment = os.environ | {"EVENTMART_DATA": str(data), "EVENTMART_INBOX": str(inbox)}
    killed = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=ROOT, check=False
    )
    assert killed.returncode == -9
    land = [sys.executable, "-m", "loaders", "land", "products"]
    again = subprocess.run(
        land, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert ("unchanged" if moment == "ledger.put_stamp" else "landed") in again.stdout
    with open_landing(data / "landing.duckdb") as landing:
        rows = landing.execute("select product_id, _line from raw.products order by all")
        assert rows.fetchall() == [("1", 2), ("2", 3)]
        assert landing.execute("select count(*) from raw.presence").fetchall() == [(2,)]
    assert {path.name[:1] for path in (data / "drops").iterdir()} <= set("0123456789abcdef")


def test_what_the_database_refuses_lands_nothing(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = lab()
    things.landing.execute("alter table raw.rejects alter detail drop not null")
    things.landing.execute("alter table raw.rejects rename line to other")
    things.landing.execute("alter table raw.rejects alter other type date")
    with pytest.raises(duckdb.Error):
        things.land(csv_of(["1,2,3", "x"]))
    assert things.counts() == (0, 0, 0)
    assert things.ledger() == []


def test_ledger_rows_never_change(lab: Labs) -> None:
    things = lab(**SNAPSHOT)
    seen: list[tuple[Any, ...]] = []
    steps = [
        ("2024-01-03", csv_of(["1,,"])),
        ("2024-01-01", csv_of(["2,,"])),
        ("2024-01-01", csv_of(["2,,"])),
        (None, "nonsense\n1\n"),
        (None, ""),
        ("2024-01-02", csv_of(["1,,", "3,,"])),
    ]
    for as_of, data in steps:
        things.land(data, as_of=as_of)
        ledger = things.ledger()
        assert ledger[: len(seen)] == seen
        assert len(ledger) == len(seen) + 1
        seen = ledger


@pytest.mark.fault("hostile.glob", "hostile.sql", "hostile.shell_and_html")
@pytest.mark.parametrize(
    "name",
    [
        "q[1].csv",
        "x'); drop table raw.things;--.csv",
        "*.csv",
        "tab\there.csv",
        "naïve \u202e.csv",
        "new\nline.csv",
        "$(touch x); `id` & <script>alert(1)</script> {{ 1 }}.csv".replace("/", ":"),
    ],
)
def test_names_of_files_are_only_names(lab: Labs, name: str) -> None:
    things = lab()
    things.file(csv_of(["wrong,,"]), "q1.csv")
    for path_name, data in (
        (name, csv_of(["1,2,3"]).encode()),
        (f"{name}.gz", gzip.compress(csv_of(["4,5,6"]).encode())),
    ):
        entry = things.land(data, path_name)
        assert entry.status == "landed"
        assert Path(entry.uri).name == path_name
    assert things.rows() == [("1", "2", "3"), ("4", "5", "6")]


@pytest.mark.fault("archive.names", "hostile.sql")
def test_a_members_name_is_only_a_name(lab: Labs, tmp_path: Path) -> None:
    things = lab()
    name = "../../x'); drop table raw.things;--.csv"
    entry = things.land(zip_of(**{name: csv_of(["1,2,3"])}), "x.zip")
    assert (entry.status, entry.member) == ("landed", name)
    assert not list(tmp_path.parent.glob("x'*"))


@pytest.mark.fault("hostile.extensions")
def test_the_database_reaches_out_for_nothing(lab: Labs) -> None:
    things = lab()
    for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
        assert things.all("select current_setting(?)", setting) == [(False,)]
    before = things.all("from duckdb_extensions() where installed order by all")
    with pytest.raises(duckdb.Error, match="httpfs"):
        things.all("from read_csv('https://127.0.0.1:1/x.csv')")
    assert things.all("from duckdb_extensions() where installed order by all") == before


@pytest.mark.fault("hostile.sql", "hostile.shell_and_html")
@pytest.mark.parametrize(
    "value",
    [
        "'); drop table raw.things;--",
        "{{ 1 }}",
        "$name",
        "?",
        "\\",
        "%s",
        "$(touch x)",
        "<script>alert(1)</script>",
    ],
)
def test_values_and_headers_are_never_run(lab: Labs, value: str) -> None:
    things = lab(null_markers=["it's"])
    data = f'a,b,"{value} x"\n{value},{value},{value}\n'
    assert things.land(data).status == "landed"
    (row,) = things.all("select a, b, _extra from raw.things")
    assert row[:2] == (value, value)
    assert list(json.loads(row[2]).values()) == [value]


def test_the_bytes_of_a_delivery_are_kept(lab: Labs) -> None:
    things = lab()
    for data, name in ((SAME.encode(), "x.csv"), (b"PK\x03\x04junk", "x.zip")):
        entry = things.land(data, name)
        kept = things.warehouse.paths.drops / f"{entry.sha256}.gz"
        assert gzip.decompress(kept.read_bytes()) == data
        assert entry.n_bytes == len(data)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("shrinks", [True, False])
def test_large_random_text_is_kept_as_it_came(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, shrinks: bool, links: bool
) -> None:
    things = lab()
    monkeypatch.setattr("loaders.files.kept_files._SMALL", 1000)
    if not links:
        monkeypatch.setattr("os.link", lambda *_: Path("/nowhere").stat())
    text = "same " if shrinks else os.urandom(3000).hex()
    entry = things.land(csv_of([f"{n},{text[n * 9 : n * 9 + 9]}," for n in range(600)]))
    (drop,) = things.warehouse.paths.drops.iterdir()
    assert drop.name == f"{entry.sha256}{'.gz' if shrinks else ''}"
    plain = restore(drop, things.files / "restored").read_bytes()
    assert hashlib.sha256(plain).hexdigest() == entry.sha256
    again = things.land(plain, "again.csv")
    assert (again.status, list(things.warehouse.paths.drops.iterdir())) == (
        "seen_again",
        [drop],
    )


# ---------------------------------------------------------------- feeds


@pytest.mark.fault("feed.of_another")
@pytest.mark.parametrize("header", ["a,b,IS_CRIME", "Is Crime,a,b,c", "a,b,c,is-crime"])
def test_a_file_of_another_feed_is_held_by_what_tells_it(lab: Labs, header: str) -> None:
    things = lab(foreign=["is_crime"])
    row = ",".join("1" for _ in header.split(","))
    entry = things.land(f"{header}\n{row}\n", as_of="2024-01-01")
    assert (entry.status, entry.reason) == ("held", "of_another_feed")
    assert "is_crime, which files of things never have" in (entry.detail or "")
    assert things.land("a,b,c\n1,2,3\n", "own.csv", as_of="2024-01-01").n_new == 1


@pytest.mark.fault("feed.of_another")
def test_crimes_among_the_accidents_are_held(warehouse: Any) -> None:
    feed = load_feeds()["accidents"]
    crimes = (
        "INCIDENT_ID,OFFENSE_ID,OFFENSE_CODE,OFFENSE_CODE_EXTENSION,OFFENSE_TYPE_ID,"
        "OFFENSE_CATEGORY_ID,FIRST_OCCURRENCE_DATE,LAST_OCCURRENCE_DATE,REPORTED_DATE,"
        "INCIDENT_ADDRESS,GEO_X,GEO_Y,GEO_LON,GEO_LAT,DISTRICT_ID,PRECINCT_ID,"
        "NEIGHBORHOOD_ID,IS_CRIME,IS_TRAFFIC,VICTIM_COUNT\n"
        "1,2,2399,0,theft-other,larceny,1/2/2024 1:00:00 PM,,1/2/2024 2:00:00 PM,,,,,,"
        "1,111,five-points,1,0,1\n"
    )
    city = Lab(warehouse, feed, warehouse.paths.data)
    entry = city.land(crimes, "crime.csv")
    assert (entry.status, entry.reason) == ("held", "of_another_feed")


@pytest.mark.fault("feed.without_models")
def test_rows_are_counted_by_delivery_of_whatever_feeds_there_are(lab: Labs) -> None:
    things = lab()
    things.land("a,b,c\n1,2,3\n2,3,4\n", as_of="2024-01-01")
    others = make_feed(name="others")
    create_tables(things.landing, {"others": others})
    Lab(things.warehouse, others, things.files).land("a\n1\n", "o.csv", "2024-01-01")
    assert things.all("from raw.rows_by_delivery order by all") == [
        ("others", 2, 1),
        ("things", 1, 2),
    ]


def test_no_count_of_the_ledger_is_null_that_a_first_version_had(lab: Labs) -> None:
    nullable = lab().all(
        "select column_name from duckdb_columns() where table_name = 'deliveries' "
        "and column_name like 'n\\_%' escape '\\' and is_nullable order by all"
    )
    later = ["n_aged_out", "n_damaged", "n_padded", "n_untyped", "n_withdrawn"]
    assert [name for (name,) in nullable] == sorted([*later, "n_bytes"])
