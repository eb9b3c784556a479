"""Ids that are none are never taken for what they stand for."""

from collections.abc import Callable
from typing import Any

import pytest

from loaders.errors import UsageError
from loaders.landing.land import accept
from tests.lab import Lab

Labs = Callable[..., Lab]
IDS = {"columns": {"a": {"required": True, "ids": True}, "b": {}, "c": {}}}
LIST: dict[str, Any] = {"mode": "snapshot", "identity": ["a"], **IDS}
DAMAGED = (
    *("2.01310E+15", "2.0131e+15", "2,0131E+15", "2.01E15", " 2.01E+15 ", "-2.0E+15"),
    *("2E+15", "2.01310 E+15", "\u00a02.01E+15", "4.06E+03", "#######", "#N/A", "#NV"),
    *(
        "#" * 60,
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#DIV/0!",
        "#ÜBERLAUF!",
        "0",
        "0.0",
        "-",
        "--",
    ),
    *("2013101000000000", "2013100000000000.0"),
    *("=4061", "'4061", "\u20194061", "4,061", "2,013,227,315.00", "4\u202f061"),
)
SOUND = (
    *("2013100000544100", "20148031043544100", "201411917.0", "12E4", "5E1", "0001"),
    *("1000000000", "1704067200000000", "A-0", "#12", "4061", "x/" * 44),
    *("4,06", "12,34,56", "O'4061", "4 061", "a=1"),
)


def rows(*ids: str) -> str:
    return "a,b\n" + "".join(f'"{value}",{number}\n' for number, value in enumerate(ids))


@pytest.mark.fault("identity.damaged_ids")
@pytest.mark.parametrize("value", DAMAGED)
def test_what_a_spreadsheet_makes_of_ids_holds_a_delivery(lab: Labs, value: str) -> None:
    things = lab(**LIST)
    entry = things.land(rows("2013100000544100", value, "2013100001544100"))
    assert (entry.status, entry.reason) == ("held", "ids_damaged")
    assert f"1 of 3 rows have a damaged a: {value[:40]!r} (line 3)" in (entry.detail or "")
    assert "export it again" in (entry.detail or "")
    assert things.counts() == (0, 0, 0)


@pytest.mark.fault("identity.damaged_ids")
def test_a_column_that_was_too_narrow_is_damaged_however_wide_it_was(lab: Labs) -> None:
    assert lab(**LIST).land(rows("4061", "#" * 60)).reason == "ids_damaged"


@pytest.mark.parametrize("value", SOUND)
def test_an_id_that_only_looks_like_it_lands(lab: Labs, value: str) -> None:
    entry = lab(**LIST).land(rows("2013100000544101", value))
    assert (entry.status, entry.n_damaged, entry.detail) == ("landed", 0, None)


@pytest.mark.fault("identity.damaged_ids")
def test_ids_in_the_form_that_excel_exports_text_in_hold_a_delivery(lab: Labs) -> None:
    entry = lab(**LIST).land('a,b\n"=""4061""",1\n"=""4062""",2\n')
    assert (entry.status, entry.reason) == ("held", "ids_damaged")


@pytest.mark.fault("identity.damaged_ids")
def test_a_few_damaged_ids_are_counted_and_named(lab: Labs) -> None:
    things = lab(columns={"a": {}, "b": {"ids": True}})
    ids = [f"4.06E+03,{number}" for number in range(1, 20)]
    last = "x,4.06E+03"
    entry = things.land("\n".join(["a,b", *ids, last, ""]))
    assert (entry.status, entry.n_new, entry.n_damaged) == ("landed", 20, 1)
    noted = "1 of 20 rows have a damaged b: '4.06E+03' (line 21): no id"
    assert entry.detail == noted


def test_the_share_is_a_setting_of_the_feed(lab: Labs) -> None:
    things = lab(**LIST, max_damaged_share=0.5)
    assert things.land(rows("1", "#N/A")).status == "landed"
    assert things.land(rows("1", "#N/A", "#REF!")).reason == "ids_damaged"


@pytest.mark.fault("identity.shared_ids")
@pytest.mark.parametrize(
    "ids",
    [
        ["999999"] * 40,
        [f"{n // 2}" for n in range(2, 40)],
        [*map(str, range(1, 99)), *"7" * 9],
    ],
    ids=["one for all", "cut short", "one for some"],
)
def test_one_id_for_many_rows_that_differ_holds_a_delivery(
    lab: Labs, ids: list[str]
) -> None:
    things = lab(**LIST)
    entry = things.land(rows(*ids))
    assert (entry.status, entry.reason) == ("held", "ids_damaged")
    assert "share their a with a row that differs" in (entry.detail or "")


