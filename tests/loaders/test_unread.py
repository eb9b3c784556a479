"""What of a delivery cannot be read: noted, or held, whatever else is said of it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from loaders.landing.land import accept
from tests.lab import Lab

Labs = Callable[..., Lab]
EVENTS = {
    "zone": "America/Denver",
    "formats": ["us", "iso"],
    "as_of": {"newest": ["b", "c"], "arrival": True},
    "columns": {"a": {"required": True}, "b": {"required": True}, "c": {}},
}
GIVEN = [None, "2026-03-01"]


def csv_of(*times: str, n_good: int = 0) -> str:
    """Records with these times in b; before them, so many with a good one."""
    good = [f"{n % 28 + 1}" for n in range(n_good)]
    values = [f"2026-01-{int(day):02}T10:00:00" for day in good] + [*times]
    return "a,b,c\n" + "".join(f"{n},{value},\n" for n, value in enumerate(values))


@pytest.mark.fault("meaning.untyped_dates", "meaning.integer_dates")
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    "value",
    [
        *("1741788002", "45728", "45728.33", "20250312", "1741788002000", "soon"),
        *("12.03.2025", "2025-03-12 08:00 AM", ' "2025-03-12"', "Mar 12 2025", "2025"),
    ],
)
def test_times_of_another_format_are_held_with_values_and_formats(
    lab: Labs, value: str, given: str | None
) -> None:
    things = lab(**EVENTS)
    entry = things.land(csv_of(*[value] * 3), as_of=given)
    assert (entry.status, entry.reason) == ("held", "untyped_dates")
    detail = str(entry.detail)
    assert "3 of 3 b" in detail
    assert f"{value!r} (line 2)" in detail
    assert "us, iso" in detail
    assert "feeds.yml" in detail
    assert "and rows without b are set aside" in detail
    assert "--as-of" not in detail
    assert things.rows() == []


@pytest.mark.fault("meaning.untyped_dates")
@pytest.mark.parametrize("given", GIVEN)
def test_a_few_of_them_land_and_are_counted_and_named(lab: Labs, given: str | None) -> None:
    things = lab(**EVENTS)
    entry = things.land(csv_of("x1", "x2", "", n_good=40), as_of=given)
    assert (entry.status, entry.n_untyped) == ("landed", 2)
    assert "2 of 42 b not readable as times, such as 'x1' (line 42), 'x2' (line 43)" in str(
        entry.detail
    )
    assert things.land(csv_of("x3", "x1", "x2", n_good=40)).reason == "untyped_dates"


def test_one_of_few_is_a_slip(lab: Labs) -> None:
    entry = lab(**EVENTS).land(csv_of("soon", "2026-01-05"))
    assert (entry.status, entry.n_untyped) == ("landed", 1)
    assert "1 of 2 b not readable" in str(entry.detail)


def test_the_share_is_a_setting_and_blank_is_no_value(lab: Labs) -> None:
    things = lab(**EVENTS, max_untyped_share=0.5)
    data = csv_of(*[" "] * 30, "", "soon", "2026-01-05")
    entry = things.land(data)
    assert (entry.status, entry.n_untyped) == ("landed", 1)
    assert "1 of 2 b" in str(entry.detail)


@pytest.mark.fault("meaning.untyped_dates")
def test_rows_without_their_time_or_a_required_id_are_counted_and_named(lab: Labs) -> None:
    columns = {"a": {"required": True, "ids": True}, "b": {"required": True}, "c": {}}
    things = lab(**{**EVENTS, "columns": columns})
    entry = things.land(csv_of("", " ", "", n_good=16).replace("\n0,", "\n ,"))
    assert entry.status == "landed"
    assert entry.detail == "3 of 19 rows have no b; 1 of 19 rows have no a"
    columns["c"] = {"ids": True}
    others = lab(**{**EVENTS, "name": "others", "columns": columns})
    assert others.land("a,b,c\n5,2026-01-05,\n").detail is None
    assert things.land("a,b,c\n1,2026-01-05,\n").detail is None


def test_other_times_are_named_but_hold_nothing_unless_they_are_listed(lab: Labs) -> None:
    data = "a,b,c\n1,2026-01-05,soon\n2,2026-01-06,later\n"
    entry = lab(**EVENTS).land(data)
    assert (entry.status, entry.n_untyped) == ("landed", 0)
    assert "2 of 2 c not readable as times, such as 'soon' (line 2)" in str(entry.detail)
    listed = lab(**EVENTS, times=["c"])
    listed.reset()
    held = listed.land(data)
    assert held.reason == "untyped_dates"
    assert "and such values of c become blank" in str(held.detail)


def test_formats_added_later_land_what_was_held(lab: Labs) -> None:
    data = csv_of("45000", "45001.5")
    assert lab(**EVENTS).land(data).status == "held"
    entry = lab(**EVENTS | {"formats": ["us", "iso", "excel_serial"]}).land(data)
    assert (entry.status, str(entry.as_of)) == ("landed", "2023-03-16 18:00:00")


@pytest.mark.fault("meaning.day_first")
@pytest.mark.parametrize(
    ("formats", "values", "is_unclear"),
    [
        (["us"], ["05/03/2025", "5/3/2025 14:03"], True),
        (["us", "iso"], ["2025-01-20", "5/3/25"], True),
        (["%d/%m/%Y"], ["05/03/2025"], True),
        (["us"], ["05/03/2025", "5/13/2025"], False),
        (["%d/%m/%Y"], ["05/03/2025", "13/5/2025"], False),
        (["iso"], ["2025/03/05", "2025-03-05"], False),
    ],
)
def test_days_and_months_that_may_be_swapped_are_said(
    lab: Labs, formats: list[str], values: list[str], is_unclear: bool
) -> None:
    things = lab(**EVENTS | {"formats": formats})
    entry = things.land(csv_of(*values), as_of="2026-03-01")
    assert entry.status == "landed"
    assert ("month or the day is first" in str(entry.detail)) == is_unclear


def test_a_feed_without_slashes_has_no_order_of_day_and_month(lab: Labs) -> None:
    things = lab(**EVENTS | {"formats": ["iso"]})
    assert things.land(csv_of(*["28/2/2026"] * 3)).reason == "untyped_dates"


def test_one_date_tells_of_all_that_come(lab: Labs) -> None:
    things = lab(**EVENTS)
    unclear = "a,b,c\n1,3/4/2025,\n"
    detail = str(things.land(unclear).detail)
    assert "it is unknown" in detail
    assert 'put "%d/%m/%Y" first' in detail
    assert things.land("a,b,c\n2,3/5/2025,3/31/2025\n").detail is None
    assert things.land("a,b,c\n3,3/6/2025,\n").detail is None


def test_what_somebody_accepts_lands_and_is_counted(lab: Labs) -> None:
    things = lab(**EVENTS)
    held = things.land(csv_of("soon", "later"), as_of="2026-03-01")
    feeds = {"things": things.feed}
    entry = accept(things.warehouse, feeds, held.delivery_seq, "me", "known")
    assert (entry.status, entry.n_untyped) == ("landed", 2)
    assert "2 of 2 b" in str(entry.detail)


def test_known_lines_of_a_window_are_not_judged_again(lab: Labs) -> None:
    """One slip is a small share of the window, though it is the only new line."""
    window = EVENTS | {"mode": "window", "window": {"column": "b", "days": 30}}
    things = lab(**window)
    assert things.land(csv_of(n_good=60), as_of="2026-01-30").status == "landed"
    entry = things.land(csv_of("slip", n_good=60), as_of="2026-01-31")
    assert (entry.status, entry.n_untyped, entry.n_new) == ("landed", 1, 1)
    assert "1 of 61 b" in str(entry.detail)


def test_a_known_line_dates_a_list_as_it_did_before(lab: Labs) -> None:
    """Most lines are known, and the newest date stands in one of them."""
    things = lab(**EVENTS | {"mode": "snapshot", "as_of": {"newest": ["b"]}})
    assert str(things.land(csv_of(n_good=60)).as_of)[:10] == "2026-01-28"
    entry = things.land(csv_of("2025-01-01", n_good=60))
    assert (entry.status, entry.n_new) == ("landed", 1)
    assert str(entry.as_of)[:10] == "2026-01-28"


@pytest.mark.fault("meaning.day_first")
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    "times",
    [
        ["12/03/2025 08:00:02 AM", "21/03/2025 09:07:02 AM"],
        ["03/04/2025", "31/12/2025"],
        ["3/4/25 10:00", "13/4/25 10:00"],
        [*["03/04/2025"] * 100, "25/04/2025"],
        ["12/25/2025", "25/12/2025", "26/12/2025"],
    ],
)
def test_days_in_place_of_months_hold_a_delivery(
    lab: Labs, times: list[str], given: str | None
) -> None:
    entry = lab(**EVENTS).land(csv_of(*times), as_of=given)
    assert (entry.status, entry.reason) == ("held", "day_first_dates")
    assert "day above 12" in str(entry.detail)
    assert repr(times[-1]) in str(entry.detail)


@pytest.mark.parametrize(
    "time",
    [
        *("21/03/2025 09:07:02 AM", "21/3/25 9:07 pm", "21/3/2025 19:07:02"),
        *("21/03/25 09:07", "21/03/2025", "21/3/25"),
    ],
)
def test_the_pattern_that_the_message_names_reads_the_days(lab: Labs, time: str) -> None:
    held = lab(**EVENTS).land(csv_of(time, time.replace("21/", "2/", 1)))
    pattern = str(held.detail).split('"')[1]
    things = lab(**EVENTS | {"name": "others", "formats": [pattern, *EVENTS["formats"]]})
    entry = things.land(csv_of(time))
    assert (entry.status, entry.n_untyped) == ("landed", 0)
    assert str(entry.as_of).startswith("2025-03-2")


def test_a_slip_among_dates_with_the_month_first_is_only_named(lab: Labs) -> None:
    entry = lab(**EVENTS).land(csv_of(*["3/25/2025"] * 30, "25/3/2025"))
    assert (entry.status, entry.n_untyped) == ("landed", 1)


def test_a_feed_that_has_the_day_first_says_so(lab: Labs) -> None:
    things = lab(**EVENTS | {"formats": ["%d/%m/%Y"]})
    entry = things.land(csv_of("03/04/2025", "25/04/2025"))
    assert (entry.status, str(entry.as_of)) == ("landed", "2025-04-25 06:00:00")


FUTURE = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%dT%H:%M:%S}"
RANGE = {"plausible": {"from": "2000-01-01"}}


@pytest.mark.fault("meaning.implausible_dates")
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    ("value", "n"),
    [
        ("1999-12-31T23:59:59", 1),
        ("1990-01-01", 1),
        ("2000-01-01T00:30:00+00:00", 1),
        ("1999-12-31T23:30:00-08:00", 0),
        ("1/1/1999 2:00:00 AM", 1),
        ("2099-12-31T23:59:59Z", 1),
        (FUTURE, 1),
        ("2000-01-01", 0),
        ("2000-01-01T00:00:00-07:00", 0),
        (f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", 0),
    ],
    ids=map(str, range(10)),
)
def test_a_time_that_cannot_be_true_is_counted_and_dates_nothing(
    lab: Labs, value: str, n: int, given: str | None
) -> None:
    things = lab(**EVENTS | RANGE)
    entry = things.land(csv_of(value, n_good=40), as_of=given)
    assert (entry.status, entry.n_untyped) == ("landed", n)
    example = re.escape(f"'{value}' (line 42)")
    found = f"1 of 41 b not between 2000-01-01 and .*, such as {example}"
    assert bool(re.search(found, str(entry.detail))) == bool(n)
    if n and not given:
        assert str(entry.as_of) == "2026-01-28 17:00:00"
    # Staging asks the same of the row that landed.
    assert things.all(
        "select count(*) from raw.things "
        "where not raw.things_is_plausible(raw.things_time(b), _delivery_seq)"
    ) == [(n,)]


@pytest.mark.fault("meaning.implausible_dates")
@pytest.mark.parametrize("given", GIVEN)
def test_more_of_them_than_a_few_are_held(lab: Labs, given: str | None) -> None:
    things = lab(**EVENTS | RANGE)
    entry = things.land(csv_of("1999-01-01", "1998-01-01", FUTURE, n_good=40), as_of=given)
    assert (entry.status, entry.reason) == ("held", "implausible_dates")
    assert "3 of 43 b not between 2000-01-01 and " in str(entry.detail)
    assert "plausible" in str(entry.detail)
    assert "feeds.yml" in str(entry.detail)
    assert things.rows() == []
    landed = accept(
        things.warehouse, {"things": things.feed}, 1, "ann", "the rest is right"
    )
    assert (landed.status, landed.n_untyped) == ("landed", 3)


@pytest.mark.fault("meaning.implausible_dates")
def test_a_feed_of_appointments_may_look_ahead(lab: Labs) -> None:
    ahead = {"plausible": {"days_ahead": 30}}
    entry = lab(**EVENTS | ahead).land(csv_of(FUTURE, FUTURE), as_of="2026-03-01")
    assert (entry.status, entry.n_untyped) == ("landed", 0)


@pytest.mark.fault("meaning.implausible_dates")
def test_a_slip_of_the_pen_does_not_widen_what_a_file_covers(lab: Labs) -> None:
    window = {"mode": "window", "window": {"column": "b", "days": 30}}
    things = lab(**EVENTS | RANGE | window, covers={"own_dates": True})
    entry = things.land(csv_of("1990-01-01", "2098-01-01", n_good=80))
    assert (str(entry.covers_from), str(entry.covers_to)) == ("2026-01-01", "2026-01-28")


@pytest.mark.fault("meaning.mostly_rejected")
@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    ("rows", "reason", "example"),
    [
        (["1,2026-01-01,3,"] * 4, "4 for too_many_fields", "line 2: 4 fields"),
        (["1,2026-01-01"] * 4, "4 for too_few_fields", "line 2: 2 fields"),
        (["1;2026-01-01;3"] * 4, "4 for too_few_fields", "line 2: 1 fields"),
        (["1,2026-01-01,3", *["1,2"] * 10], "10 for too_few_fields", "line 3: 2 fields"),
        (["1,2026-01-01,3"] * 9 + ["1,2"] * 10, "10 for too_few_fields", "line 11: 2"),
        (['1,"a" b,3'] * 2, "2 for stray_quote", "line 2: a quote"),
        (["1,2", "1,2,3,4", "", "1"], "2 for too_few_fields", "1 for too_many_fields"),
    ],
)
def test_a_file_that_is_mostly_rejected_is_held_with_the_reasons(
    lab: Labs, rows: list[str], reason: str, example: str, given: str | None
) -> None:
    things = lab(**EVENTS)
    entry = things.land("a,b,c\n" + "\n".join(rows) + "\n", as_of=given)
    assert (entry.status, entry.reason) == ("held", "mostly_rejected")
    assert reason in str(entry.detail)
    assert example in str(entry.detail)
    assert things.counts() == (0, 0, 0)


def test_of_a_file_that_was_cut_that_is_said(lab: Labs) -> None:
    entry = lab(**EVENTS).land('a,b,c\n1,2\n2,"2026-01', as_of="2026-03-01")
    assert (entry.status, entry.reason) == ("held", "cut_mid_record")


@pytest.mark.parametrize(("n_good", "n_bad"), [(10, 10), (1, 9), (0, 1)])
def test_half_of_it_and_a_few_land_with_their_rejects(
    lab: Labs, n_good: int, n_bad: int
) -> None:
    data = "a,b,c\n" + "1,2026-01-01,\n" * n_good + "1,2\n" * n_bad
    entry = lab(**EVENTS).land(data, as_of="2026-03-01")
    assert (entry.status, entry.n_rejected) == ("landed", n_bad)


@pytest.mark.fault("text.quoting")
def test_blanks_before_quotes_are_named_as_that(lab: Labs) -> None:
    entry = lab(**EVENTS).land('"a", "b", "c"\n"1", "2026-01-01", "x"\n')
    assert (entry.status, entry.reason) == ("held", "blanks_before_quotes")


@pytest.mark.parametrize(
    ("header", "has_header"),
    [
        ("Machine,Item,Card", True),
        ("Fecha de alta,Estado,Agencia", True),
        ("x,y,z", True),
        ("108,2457,abc", False),
        ("Pothole,2026-01-01,Phone", False),
    ],
)
def test_a_header_of_other_names_points_to_aliases(
    lab: Labs, header: str, has_header: bool
) -> None:
    entry = lab(**EVENTS).land(f"{header}\n1,2026-01-01,3\n")
    assert (entry.status, entry.reason) == ("held", "no_header")
    assert ("aliases" in str(entry.detail)) == has_header
    assert ("with its header" in str(entry.detail)) == (not has_header)


def test_dates_that_cannot_be_read_are_no_case_for_giving_one(lab: Labs) -> None:
    columns = {"a": {"required": True}, "b": {}, "c": {}}
    things = lab(formats=["iso"], as_of={"newest": ["b"]}, columns=columns)
    entry = things.land("a,b,c\n1,soon,\n")
    assert (entry.status, entry.reason) == ("failed", "no_as_of")
    assert "'soon' (line 2)" in str(entry.detail)
    assert "--as-of does not make these dates readable" in str(entry.detail)
    assert "give one with --as-of" in str(things.land("a,b,c\n1,,\n").detail)
