"""The demo data: whole, repeatable, in the real formats, and as its truth file says."""

import base64
import csv
import gzip
import hashlib
import io
import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from demo import generate
from demo.margins import apportion, published
from demo.truth import Delivery, Truth
from loaders.errors import UsageError

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("demo")

SCALE = 0.005
Row = dict[str, str]
FACTS = published()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("demo") / "set"
    return folder, generate(folder, SCALE)


@pytest.fixture(scope="module")
def full_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("demo") / "full"
    return folder, generate(folder, 1)


def plain_bytes(folder: Path, delivery: Delivery) -> bytes:
    path = folder / delivery.file
    if delivery.member:
        with zipfile.ZipFile(path) as archive:
            return archive.read(delivery.member)
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def plain_text(folder: Path, delivery: Delivery) -> str:
    raw = plain_bytes(folder, delivery)
    if delivery.encoding == "cp1252-via-cp850":
        return raw.decode("latin-1").encode("cp850").decode("cp1252")
    return raw.decode("utf-8-sig" if delivery.encoding == "utf-8" else delivery.encoding)


def records(folder: Path, delivery: Delivery) -> Iterator[tuple[int, list[str]]]:
    """Every record with the physical line where it starts, the header's included."""
    reader = csv.reader(io.StringIO(plain_text(folder, delivery), newline=""))
    line = 1
    for fields in reader:
        yield line, fields
        line = reader.line_num + 1


def rows(folder: Path, delivery: Delivery) -> list[Row]:
    """The good rows: neither rejected nor blank nor set aside; canonical names."""
    bad = {reject.line for reject in delivery.rejected} | set(delivery.set_aside)
    (_, header), *body = records(folder, delivery)
    names = [name.lower().replace(" ", "_") for name in header]
    return [
        dict(zip(names, fields, strict=True))
        for line, fields in body
        if line not in bad and fields
    ]


def of_feed(truth: Truth, feed: str) -> list[Delivery]:
    return [d for d in truth.deliveries if d.feed == feed]


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def units(folder: Path, truth: Truth) -> Iterator[Row]:
    """Each unit once: what an increment sends again is left out by its time."""
    newest = ""
    for delivery in of_feed(truth, "purchases"):
        if delivery.status == "landed":
            fresh = [r for r in rows(folder, delivery) if r["date_time"][:10] > newest]
            newest = max(row["date_time"][:10] for row in fresh)
            yield from fresh


# ---------------------------------------------------------------- the set as a whole


def test_the_same_scale_and_seed_give_the_same_bytes(
    demo: tuple[Path, Truth], tmp_path: Path
) -> None:
    generate(tmp_path / "again", SCALE)
    assert hashes(tmp_path / "again") == hashes(demo[0])


def test_another_seed_gives_other_bytes(demo: tuple[Path, Truth], tmp_path: Path) -> None:
    generate(tmp_path / "other", SCALE, seed=2)
    same = hashes(tmp_path / "other").items() & hashes(demo[0]).items()
    assert [name for name, _ in same] == ["neighborhoods/neighborhoods_2017-01-01.geojson"]


def test_the_truth_file_says_what_generate_returned(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    told = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert told["synthetic"] is True
    assert (told["scale"], told["seed"]) == (SCALE, 1)
    assert [d["file"] for d in told["deliveries"]] == [d.file for d in truth.deliveries]
    written = {name for name in hashes(folder) if name != "truth.json"}
    assert written == {d.file for d in truth.deliveries}


def test_a_set_replaces_an_older_one(tmp_path: Path) -> None:
    generate(tmp_path / "set", 0.001, seed=2)
    (tmp_path / "set" / "purchases" / "left_over.csv").touch()
    generate(tmp_path / "set", 0.001, force=True)
    generate(tmp_path / "fresh", 0.001)
    assert hashes(tmp_path / "set") == hashes(tmp_path / "fresh")


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="no demo set"):
        generate(tmp_path, 0.001)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_stopped_run_leaves_the_older_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(tmp_path / "set", 0.001)
    before = hashes(tmp_path / "set")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("demo.write_accidents", stop)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path / "set", 0.001, seed=2)
    assert hashes(tmp_path / "set") == before