@pytest.mark.fault("identity.damaged_ids")
def test_long_ids_rounded_to_fifteen_digits_hold_a_delivery(lab: Labs) -> None:
    things = lab(**LIST)
    exact = [f"20131000{n:04}544{n % 3:03}" for n in range(30)]
    rounded = [f"{value[:15]}000" for value in exact]
    assert things.land(rows(*rounded)).reason == "ids_damaged"
    assert things.land(rows(*exact), as_of="2024-01-01").status == "landed"


@pytest.mark.fault("identity.damaged_ids")
@pytest.mark.parametrize(("n", "reason"), [(8, "ids_damaged"), (7, None)])
def test_of_ids_of_18_digits_eight_are_beyond_chance(
    lab: Labs, n: int, reason: str | None
) -> None:
    rounded = rows(*(f"2013{number + 11111111111}000" for number in range(n)))
    assert lab(**LIST).land(rounded).reason == reason


@pytest.mark.parametrize(("n", "reason"), [(30, "ids_damaged"), (9, None)])
def test_rounding_is_told_from_chance_by_what_landed_before(
    lab: Labs, n: int, reason: str | None
) -> None:
    things = lab(**LIST)
    # Two of three end in zero by themselves.
    exact = [f"20131000{n:04}544{n % 3 // 2}" for n in range(60)]
    things.land(rows(*exact), as_of="2024-01-01")
    rounded = [f"{value[:15]}0" for value in exact]
    assert things.land(rows(*rounded[:n]), as_of="2024-01-02").reason == reason


def test_rows_that_repeat_word_for_word_share_no_id(lab: Labs) -> None:
    assert lab(**LIST).land("a,b\n" + "1,x\n" * 40).status == "landed"


@pytest.mark.parametrize(
    "settings",
    [IDS, {**IDS, "identity": ["a"]}, {"mode": "snapshot", "identity": ["a"]}],
    ids=["no identity", "increment", "no ids"],
)
def test_what_is_no_list_of_its_own_events_may_share_ids(
    lab: Labs, settings: dict[str, Any]
) -> None:
    assert lab(**settings).land(rows(*["7"] * 40)).status == "landed"


@pytest.mark.fault("identity.shared_ids")
@pytest.mark.parametrize(
    ("settings", "means"),
    [
        ({"mode": "snapshot", "identity": ["a"]}, "one of them counts"),
        ({"mode": "snapshot", "identity": ["a", "b"]}, None),
        ({**LIST}, "one of them counts"),
        ({**IDS, "identity": ["a"]}, "one id, one event"),
        ({"identity": ["a"]}, None),
    ],
)
def test_a_few_rows_that_share_what_identifies_are_named(
    lab: Labs, settings: dict[str, Any], means: str | None
) -> None:
    entry = lab(**settings).land(rows(*map(str, range(1, 40)), "7"))
    said = "2 of 40 rows share their a with a row that differs: '7' (line 8)"
    assert entry.status == "landed"
    assert entry.detail == (means and f"{said}: {means}")


def test_a_damaged_row_that_comes_again_casts_no_new_doubt(lab: Labs) -> None:
    things = lab(**LIST)
    ids = [*map(str, range(1, 40)), "#N/A"]
    assert things.land(rows(*ids), as_of="2024-01-01").n_damaged == 1
    again = things.land(rows(*ids, "40"), as_of="2024-01-02")
    assert (again.status, again.n_damaged) == ("landed", 0)
    assert "1 of 41 rows have a damaged a" in (again.detail or "")


def test_rows_known_by_their_lines_are_judged_with_the_new_ones(lab: Labs) -> None:
    things = lab(**LIST)
    known = rows(*map(str, range(1, 40)))
    things.land(known, as_of="2024-01-01")
    entry = things.land(known + '"2.0E+15",x\n', as_of="2024-01-02")
    assert (entry.status, entry.n_known, entry.n_damaged) == ("landed", 39, 1)
    entry = things.land(known + "7,other\n" * 3, as_of="2024-01-03")
    assert (entry.status, entry.n_damaged) == ("landed", 0)
    shared = "".join(f"{n},other\n" for n in range(1, 9))
    assert things.land(known + shared, as_of="2024-01-04").reason == "ids_damaged"


def test_a_damaged_row_that_comes_again_beside_others_is_counted_once(lab: Labs) -> None:
    things = lab(**LIST)
    things.land(rows(*map(str, range(1, 60)), "#N/A"), as_of="2024-01-01")
    changed = rows(*map(str, range(1, 60))).replace('",', '",x') + "#N/A,59\n"
    entry = things.land(changed, as_of="2024-01-02")
    assert (entry.status, entry.n_damaged) == ("landed", 0)


def test_ids_that_tell_an_event_with_another_column_may_be_shared(lab: Labs) -> None:
    things = lab(**LIST | {"identity": ["a", "b"]})
    assert things.land(rows(*["4061"] * 40), as_of="2024-01-01").status == "landed"


def test_no_number_is_no_id_where_it_is_no_blank(lab: Labs) -> None:
    things = lab(**LIST, default_null_markers=False)
    assert things.land(rows("NaN", "nan", "1"), as_of="2024-01-01").status == "held"


def test_ids_of_sixteen_digits_may_all_end_in_zero(lab: Labs) -> None:
    ids = [f"20131000005441{n:02}"[-15:] + "0" for n in range(40)]
    assert lab(**LIST).land(rows(*ids), as_of="2024-01-01").status == "landed"


def test_damaged_ids_land_by_somebodys_word(lab: Labs) -> None:
    things = lab(**LIST)
    held = things.land(rows("1", "2.0E+15"))
    feeds = {things.feed.name: things.feed}
    entry = accept(things.warehouse, feeds, held.delivery_seq, "me", "no other file")
    assert (entry.status, entry.n_new, entry.n_damaged) == ("landed", 2, 1)
    with pytest.raises(UsageError):
        accept(things.warehouse, feeds, held.delivery_seq, "me", "again")


def test_seen_again_says_how_many_were_damaged(lab: Labs) -> None:
    things: Lab = lab(**LIST, max_damaged_share=1)
    things.land(rows("#N/A"), "a.csv", as_of="2024-01-01")
    again = things.land(rows("#N/A"), "b.csv", as_of="2024-01-01")
    assert (again.status, again.n_damaged) == ("seen_again", 1)


@pytest.mark.fault("identity.damaged_ids")
@pytest.mark.parametrize("mode", ["increment", "snapshot"])
@pytest.mark.parametrize(
    ("before", "sent", "example"),
    [
        ("{:03}", "{}", "'7' (line 2), before '007'"),
        ("{}", "{:03}", "'007' (line 2), before '7'"),
        ("{:05}", "{:03}", "'007' (line 2), before '00007'"),
        ("{:03}", "{}.0", "'7' (line 2), before '007'"),
        ("{}", " {:02}", "'07' (line 2), before '7'"),
    ],
)
def test_ids_that_lost_or_gained_zeros_hold_a_delivery(
    lab: Labs, mode: str, before: str, sent: str, example: str
) -> None:
    things = lab(**IDS | {"mode": mode})

    def of(form: str) -> str:
        return "a,b,c\n" + "".join(f"{form.format(n)},x,{n}\n" for n in range(7, 30))

    assert things.land(of(before), as_of="2024-01-01").detail is None
    entry = things.land(of(sent), as_of="2024-01-02")
    assert (entry.status, entry.reason) == ("held", "ids_damaged")
    assert example in str(entry.detail)
    accepted = accept(
        things.warehouse, {"things": things.feed}, entry.delivery_seq, "me", "so be it"
    )
    assert accepted.status == "landed"
    # They are known now, in both forms.
    assert things.land(of(sent) + "30,x,\n", as_of="2024-01-03").detail is None


def test_names_that_begin_with_zeros_are_other_ids(lab: Labs) -> None:
    things = lab(**IDS)
    assert things.land(rows(*(f"{n}A" for n in range(1, 30)))).detail is None
    sent = rows(*(f"0{n}A" for n in range(1, 30)), "0x1F", "00-1")
    assert things.land(sent).detail is None


def test_a_few_ids_with_other_zeros_are_named(lab: Labs) -> None:
    things = lab(**IDS)
    assert things.land("a,b,c\n" + "".join(f"{n},,\n" for n in range(1, 60))).detail is None
    more = "a,b,c\n" + "".join(f"{n},,\n" for n in range(100, 160)) + "010,,\n0,,\nA07,,\n"
    entry = things.land(more)
    assert entry.status == "landed"
    assert "1 of 63 rows have a a that arrived before with other leading" in str(
        entry.detail
    )
    assert "'010' (line 62), before '10': a different id" in str(entry.detail)