@pytest.mark.parametrize("scale", [0, 0.0009, 1001, float("nan")])
def test_a_scale_out_of_range_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(UsageError, match=r"between 0\.001 and 1000"):
        generate(tmp_path / "set", scale)


# ---------------------------------------------------------------- labels of lines


def test_every_rejected_line_is_refused_by_a_strict_reader(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    reasons = set()
    for delivery in truth.deliveries:
        if not delivery.rejected:
            continue
        lines = plain_text(folder, delivery).split("\n")
        n_fields = len(next(csv.reader([lines[0]])))
        for reject in delivery.rejected:
            reasons.add(reject.reason)
            line = lines[reject.line - 1].rstrip("\r")
            if reject.reason == "stray_quote":
                with pytest.raises(csv.Error):
                    next(csv.reader([line], strict=True))
                continue
            found = len(next(csv.reader([line], strict=True)))
            wanted = {
                "too_few_fields": found < n_fields,
                "too_many_fields": found > n_fields,
            }
            assert wanted[reject.reason], (delivery.file, reject)
    assert reasons == {"too_few_fields", "too_many_fields", "stray_quote"}


def test_every_other_line_is_counted_and_has_its_fields(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    for delivery in truth.deliveries:
        if delivery.feed == "neighborhoods":
            continue
        rejected = {reject.line for reject in delivery.rejected}
        (_, header), *body = records(folder, delivery)
        assert len(body) == delivery.records, delivery.file
        assert sum(not fields for _, fields in body) == delivery.blank, delivery.file
        for line, fields in body:
            if fields and line not in rejected:
                assert len(fields) == len(header), (delivery.file, line)


def test_lines_to_set_aside_have_no_usable_key(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    for delivery in truth.deliveries:
        at = dict(records(folder, delivery)) if delivery.set_aside else {}
        names = [name.lower().replace(" ", "_") for name in at.get(1, [])]
        for line in delivery.set_aside:
            row = dict(zip(names, at[line], strict=True))
            moment = row.get("date_time") or row.get("case_created_dttm")
            moment = moment or row.get("first_occurrence_date", "")
            assert row.get("kiosk_id") == "" or not is_moment(moment), (delivery.file, row)


def is_moment(text: str) -> bool:
    for form in ("%Y-%m-%d %H:%M:%S%z", "%m/%d/%Y %I:%M:%S %p"):
        try:
            datetime.strptime(text + "00" * ("%z" in form), form)
        except ValueError:
            continue
        return True
    return False


def test_the_last_windows_have_nothing_to_reject(demo: tuple[Path, Truth]) -> None:
    for feed in ("service_requests", "accidents"):
        *earlier, newest_layout, last = of_feed(demo[1], feed)
        assert not last.rejected
        assert not newest_layout.rejected
        assert last.set_aside
        assert all(delivery.rejected for delivery in earlier)


# ---------------------------------------------------------------- purchases


def test_purchases_look_like_the_kiosk_export(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    for delivery in of_feed(truth, "purchases"):
        for row in rows(folder, delivery):
            assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-0[78]", row["date_time"])
            moment = datetime.fromisoformat(row["date_time"] + ":00")
            summer = (
                not datetime(2017, 11, 5, 2)
                <= moment.replace(tzinfo=None)
                < datetime(2018, 3, 11, 2)
            )
            assert moment.utcoffset() == timedelta(hours=-7 if summer else -8)
            if row["card_hash"]:
                assert len(row["card_hash"]) == 88
                assert len(base64.b64decode(row["card_hash"], validate=True)) == 64


def test_each_increment_writes_categories_in_one_way(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    ways = []
    for delivery in of_feed(truth, "purchases"):
        written = {row["fc_number"] for row in rows(folder, delivery)} - {""}
        assert {text.endswith(".0") for text in written} in ({True}, {False})
        ways.append(next(iter(written)).endswith(".0"))
    assert set(ways) == {True, False}


def test_units_by_product_follow_the_published_ones(demo: tuple[Path, Truth]) -> None:
    sold = Counter(row["product_id"] for row in units(*demo))
    assert (
        sold.total() == round(FACTS.purchases.units * SCALE) == demo[1].purchases["units"]
    )
    for product, published_units in FACTS.purchases.top_products:
        assert abs(sold[str(product)] - published_units * SCALE) < 1


def test_units_by_utc_time_of_day_follow_the_published_ones(
    demo: tuple[Path, Truth],
) -> None:
    published_units = FACTS.purchases.times_of_day
    wanted = apportion(list(published_units.values()), round(FACTS.purchases.units * SCALE))
    sold = Counter(time_of_day(row) for row in units(*demo))
    assert sorted(sold.values()) == sorted(wanted.tolist())
    assert max(sold, key=lambda time: sold[time]) == "Evening"


def time_of_day(row: Row) -> str:
    hour = (int(row["date_time"][11:13]) + int(row["date_time"][-1])) % 24
    return "Morning" if hour < 13 else "Afternoon" if hour < 18 else "Evening"


def test_what_is_sent_before_is_word_for_word_the_same(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    by_name = {Path(d.file).name: d for d in of_feed(truth, "purchases")}
    before = rows(folder, by_name["purchases_2017-12-31.csv"])
    after = rows(folder, by_name["purchases_2018-02-15.csv"])
    first = min(row["date_time"] for row in after)
    assert first < "2017-12-30"
    again = Counter(tuple(r.values()) for r in after if r["date_time"] < "2018-01-01")
    assert again == Counter(tuple(r.values()) for r in before if r["date_time"] >= first)
    known = sum(f.count for f in truth.faults if f.kind == "sent_before")
    assert known == truth.purchases["resent_units"] > again.total() > 0


def test_one_increment_comes_again_under_another_name(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    (again,) = [d for d in truth.deliveries if d.status == "seen_again"]
    raw = (folder / again.file).read_bytes()
    twins = [d.file for d in truth.deliveries if (folder / d.file).read_bytes() == raw]
    assert len(twins) == 2
    assert twins.index(again.file) == 1


def test_zips_hold_a_resource_fork_beside_the_member(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    zips = [d for d in truth.deliveries if d.file.endswith(".zip")]
    assert {d.feed for d in zips} == {"purchases", "service_requests", "accidents"}
    for delivery in zips:
        with zipfile.ZipFile(folder / delivery.file) as archive:
            assert archive.namelist() == [f"__MACOSX/._{delivery.member}", delivery.member]


# ---------------------------------------------------------------- products, places


def test_the_second_list_of_kiosks_moves_one_and_leaves_one_out(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    first, second = (rows(folder, d) for d in of_feed(truth, "kiosk_info"))
    before = {row["kiosk_id"]: row for row in first}
    after = {row["kiosk_id"]: row for row in second}
    known = truth.kiosks
    assert before.keys() - after.keys() == {known["no_longer_listed"]}
    assert [k for k in after if before[k] != after[k]] == [known["moved"]]
    assert known["never_listed"] not in before
    assert all(row["place"] and int(row["capacity"]) > 0 for row in first)


def test_the_second_product_list_changes_adds_and_withdraws(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    first, second = (rows(folder, d) for d in of_feed(truth, "products"))
    before = {row["product_id"]: row for row in first}
    after = {row["product_id"]: row for row in second}
    known = truth.products
    assert before.keys() - after.keys() == {known["withdrawn"]}
    assert after.keys() - before.keys() == {known["added"]}
    changed = [p for p in before.keys() & after.keys() if before[p] != after[p]]
    assert changed == [known["price_changed"]]


def test_product_lists_have_the_faults_of_the_real_one(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    first, _ = of_feed(truth, "products")
    listed = rows(folder, first)
    assert len(listed) == FACTS.purchases.n_products
    assert not plain_bytes(folder, first).endswith(b"\n")
    assert sum(row["fc_number"] == "" for row in listed) == 18
    assert {"0%", "100%"} < {row["margins"] for row in listed}
    names = Counter(row["product_name"] for row in listed)
    assert [name for name, n in names.items() if n > 1] == [truth.products["name_twice"]]


def test_the_boundaries_tile_the_city(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    (delivery,) = of_feed(truth, "neighborhoods")
    features = json.loads((folder / delivery.file).read_text())["features"]
    assert [f["properties"]["NBHD_ID"] for f in features] == list(range(1, 79))
    total = 0.0
    for feature in features:
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2
        assert area > 0
        total += area
    assert total == pytest.approx((105.11 - 104.6) * (39.91 - 39.61), rel=1e-4)


# ---------------------------------------------------------------- service requests


def created(row: Row) -> datetime:
    return datetime.strptime(row["case_created_dttm"], "%m/%d/%Y %I:%M:%S %p")


def test_each_vintage_writes_in_its_own_way(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    mangled, marked, quoted, newest, zipped = (
        plain_bytes(folder, d) for d in of_feed(truth, "service_requests")
    )
    assert mangled.startswith(b"Case Summary,")
    assert {b for b in mangled if b > 127} <= set("Æôöû".encode("latin-1"))
    assert b"Mayor\xc6s Office" in mangled
    assert marked.startswith(b"\xef\xbb\xbfCASE_SUMMARY,")
    assert "Mayor\u2019s Office".encode() in marked
    assert quoted.startswith(b'"OBJECTID","Case_Summary",')
    assert b"Street sweeping\xa0schedule" in quoted
    assert b'"Paint on wall,\ngarage' in quoted
    assert newest.startswith(b"OBJECTID,Case_Summary,")
    assert zipped.startswith(b"CASE_SUMMARY,")
    assert b",null,null,null," in zipped


def test_windows_reach_back_a_year_from_the_newest_event(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    for number, delivery in enumerate(of_feed(truth, "service_requests")):
        if number in (2, 3):
            stamps = [int(r["case_created_dttm"]) for r in rows(folder, delivery)]
            closes = [int(r["case_closed_dttm"] or 0) for r in rows(folder, delivery)]
            newest = datetime(1970, 1, 1) + timedelta(milliseconds=max(stamps + closes))
            assert newest.isoformat() == delivery.as_of
            continue
        good = rows(folder, delivery)
        moments = [created(row) for row in good]
        closes = [r["case_closed_dttm"] for r in good]
        closed = [
            datetime.strptime(c, "%m/%d/%Y %I:%M:%S %p")
            for c in closes
            if c not in ("", "null")
        ]
        assert max(moments + closed).isoformat() == delivery.as_of
        start = datetime.fromisoformat(delivery.as_of).date() - timedelta(days=366)
        assert min(moments).date() >= start


def test_leavers_are_where_the_truth_says(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    deliveries = of_feed(truth, "service_requests")
    held: dict[str, set[tuple[str, str]]] = {}
    for delivery in (deliveries[0], deliveries[1], deliveries[-1]):
        held[Path(delivery.file).name] = {
            (row["case_created_dttm"], row["case_summary"])
            for row in rows(folder, delivery)
        }
    first, second, last = held.values()
    window_start = datetime(2016, 10, 12) - timedelta(days=366)
    gone = [
        datetime.strptime(c, "%m/%d/%Y %I:%M:%S %p") for c, _ in (first | second) - last
    ]
    known = truth.service_requests
    assert sum(moment < window_start for moment in gone) == known["aged_out"]
    # Those that the third window held last are in the second one as well.
    assert sum(moment >= window_start for moment in gone) == known["withdrawn"]
    assert len((first & last) - second) == known["reinstated"]
    examples: Any = known["withdrawn_examples"]
    for example in examples:
        key = example["created"], example["summary"]
        assert key not in last
        assert key in held.get(example["last_file"], second)


def test_the_same_request_changes_as_counted(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    first, second, _, newest, last = (d for d in of_feed(truth, "service_requests"))

    def written(moment: str) -> str:
        if not moment.isdecimal():
            return moment.replace("null", "")
        at = datetime.fromtimestamp(int(moment) / 1000, ZoneInfo("America/Denver"))
        return at.strftime("%m/%d/%Y %I:%M:%S %p")

    def states(delivery: Delivery) -> Counter[tuple[str, str, str, str]]:
        return Counter(
            (
                written(row["case_created_dttm"]),
                row["case_summary"],
                row["case_status"].replace("Transferred", "Transfered"),
                written(row["case_closed_dttm"]),
            )
            for row in rows(folder, delivery)
        )

    changed = 0
    for before, after in pairwise(map(states, (first, second, newest, last))):
        there = Counter((state[0], state[1]) for state in after.elements())
        changed += sum(
            (state[0], state[1]) in there for state in (before - after).elements()
        )
    known: Any = truth.service_requests["changed"]
    # A request that changes in the third window and again in a later one counts once here.
    assert 0.9 * known <= changed <= known


def test_the_newest_layout_tells_the_same_requests_without_their_types(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    *_, newest, last = of_feed(truth, "service_requests")
    told = rows(folder, newest)
    assert {(row["type"], row["neighborhood"]) for row in told} == {("", "")}
    summaries = Counter(row["case_summary"] for row in told)
    later = Counter(row["case_summary"] for row in rows(folder, last))
    assert (later - summaries).total() <= 0.02 * later.total()
    assert (summaries - later).total() <= truth.service_requests["withdrawn"]  # type: ignore[operator]


def test_duplicates_and_equal_identities_are_there(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    last = rows(folder, of_feed(truth, "service_requests")[-1])
    known = truth.service_requests
    assert len(last) == known["current"]
    alike = Counter(tuple(row.values()) for row in last)
    pairs = sum(n - 1 for n in alike.values())
    identity = ("case_created_dttm", "case_source", "agency", "case_summary")
    identities = Counter(tuple(row[name] for name in identity) for row in last)
    assert pairs == known["exact_duplicate_pairs"]
    both: Any = known["equal_identity_pairs"]
    assert sum(n - 1 for n in identities.values()) == both + pairs


def test_faulty_values_are_as_many_as_labelled(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    delivery = of_feed(truth, "service_requests")[-1]
    last = rows(folder, delivery)
    counted = {
        "whole_degrees": sum(r["longitude"] == "-105" for r in last),
        "zero_coordinates": sum(r["longitude"] == "0" for r in last),
        "swapped_coordinates": sum(r["longitude"].startswith("39.") for r in last),
        "placeholder_zip": sum(r["customer_zip_code"] == "99999" for r in last),
        "date_only_close": sum(r["case_closed_dttm"].endswith("11:59:59 PM") for r in last),
        "time_in_date_column": sum(len(r["case_created_date"]) > 10 for r in last),
        "no_source": sum(r["case_source"] == "null" for r in last),
        "no_type": sum(r["type"] == "null" for r in last),
        "line_break": sum("\n" in r["case_summary"] for r in last),
        "no_break_space": sum("\u00a0" in r["case_summary"] for r in last),
        "closed_at_once": sum(
            r["case_created_dttm"] == r["case_closed_dttm"] for r in last
        ),
    }
    labelled = {f.kind: f.count for f in truth.faults if f.file == delivery.file}
    assert {kind: labelled.get(kind, 0) for kind in counted} == counted
    assert all(n > 0 for kind, n in counted.items() if kind != "swapped_coordinates")


# ---------------------------------------------------------------- accidents


def test_accident_layouts_grow(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    deliveries = of_feed(truth, "accidents")
    widths = [len(next(records(folder, d))[1]) for d in deliveries]
    assert widths == [17, 19, 45, 47, 47]
    as_ofs = [d.as_of for d in deliveries]
    assert as_ofs == sorted(as_ofs)
    forms = [rows(folder, d)[0]["reported_date"] for d in deliveries]
    for text, form in zip(
        forms,
        (
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
            r"\d{4}-\d\d-\d\d",
            r"\d+/\d+/\d{4} .*M",
            r".*M",
            r".*M",
        ),
        strict=True,
    ):
        assert re.fullmatch(form, text), text


def test_the_newest_layout_tells_the_same_accidents(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    *_, newest, last = of_feed(truth, "accidents")
    assert next(records(folder, newest))[1][0] == "object_id"
    ids = {row["offense_id"] for row in rows(folder, newest)}
    assert ids
    assert ids <= {row["offense_id"] for row in rows(folder, last)}


def test_offense_ids_are_distinct_but_for_the_labelled_rows(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    delivery = of_feed(truth, "accidents")[-1]
    last = rows(folder, delivery)
    labelled = {f.kind: f.count for f in truth.faults if f.file == delivery.file}
    distinct = Counter(row["offense_id"] for row in last)
    assert len(distinct) == truth.accidents["current"]
    repeats = [n for n in distinct.values() if n > 1]
    assert len(repeats) == labelled["repeated_row"] + labelled["conflicting_row"]
    volatile = {"objectid_1"}
    whole = Counter(
        tuple(value for name, value in row.items() if name not in volatile) for row in last
    )
    assert sum(n - 1 for n in whole.values()) == labelled["repeated_row"]


def test_restated_accidents_are_where_the_truth_says(demo: tuple[Path, Truth]) -> None:
    folder, truth = demo
    held = [{r["offense_id"] for r in rows(folder, d)} for d in of_feed(truth, "accidents")]
    first = rows(folder, of_feed(truth, "accidents")[0])
    known = truth.accidents
    gone = set().union(*held[:-1]) - held[-1]
    withdrawn = {offense for offense in gone if int(offense[:4]) >= 2011}
    assert (len(withdrawn), len(gone - withdrawn)) == (
        known["withdrawn"],
        known["aged_out"],
    )
    examples: Any = known["withdrawn_examples"]
    assert {example["offense_id"] for example in examples} <= withdrawn
    assert sum(r["district_id"] in ("UI", "U", "G") for r in first) == next(
        (f.count for f in truth.faults if f.kind == "odd_district" and "2014" in f.file), 0
    )


def test_points_lie_in_the_boundaries_of_their_neighborhood(
    demo: tuple[Path, Truth],
) -> None:
    folder, truth = demo
    (places,) = of_feed(truth, "neighborhoods")
    features = json.loads((folder / places.file).read_text())["features"]
    rings = {
        f["properties"]["NBHD_NAME"]: f["geometry"]["coordinates"][0] for f in features
    }
    for row in rows(folder, of_feed(truth, "accidents")[-1]):
        point = float(row["geo_lon"]), float(row["geo_lat"])
        ring = rings[row["neighborhood_id"]]
        for a, b in pairwise(ring):
            turn = (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
            assert turn > 0, row


# ---------------------------------------------------------------- published figures


def listed(counts: Counter[Any], n: int) -> list[int]:
    return [count for _, count in counts.most_common(n)]


@pytest.mark.full
def test_purchases_at_scale_1_are_the_published_ones(full_demo: tuple[Path, Truth]) -> None:
    facts = FACTS.purchases
    sold = list(units(*full_demo))
    assert len(sold) == facts.units
    assert min(row["date_time"] for row in sold) == "2017-09-27 00:07:36-07"
    assert max(row["date_time"] for row in sold) == "2018-09-25 14:34:46-07"
    products = Counter(int(row["product_id"]) for row in sold)
    assert len(products) == facts.n_products
    assert [list(item) for item in products.most_common(30)] == facts.top_products
    assert sorted(products.values())[:30] == sorted(n for _, n in facts.bottom_products)
    assert all(products[product] == n for product, n in facts.bottom_products)
    categories = Counter(
        int(float(row["fc_number"])) for row in sold if row["fc_number"] != ""
    )
    assert categories == dict(facts.categories)
    assert len(sold) - categories.total() == facts.units_without_category
    kiosks = Counter(int(row["kiosk_id"]) for row in sold)
    assert len(kiosks) == facts.n_kiosks
    assert [list(item) for item in kiosks.most_common(50)] == facts.top_kiosks
    cards = Counter(row["card_hash"] for row in sold)
    assert cards.pop("") == facts.units_without_card
    assert len(cards) == facts.n_cards
    assert listed(cards, 50) == [n for _, n in facts.top_cards]
    times = Counter(time_of_day(row) for row in sold)
    assert times == facts.times_of_day


@pytest.mark.full
def test_purchase_lists_at_scale_1_are_the_published_ones(
    full_demo: tuple[Path, Truth],
) -> None:
    facts = FACTS.purchases
    kiosk_products: Counter[tuple[int, int]] = Counter()
    card_products: Counter[tuple[str, int]] = Counter()
    product_times: Counter[tuple[int, str]] = Counter()
    for row in units(*full_demo):
        product = int(row["product_id"])
        kiosk_products[int(row["kiosk_id"]), product] += 1
        card_products[row["card_hash"], product] += 1
        product_times[product, time_of_day(row)] += 1
    # The lists show ranks 1 to 30 and 71 to 100.
    for counts, cells in (
        (kiosk_products, facts.kiosk_products),
        (card_products, facts.card_products),
        (product_times, facts.product_times),
    ):
        ranked = listed(counts, 101)
        assert ranked[:30] + ranked[70:100] == [n for *_, n in cells]
        assert ranked[29] > ranked[30]
        assert ranked[69] > ranked[70]
        assert ranked[99] > ranked[100]
    assert all(kiosk_products[k, p] == n for k, p, n in facts.kiosk_products)
    assert all(product_times[p, t] == n for p, t, n in facts.product_times)
    with_products = Counter((p, n) for (_, p), n in card_products.most_common(30))
    assert with_products == Counter((p, n) for _, p, n in facts.card_products[:30])


def by_month(rows_: list[Row], label: str, month: Callable[[Row], str]) -> Counter[Any]:
    return Counter((row[label], month(row)) for row in rows_)


def cells_of(table: dict[str, list[int]], months: list[str]) -> Counter[Any]:
    return Counter(
        {
            (label, month): n
            for label, counts in table.items()
            for month, n in zip(months, counts, strict=True)
            if n
        }
    )


@pytest.mark.full
def test_requests_at_scale_1_are_the_published_ones(full_demo: tuple[Path, Truth]) -> None:
    folder, truth = full_demo
    facts = FACTS.service_requests
    last = rows(folder, of_feed(truth, "service_requests")[-1])
    assert len(last) == facts.rows == 470_640
    dated = [row for row in last if len(row["case_created_date"]) == 10]
    assert len(dated) == 470_639

    def month(row: Row) -> str:
        return f"{row['case_created_date'][6:]}-{row['case_created_date'][:2]}"

    assert all(month(row) == created(row).strftime("%Y-%m") for row in dated)
    assert by_month(dated, "case_status", month) == cells_of(facts.statuses, facts.months)
    sourced = [row for row in last if row["case_source"] != "null"]
    assert len(sourced) == 470_631
    assert by_month(sourced, "case_source", month) == cells_of(facts.sources, facts.months)
    typed = [row for row in last if row["type"] != "null"]
    assert len(typed) == 457_584
    assert by_month(typed, "type", month) == cells_of(facts.types, facts.months)


@pytest.mark.full
def test_accidents_at_scale_1_are_the_published_ones(full_demo: tuple[Path, Truth]) -> None:
    folder, truth = full_demo
    facts = FACTS.accidents
    offenses = {r["offense_id"]: r for r in rows(folder, of_feed(truth, "accidents")[-1])}
    last = list(offenses.values())
    assert len(last) == facts.rows

    def month(row: Row) -> str:
        reported = datetime.strptime(row["reported_date"], "%m/%d/%Y %I:%M:%S %p")
        return reported.strftime("%Y-%m")

    other = {"5455": "all-other-crimes", "5450": "murder"}
    for row in last:
        row["category"] = other.get(row["offense_code"], "traffic-accident")
        row["district_id"] = row["district_id"].rstrip()
        row["slug"] = row["neighborhood_id"].lower().replace(" - ", "-").replace(" ", "-")
    assert by_month(last, "district_id", month) == cells_of(facts.districts, facts.months)
    assert by_month(last, "category", month) == cells_of(facts.categories, facts.months)
    for label, table in (
        ("precinct_id", facts.top_precincts),
        ("slug", facts.top_neighborhoods),
    ):
        top = [name for name, _ in Counter(row[label] for row in last).most_common(10)]
        assert set(top) == set(table)
        inside = [row for row in last if row[label] in table]
        assert by_month(inside, label, month) == cells_of(table, facts.months)


@pytest.mark.real_data
def test_the_margins_are_what_was_published() -> None:
    folder = Path(os.environ.get("REAL_DATA_DIR", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}")

    def read(name: str) -> list[Row]:
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    facts = FACTS.purchases
    products = [
        [int(r["product_id"]), int(r["count"])]
        for r in read("purchases/expected_products.csv")
    ]
    assert facts.top_products + facts.bottom_products == products
    kiosks = [
        [int(r["kiosk_id"]), int(r["count"])] for r in read("purchases/expected_kiosks.csv")
    ]
    assert facts.top_kiosks == kiosks
    cells = [
        [int(r["kiosk_id"]), int(r["product_id"]), int(r["count"])]
        for r in read("purchases/expected_kiosk_product.csv")
    ]
    assert facts.kiosk_products == cells
    for name, label, month, count, table, months in (
        (
            "27_311_status_by_month",
            "CASE_STATUS",
            "CASE_CREATED_MONTH_DATE",
            "CNT",
            FACTS.service_requests.statuses,
            FACTS.service_requests.months,
        ),
        (
            "28_311_source_by_month",
            "CASE_SOURCE",
            "CASE_CREATED_MONTH_DATE",
            "CNT",
            FACTS.service_requests.sources,
            FACTS.service_requests.months,
        ),
        (
            "29_311_type_by_month",
            "TYPE",
            "CASE_CREATED_MONTH_DATE",
            "CNT",
            FACTS.service_requests.types,
            FACTS.service_requests.months,
        ),
        (
            "30_traffic_by_month",
            "OFFENSE_CATEGORY_ID",
            "REPORTED_MONTH_DATE",
            "CNT",
            FACTS.accidents.categories,
            FACTS.accidents.months,
        ),
        (
            "31_traffic_by_district_month",
            "DISTRICT_ID",
            "REPORTED_MONTH_DATE",
            "CNT",
            FACTS.accidents.districts,
            FACTS.accidents.months,
        ),
        (
            "32_traffic_top10_precinct_month",
            "PRECINCT_ID",
            "REPORTED_MONTH_DATE",
            "CNT",
            FACTS.accidents.top_precincts,
            FACTS.accidents.months,
        ),
        (
            "36_traffic_top10_neighborhood_month",
            "NEIGHBORHOOD_ID",
            "REPORTED_MONTH_DATE",
            "NEIGHBORHOOD_CNT",
            FACTS.accidents.top_neighborhoods,
            FACTS.accidents.months,
        ),
    ):
        counted = Counter(
            {
                (r[label], r[month][:7]): int(r[count])
                for r in read(f"published_2016/{name}.csv")
                if r[count] != "0"
            }
        )
        assert counted == cells_of(table, months), name
