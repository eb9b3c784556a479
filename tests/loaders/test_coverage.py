"""Parts and wholes: what a delivery covers, and what it may withdraw."""

import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from loaders.cli.main import main
from loaders.config.feeds import Feed
from loaders.errors import UsageError
from loaders.landing.checks.anomalies import _percents
from loaders.landing.checks.coverage import dates_of
from loaders.landing.checks.neighbors import Loss
from loaders.landing.land import accept, land_file
from loaders.landing.ledger import Entry
from loaders.landing.withdraw import withdraw
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
# As real settings have it: what is allowed by mode, an id, a year.
WINDOW: dict[str, Any] = {
    "mode": "window",
    "window": {"column": "b", "days": 366},
    "as_of": {"newest": ["b"], "formats": ["%Y-%m-%d"]},
    "identity": ["a"],
    "max_withdrawn_share": None,
}
HALF, FUTURE = ("2024-01-01", "2024-06-30"), datetime(9024, 1, 1)
LIST: dict[str, Any] = {"mode": "snapshot", "identity": ["a"], "max_withdrawn_share": None}


def days(first: str, last: str, *, every: int = 1, c: str = "", ids: str = "") -> str:
    """A file with one row a day."""
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    rows = [
        f"{ids}{start + timedelta(n):%y%m%d},{start + timedelta(n)},{c}\n"
        for n in range(0, (end - start).days + 1, every)
    ]
    return "a,b,c\n" + "".join(rows)


def items(numbers: range, c: str = "x") -> str:
    return "a,b,c\n" + "".join(f"{n},,{c}\n" for n in numbers)


def land(
    things: Lab, data: str, covers: tuple[str, str] | None = None, **more: Any
) -> Entry:
    stated = (
        (date.fromisoformat(covers[0]), date.fromisoformat(covers[1])) if covers else None
    )
    path = things.file(data, more.pop("name", "things.csv"))
    (entry,) = land_file(things.warehouse, things.feed, path, covers=stated, **more)
    return entry


def counted(entry: Entry) -> tuple[str, int, int]:
    return entry.status, entry.n_withdrawn, entry.n_aged_out


@pytest.mark.fault("delivery.taken_for_whole")
@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        # An archive of the year before, with a late row of this year.
        (
            days("2024-02-01", "2025-01-31"),
            days("2023-01-01", "2023-12-31") + "late,2025-02-05,\n",
            "--covers 2023-01-01 2023-12-31",
        ),
        # The second half of a year.
        (
            days("2024-01-01", "2024-06-30"),
            days("2024-07-01", "2024-12-31"),
            "--covers 2024-07-01 2024-12-31",
        ),
        # A month.
        (
            days("2024-01-01", "2024-12-30"),
            days("2024-12-01", "2024-12-31"),
            "--covers 2024-12-01 2024-12-31",
        ),
        # A filter left on: another value, and as many rows a day.
        (
            days("2024-01-01", "2024-12-30", c="north").replace(",north", ",south", 9),
            days("2024-01-01", "2024-12-31", c="west", ids="w"),
            "all its rows have c 'west', where 2 values were",
        ),
        # A weekend's export of what should be daily.
        (
            days("2024-01-01", "2024-12-30"),
            days("2024-01-01", "2024-12-31", every=7),
            "312 of the 365 rows (85%) landed before for 2023-12-31 to 2024-12-30",
        ),
    ],
    ids=["archive", "half", "month", "filter", "weekly"],
)
def test_a_slice_of_a_window_is_held_from_the_second_delivery_on(
    lab: Labs, first: str, second: str, says: str
) -> None:
    things = lab(**WINDOW)
    assert land(things, first).status == "landed"
    state = things.counts()
    entry = land(things, second)
    assert (entry.status, entry.reason) == ("held", "withdraws_too_much"), entry.detail
    assert says in str(entry.detail)
    assert "accept" in str(entry.detail)
    assert things.counts() == state
    feeds = {"things": things.feed}
    accepted = accept(things.warehouse, feeds, entry.delivery_seq, "ann", "they are gone")
    assert accepted.status == "landed"
    assert accepted.n_withdrawn == entry.n_withdrawn > 5
    things.check_laws()


@pytest.mark.fault("delivery.taken_for_whole")
def test_what_comes_late_is_held_if_what_has_landed_would_withdraw_it(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-07-01", "2024-12-31"))
    entry = land(things, days("2024-01-01", "2024-06-30"))
    assert (entry.status, entry.reason) == ("held", "withdrawn_at_once")
    assert "lacks 182 of the 182 rows (100%)" in str(entry.detail)
    half = ("2024-01-01", "2024-06-30")
    assert land(things, days(*half), covers=half).reason == "withdrawn_at_once"


def test_deliveries_of_one_day_are_told_apart_by_their_times(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days(*HALF), given=datetime(2024, 6, 30, 12))
    entry = land(things, days(*HALF, ids="x"), given=datetime(2024, 6, 30, 8))
    assert "as of 2024-06-30 12:00:00 which is newer than this one (2024-06-30 08" in str(
        entry.detail
    )


@pytest.mark.fault("delivery.taken_for_whole")
@pytest.mark.parametrize(
    ("second", "reason", "n_withdrawn"),
    [
        (items(range(8)), "withdraws_too_much", 32),
        (items(range(40, 80)), "withdraws_too_much", 40),  # as long, of other things
        (items(range(31)), "withdraws_too_much", 9),
        (items(range(32)), None, 8),
        (items(range(40), c="y"), None, 0),  # all corrected, none gone
        ("A,B,C\n" + "".join(f"{n}.0,,\n" for n in range(40)), None, 0),
    ],
)
def test_a_short_list_is_held(
    lab: Labs, second: str, reason: str | None, n_withdrawn: int
) -> None:
    things = lab(**LIST)
    land(things, items(range(40)))
    entry = land(things, second)
    assert (entry.reason, entry.n_withdrawn) == (reason, n_withdrawn), entry.detail


def test_what_has_no_identity_is_compared_by_its_number_a_day(lab: Labs) -> None:
    things = lab(**(WINDOW | {"identity": []}))
    land(things, days("2024-01-01", "2024-12-30"))
    other = land(things, days("2024-01-01", "2024-12-31", c="restated", ids="x"))
    assert counted(other) == ("landed", 0, 0)
    fewer = land(things, days("2024-01-01", "2024-12-31", every=2))
    assert (fewer.reason, fewer.n_withdrawn) == ("withdraws_too_much", 182)
    assert "they are of 2024-01-02 to 2024-12-29" in str(fewer.detail)


@pytest.mark.fault("delivery.taken_for_whole")
def test_other_rows_without_identity_in_place_of_those_before_are_said(lab: Labs) -> None:
    things = lab(**(WINDOW | {"identity": []}))
    land(things, days("2025-01-01", "2025-03-31", c="old"))
    entry = land(things, days("2025-01-01", "2025-04-02", c="new"))
    assert counted(entry) == ("landed", 0, 0)
    assert (entry.detail or "").startswith("90 rows landed before, which have no id,")
    assert land(things, days("2025-01-01", "2025-04-03", c="new")).detail is None


def test_an_allowed_share_may_go_and_is_said(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-01-01", "2024-12-30"))
    # Two days later: one row ages out, and 36 of 364 are withdrawn.
    lines = days("2024-01-01", "2025-01-01").splitlines(keepends=True)
    entry = land(things, "".join([lines[0], *lines[2:100], *lines[136:]]))
    assert counted(entry) == ("landed", 36, 1)
    # One more would be too many for a feed that allows no more.
    strict = lab(**(WINDOW | {"name": "others", "max_withdrawn_share": 0.05}))
    land(strict, days("2024-01-01", "2024-12-30"))
    assert land(strict, "".join([lines[0], *lines[38:]])).reason == "withdraws_too_much"


@pytest.mark.fault("delivery.taken_for_whole")
@pytest.mark.parametrize("every", [2, 4])
def test_advice_for_a_slice_does_not_lead_back_to_a_hold(lab: Labs, every: int) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-01-01", "2024-12-30").replace(",\n", ",x\n", 9))
    # Two of three values that a filter left: no column tells of it.
    slice_ = days("2024-03-01", "2024-08-31", every=every).replace(",\n", ",x\n", 9)
    as_of = datetime(2024, 12, 31)
    entry = land(things, slice_, given=as_of)
    assert entry.reason == "withdraws_too_much"
    lacks = 184 - len(range(0, 184, every))
    detail = str(entry.detail)
    assert f"Of 2024-03-01 to 2024-08-31 only, it lacks {lacks} of 184 rows" in detail
    assert "--covers" not in detail
    covers = ("2024-03-01", "2024-08-31")
    again = land(things, slice_, covers=covers, given=as_of)
    assert (again.reason, again.n_withdrawn) == ("withdraws_too_much", lacks)


@pytest.mark.parametrize(
    ("share", "allowed", "said"),
    [
        (0.1004, 0.1, ("10.04%", "10%")),
        (0.3, 0.1, ("30%", "10%")),
        (0.100001, 0.1, ("10.0001%", "10%")),
        (0.13, 0.125, ("13%", "12.5%")),
        (1.0, 0.999, ("100%", "99.9%")),
        (0.0049, 0, ("0.5%", "0%")),
    ],
)
def test_shares_can_be_told_apart(
    share: float, allowed: float, said: tuple[str, str]
) -> None:
    assert _percents(share, allowed) == said


@pytest.mark.fault("delivery.vanished")
@pytest.mark.parametrize(
    ("reason", "data", "more"),
    [
        ("covers_other_dates", days("2024-07-01", "2024-07-20"), {"covers": HALF}),
        ("as_of_in_the_future", days("2024-01-03", "2024-01-20"), {"given": FUTURE}),
        ("cut_mid_record", days("2024-01-03", "2024-01-20") + '9,"cut', {}),
    ],
    ids=["other dates", "future", "cut"],
)
def test_what_is_accepted_whatever_held_it_is_held_by_its_delivery(
    lab: Labs, reason: str, data: str, more: dict[str, Any]
) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-01-01", "2024-01-20"), covers=more.get("covers"))
    held = land(things, data, **more)
    assert (held.status, held.reason) == ("held", reason)
    feeds = {"things": things.feed}
    entry = accept(things.warehouse, feeds, held.delivery_seq, "ann", "it is right")
    assert entry.status == "landed"
    n_lost = 20 if reason == "covers_other_dates" else 2
    assert entry.n_withdrawn + entry.n_aged_out == entry.n_absent == n_lost
    things.check_laws()


@pytest.mark.fault("delivery.taken_for_whole")
def test_parts_that_came_as_the_whole_land_as_the_advice_says(lab: Labs) -> None:
    things = lab(**WINDOW)
    march, february = ("2024-03-01", "2024-03-31"), ("2024-02-01", "2024-02-29")
    first = land(things, days(*march))
    entry = land(things, days(*february))
    assert entry.reason == "withdrawn_at_once"
    for said in (
        "its own rows are of 2024-02-01 to 2024-02-29, those of delivery 1 of 2024-03-01",
        "take out delivery 1 (eventmart withdraw), land its file again with --covers "
        "2024-03-01 2024-03-31, and this one with --covers 2024-02-01 2024-02-29",
    ):
        assert said in (entry.detail or "")
    withdraw(things.warehouse, first.delivery_seq or 0, "ann", "a part")
    for dates in (march, february):
        assert counted(land(things, days(*dates), dates)) == ("landed", 0, 0)


@pytest.mark.fault("delivery.taken_for_whole")
def test_of_two_slices_it_is_said_what_tells_them_apart(lab: Labs) -> None:
    things = lab(**WINDOW)
    year = ("2024-01-01", "2024-12-31")
    land(things, days(*year, c="parks", ids="p"))
    late = land(things, days(year[0], "2024-12-30", c="police", ids="q"))
    later = land(things, days(*year, c="police", ids="q"))
    for entry in (late, later):
        assert "all its rows have c 'police', where all had 'parks'" in (entry.detail or "")
    assert "Ask for one file of all rows" in (late.detail or "")
    assert "Ask for it without the filter" in (later.detail or "")


@pytest.mark.fault("delivery.taken_for_whole")
@pytest.mark.parametrize("slip", ["", "slip,2024-01-01,\n"])
def test_a_file_that_was_cut_at_an_end_is_held_however_little_it_lacks(
    lab: Labs, slip: str
) -> None:
    things = lab(**WINDOW)
    year = ("2024-01-01", "2024-12-31")
    more = "".join(f"m{n},2024-06-01,\n" for n in range(800))
    land(things, days(*year) + more)
    cut = days("2024-01-08", year[1]) + more
    entry = land(things, cut + slip)
    assert counted(entry) == ("held", 7, 0)
    assert entry.reason == "withdraws_an_end"
    for said in ("of 2024-01-01 to 2024-01-07", "--covers 2024-01-08 2024-12-31"):
        assert said in (entry.detail or "")
    covered = land(things, cut, ("2024-01-08", year[1]))
    assert counted(covered) == ("landed", 0, 0)


@pytest.mark.fault("delivery.taken_for_whole")
def test_a_file_that_ends_early_is_held(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-01-01", "2024-12-31"), given=datetime(2024, 12, 31))
    entry = land(things, days("2024-01-01", "2024-12-24"), given=datetime(2024, 12, 31, 1))
    assert (entry.reason, entry.n_withdrawn) == ("withdraws_an_end", 7)


def of_kinds(c: str) -> str:
    """A file with one row a day of a year, each twentieth of them of another kind."""
    header, *lines = days("2024-01-01", "2024-12-31").splitlines()
    kinds = [f"{line}{c if n % 20 == 7 else 'b'}" for n, line in enumerate(lines)]
    return "\n".join([header, *kinds])


@pytest.mark.fault("delivery.taken_for_whole")
def test_a_file_without_any_row_of_one_kind_is_held(lab: Labs) -> None:
    things = lab(**WINDOW)
    whole = of_kinds("open")
    land(things, whole)
    closed = "\n".join(line for line in whole.split("\n") if not line.endswith(",open"))
    entry = land(things, closed)
    assert (entry.reason, entry.n_withdrawn) == ("withdraws_a_kind", 18)
    assert "no row of it has c 'open', as 18 had" in (entry.detail or "")
    # What is told otherwise is not gone, even if a few of its rows are.
    changed = of_kinds("closed").split("\n")
    few = [line for n, line in enumerate(changed) if n not in range(8, 108, 20)]
    assert counted(land(things, "\n".join(few))) == ("landed", 5, 0)


def test_of_a_list_all_things_of_a_kind_may_go(lab: Labs) -> None:
    things = lab(**LIST)
    more = "".join(f"{n},,y\n" for n in range(100, 106))
    things.land(items(range(40)) + more)
    assert counted(things.land(items(range(40)))) == ("landed", 6, 0)


@pytest.mark.fault("delivery.creeping")
@pytest.mark.parametrize(("settings", "every"), [(WINDOW, 12), (LIST, 6)])
def test_withdrawals_that_are_small_each_time_are_judged_together(
    lab: Labs, settings: dict[str, Any], every: int
) -> None:
    things = lab(**settings)
    lines = days("2024-01-01", "2024-12-31").splitlines(keepends=True)

    def fewer() -> Entry:
        inner = [line for n, line in enumerate(lines[3:-3]) if n % every]
        lines[3:-3] = inner
        return land(things, "".join(lines))

    land(things, "".join(lines))
    assert fewer().status == "landed"
    held = fewer()
    assert (held.status, held.reason) == ("held", "withdraws_too_much")
    assert "with those that the deliveries before it withdrew" in (held.detail or "")
    assert "of delivery 1 (" in (held.detail or "")
    # What somebody accepts is not asked about again.
    feeds = {"things": things.feed}
    assert accept(things.warehouse, feeds, held.delivery_seq or 0, "a", "b").n_withdrawn
    assert fewer().status == "landed"
    assert fewer().status == "held"


@pytest.mark.fault("delivery.taken_for_whole")
@pytest.mark.parametrize("prefix", ["DEN-", "0x", "\u200b"])
def test_rows_that_come_again_with_other_ids_are_said_to(lab: Labs, prefix: str) -> None:
    def named(n_other: int) -> str:
        rows = [f"{prefix if n < n_other else ''}{n},,name {n}\n" for n in range(40)]
        return "a,b,c\n" + "".join(rows)

    things = lab(**LIST)
    land(things, named(0))
    entry = land(things, named(20))
    said = "withdrawn rows come again with all the same but a, such as '0' now "
    assert entry.reason == "withdraws_too_much"
    assert f"20 {said}{prefix + '0'!r}" in (entry.detail or "")
    assert "has these values as they were before" in (entry.detail or "")
    entry = land(things, named(6))
    assert counted(entry) == ("landed", 6, 0)
    assert f"6 {said}" in (entry.detail or "")


def test_rows_that_are_alike_but_for_their_ids_are_not_taken_for_each_other(
    lab: Labs,
) -> None:
    things = lab(**LIST)
    land(things, items(range(40)))
    entry = land(things, items(range(34)) + items(range(50, 56)).removeprefix("a,b,c\n"))
    assert counted(entry) == ("landed", 6, 0)
    assert "come again" not in (entry.detail or "")


def test_few_rows_are_no_evidence(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-12-01", "2024-12-04"))
    assert counted(land(things, days("2024-12-05", "2024-12-05"))) == ("landed", 4, 0)


@pytest.mark.fault("delivery.part_of_a_window")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_halves_that_say_what_they_cover_stand_side_by_side(
    lab: Labs, order: tuple[int, int]
) -> None:
    things = lab(**WINDOW)
    halves = [("2024-01-01", "2024-06-30"), ("2024-07-01", "2024-12-31")]
    for number in order:
        entry = land(things, days(*halves[number]), covers=halves[number])
        assert counted(entry) == ("landed", 0, 0), entry.detail
        assert (str(entry.covers_from), str(entry.covers_to)) == halves[number]
        assert entry.covers_source == "given"
    # The first half again, corrected: it is compared with itself, and nothing else.
    lines = days(*halves[0], c="corrected")
    entry = land(things, lines, covers=halves[0], given=None)
    assert counted(entry) == ("landed", 0, 0)
    assert (entry.n_new, entry.n_absent) == (182, 182)
    things.check_laws()


@pytest.mark.fault("delivery.part_of_a_window")
def test_an_archive_beside_a_rolling_window_is_judged_by_what_it_covers(lab: Labs) -> None:
    things = lab(**WINDOW)
    year = ("2024-01-01", "2024-12-31")
    land(things, days("2024-03-02", "2025-03-01"))
    late_closure = "240105,2024-01-05,closed late\n"
    whole = days(*year).replace("240105,2024-01-05,\n", late_closure)
    archive = land(things, whole, covers=year)
    # Older by its newest event; the window lacks nothing of it that it covers.
    assert counted(archive) == ("landed", 0, 0)
    # The archive once more, without most of a month that both cover.
    lines = [line for line in whole.splitlines(keepends=True) if "2024-11-" not in line]
    fewer = land(things, "".join(lines), covers=year, given=None)
    assert (fewer.status, fewer.n_withdrawn) == ("landed", 30), fewer.detail
    # And one that covers a month, of which it has nothing that was held.
    november = ("2024-11-01", "2024-11-30")
    other = land(things, days(*november, ids="x"), covers=november)
    assert other.reason in ("withdrawn_at_once", "withdraws_too_much")


def test_the_same_bytes_that_now_say_what_they_cover_are_new(lab: Labs) -> None:
    things = lab(**WINDOW)
    half = ("2024-01-01", "2024-06-30")
    assert land(things, days(*half)).status == "landed"
    assert land(things, days(*half)).status == "seen_again"
    assert land(things, days(*half), covers=half).status == "landed"
    assert land(things, days(*half), covers=half).status == "seen_again"


def test_rows_of_other_dates_than_stated_are_said_or_held(lab: Labs) -> None:
    things = lab(**WINDOW)
    half = ("2024-01-01", "2024-06-30")
    stray = land(things, days("2024-01-01", "2024-07-02"), covers=half)
    assert stray.status == "landed"
    assert "2 of its 184 rows are not of 2024-01-01 to 2024-06-30" in str(stray.detail)
    wrong = land(things, days(*half, c="y"), covers=("2023-01-01", "2023-06-30"))
    assert (wrong.status, wrong.reason) == ("held", "covers_other_dates")
    assert "its dates are 2024-01-01 to 2024-06-30" in str(wrong.detail)


def test_a_window_that_files_contradict_is_said(lab: Labs) -> None:
    things = lab(**(WINDOW | {"window": {"column": "b", "calendar_years": 1}}))
    land(things, days("2020-01-01", "2024-12-30", every=9))
    entry = land(things, days("2020-01-01", "2025-01-07", every=9, c="placed again"))
    assert entry.status == "landed"
    assert "1 calendar years and the current one, from 2024-01-01 on" in str(entry.detail)
    assert "its files reach back to 2020-01-01" in str(entry.detail)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        (r"_(?P<year>\d{4})\.csv", "requests_2023.csv", ("2023-01-01", "2023-12-31")),
        (r"(?P<year>\d{4})_H(?P<half>[12])", "r_2023_H2.csv", ("2023-07-01", "2023-12-31")),
        (
            r"(?P<year>\d{4})Q(?P<quarter>[1-4])",
            "r 2024Q1.csv",
            ("2024-01-01", "2024-03-31"),
        ),
        (r"(?P<year>\d{4})-(?P<month>\d\d)", "r_2024-02.csv", ("2024-02-01", "2024-02-29")),
        (
            r"(?P<from>\d{4}-\d\d-\d\d)_(?P<to>\d{4}-\d\d-\d\d)",
            "r_2024-02-03_2024-05-06.csv",
            ("2024-02-03", "2024-05-06"),
        ),
    ],
)
def test_a_files_name_may_say_what_it_covers(
    lab: Labs, pattern: str, name: str, expected: tuple[str, str]
) -> None:
    things = lab(**(WINDOW | {"covers": {"file_name": pattern}}))
    entry = land(things, days(*expected), name=name)
    assert (str(entry.covers_from), str(entry.covers_to)) == expected
    assert entry.covers_source == "file_name"
    assert (
        land(things, days("2024-01-01", "2024-01-31"), name="all.csv").covers_from is None
    )


def test_a_members_name_says_it_before_the_archives_and_the_caller_before_both(
    lab: Labs,
) -> None:
    things = lab(**(WINDOW | {"covers": {"file_name": r"_(?P<year>\d{4})"}}))
    path = things.file("", "all_2024.zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("part_2023.csv", days("2023-01-01", "2023-12-31"))
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert (entry.status, str(entry.covers_from)) == ("landed", "2023-01-01")
    half = ("2024-01-01", "2024-06-30")
    entry = land(things, days(*half), covers=half, name="x_2024.csv")
    assert (entry.covers_source, str(entry.covers_to)) == ("given", half[1])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rows.csv", days("2024-07-01", "2024-12-31"))
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert (entry.covers_source, str(entry.covers_from)) == ("file_name", "2024-01-01")


def test_the_first_and_the_last_date_that_are_covered_are(lab: Labs) -> None:
    things = lab(**WINDOW)
    half = ("2024-01-01", "2024-06-30")
    land(things, days(*half), covers=half)
    fewer = days("2024-01-02", "2024-06-29")
    entry = land(things, fewer, covers=half, given=datetime(2024, 7, 1))
    assert counted(entry) == ("landed", 2, 0)


def test_of_one_as_of_the_last_to_come_is_the_last_word(lab: Labs) -> None:
    things = lab(**WINDOW)
    year = ("2024-01-01", "2024-12-31")
    as_of = datetime(2024, 12, 31)
    land(things, days(*year), given=as_of)
    land(things, days(*year) + "late,2024-12-31,\n", covers=year, given=as_of)
    # What only the last of both had is held, and goes.
    entry = land(things, days(*year, c="x"), given=as_of)
    assert counted(entry) == ("landed", 1, 0)


def test_what_a_chain_had_before_is_withdrawn_once(lab: Labs) -> None:
    things = lab(**WINDOW)
    year, half = ("2024-01-01", "2024-12-31"), ("2024-07-01", "2024-12-31")
    whole = days(*year)
    land(things, whole, covers=year, given=datetime(2024, 12, 31))
    lines = whole.splitlines(keepends=True)
    fewer = "".join([*lines[:100], *lines[110:]])
    for n_withdrawn, day in ((10, 1), (0, 2)):
        entry = land(things, fewer, given=datetime(2024, 12, 31, day))
        assert counted(entry) == ("landed", n_withdrawn, 0)
    # Two chains that hold the same row, which a window after both lacks.
    late = "late,2024-12-30,\n"
    land(things, whole + late, covers=year, given=datetime(2024, 12, 31, 3))
    land(things, days(*half) + late, covers=half, given=datetime(2024, 12, 31, 4))
    entry = land(things, days(*year, c="x"), given=datetime(2024, 12, 31, 5))
    assert counted(entry) == ("landed", 1, 0)


def test_rows_that_two_chains_hold_are_judged_once_of_all_that_is_held(lab: Labs) -> None:
    things = lab(**WINDOW)
    year = ("2024-01-01", "2024-12-31")
    more = "".join(f"more {n},2024-12-30,\n" for n in range(30))
    land(things, days(*year) + "late,2024-12-30,\n", given=datetime(2024, 12, 31))
    both = days(*year) + "late,2024-12-30,\n" + more
    land(things, both, covers=year, given=datetime(2024, 12, 31, 1))
    # 31 of 397 rows, not of the 31 that the window before had not.
    entry = land(things, days(*year), given=datetime(2024, 12, 31, 2))
    assert counted(entry) == ("landed", 31, 0), entry.detail


def test_another_time_stands_for_that_of_the_window_where_a_layout_lacks_it(
    lab: Labs,
) -> None:
    as_of = {"newest": ["b", "c"], "formats": ["%Y-%m-%d"]}
    things = lab(**(WINDOW | {"as_of": as_of}))
    old = "old,,2023-01-05\n"
    land(things, "a,b,c\n1,,2024-01-05\n" + old, given=datetime(2024, 1, 6))
    entry = land(things, "a,b,c\n1,,2024-01-05\n2,,2024-01-07\n")
    assert counted(entry) == ("landed", 0, 1)


def test_a_time_in_another_format_makes_no_other_identity(lab: Labs) -> None:
    as_of = {"newest": ["b"], "formats": ["iso", "us"]}
    things = lab(**(WINDOW | {"as_of": as_of, "identity": ["a", "b"]}))
    land(things, days("2024-01-01", "2024-01-31"))
    rows = [f"2401{n:02},{n and 1}/{n}/2024,\n" for n in range(1, 32)]
    assert counted(land(things, "a,b,c\n" + "".join(rows))) == ("landed", 0, 0)


def test_a_late_delivery_says_what_later_ones_have_withdrawn(lab: Labs) -> None:
    things = lab(**WINDOW)
    land(things, days("2024-01-01", "2024-01-31"))
    entry = land(things, days("2024-01-01", "2024-01-30") + "more,2024-01-05,\n")
    assert entry.status == "landed"
    assert "1 of its rows are withdrawn by the delivery as of 2024-01-31" in str(
        entry.detail
    )


def test_one_copy_more_or_less_is_nothing_withdrawn(lab: Labs) -> None:
    things = lab(**LIST)
    land(things, items(range(40)) + "".join(f"{n},,x\n" for n in range(20)))
    assert counted(land(things, items(range(40)))) == ("landed", 0, 0)


def test_five_of_ten_are_enough_to_hold_a_list(lab: Labs) -> None:
    things = lab(**LIST)
    land(things, items(range(10)))
    assert land(things, items(range(5))).reason == "withdraws_too_much"


def test_rows_whose_ids_are_damaged_may_be_those_that_are_missing(lab: Labs) -> None:
    columns = {"a": {"required": True, "ids": True}, "b": {}, "c": {}}
    things = lab(**(LIST | {"columns": columns, "max_damaged_share": 1}))
    land(things, items(range(1, 41)))
    damaged = "".join(f"#N/A,,{n}\n" for n in range(21, 41))
    assert counted(land(things, items(range(1, 21)) + damaged)) == ("landed", 20, 0)


def test_the_case_of_an_id_makes_no_other_where_the_feed_says_so(lab: Labs) -> None:
    names = "a,b,c\n" + "".join(f"thing {chr(97 + n)},,\n" for n in range(26))
    things = lab(**LIST)
    land(things, names)
    # Ids such as 5003k and 5003K are of two things, unless somebody knows better.
    assert counted(land(things, names.replace("thing", "Thing"))) == ("held", 26, 0)
    columns = {"a": {"any_case": True}, "b": {}, "c": {}}
    things = lab(**LIST, columns=columns)
    things.reset()
    land(things, names)
    assert counted(land(things, names.replace("thing", "Thing "))) == ("held", 26, 0)
    assert counted(land(things, names.replace("thing", "Thing"))) == ("landed", 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "n_withdrawn"),
    [
        # Most have no id: those of a day are compared by their number.
        (["x", "", ""], ["", "", ""], 0),
        # Most have one: those without are, and those with by their ids.
        (["x", "y", "z", ""], ["x", "y", "z"], 1),
        (["x", "y", "z", ""], ["x", "y", ""], 1),
        # They came with ids, and these have none: nobody can tell which they are.
        (["x", "y", "z"], ["", "", ""], 3),
    ],
)
def test_rows_with_and_without_an_id_are_compared_each_in_its_way(
    lab: Labs, before: list[str], after: list[str], n_withdrawn: int
) -> None:
    things = lab(**(WINDOW | {"identity": ["a"]}))
    day = "2024-01-05"
    for rows, said, n in ((before, "old", 0), (after, "new", n_withdrawn)):
        lines = [f"{one},{day},{said}{place}\n" for place, one in enumerate(rows)]
        entry = land(things, "a,b,c\n" + "".join(lines))
        assert counted(entry) == ("landed", n, 0)


def test_losses_add_up_over_the_dates_of_both() -> None:
    one = Loss(1, 2, 3, 4, date(2024, 2, 1), date(2024, 3, 1))
    other = Loss(10, 20, 30, 40, date(2024, 1, 1), date(2024, 2, 2))
    assert one + other == Loss(11, 22, 33, 44, date(2024, 1, 1), date(2024, 3, 1))
    assert one + Loss() == one


@pytest.mark.parametrize(
    "parts",
    [
        {"year": "2024", "month": "13"},
        {"year": "0000"},
        {"from": "2024-02-30", "to": "2024-03-01"},
        {"from": "2024-03-02", "to": "2024-03-01"},
        {"year": "2024", "month": "00"},
    ],
)
def test_a_name_that_tells_no_dates_states_nothing(parts: dict[str, str]) -> None:
    assert dates_of(parts) is None


def test_each_file_may_cover_its_own_dates(lab: Labs) -> None:
    things = lab(**(WINDOW | {"covers": {"own_dates": True}}))
    for month, last in (("2024-01", 31), ("2024-03", 31), ("2024-02", 29)):
        entry = land(things, days(f"{month}-01", f"{month}-{last}"))
        assert counted(entry) == ("landed", 0, 0), entry.detail
        assert entry.covers_source == "own_dates"
        assert (str(entry.covers_from), str(entry.covers_to)) == (
            f"{month}-01",
            f"{month}-{last}",
        )
    no_dates = land(things, "a,b,c\n1,,x\n2,,x\n", given=datetime(2024, 5, 1))
    assert (no_dates.status, no_dates.reason) == ("held", "no_event_dates")
    april = ("2024-04-01", "2024-04-30")
    said = land(things, days("2024-04-02", "2024-04-29"), covers=april)
    assert (str(said.covers_from), str(said.covers_to), said.covers_source) == (
        *april,
        "given",
    )


@pytest.mark.parametrize("mode", ["snapshot", "increment"])
def test_only_windows_cover_dates(lab: Labs, mode: str) -> None:
    with pytest.raises(UsageError, match="not windows of time"):
        land(lab(mode=mode), items(range(3)), covers=("2024-01-01", "2024-01-02"))
    with pytest.raises(ValidationError, match="needs the mode window"):
        make_feed(mode="snapshot", covers={"own_dates": True})


@pytest.mark.parametrize("pattern", ["(", r"(\d{4})", r"(?P<month>\d\d)", "(?P<from>x)"])
def test_a_pattern_that_tells_no_dates_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="covers"):
        Feed.model_validate(
            make_feed(mode="window").model_dump() | {"covers": {"file_name": pattern}}
        )


def test_the_command_line_says_what_goes_and_takes_what_is_covered(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTMART_DATA", str(tmp_path / "data"))
    run = CliRunner().invoke
    header = (
        "Case Summary,Case Status,Case Source,Case Created dttm,Case Closed dttm,Agency,"
        "Major Area,Incident Address 1\n"
    )

    def requests(name: str, numbers: range, year: int = 2024) -> str:
        path = tmp_path / name
        path.write_text(
            header
            + "".join(
                f"s,New,Phone,{n % 12 + 1:02}/{n % 28 + 1:02}/{year} 10:{n % 60:02}:00 AM,,"
                f"Police,,{n} Elm\n"
                for n in numbers
            )
        )
        return str(path)

    land = ["land", "service_requests"]
    assert run(main, [*land, requests("1.csv", range(200))]).exit_code == 0
    fewer = run(main, [*land, requests("2.csv", range(9, 200)), "--as-of", "2025-01-05"])
    assert "; of the rows landed before: 8 withdrawn, 1 aged out" in fewer.output
    archive = requests("3.csv", range(200), 2023)
    as_of = ["--as-of", "2025-02-01"]
    held = run(main, [*land, archive, *as_of])
    assert held.exit_code == 3
    assert "--covers 2023-01-01 2023-12-31" in held.output
    covers = ["--covers", "2023-01-01", "2023-12-31"]
    shown = run(main, ["diff", *land[1:], archive, *as_of, *covers])
    assert (shown.exit_code, "would be landed" in shown.output) == (0, True)
    landed = run(main, [*land, archive, *as_of, *covers])
    assert (landed.exit_code, "withdrawn" in landed.output) == (0, False)
    assert run(main, ["land", *covers]).exit_code == 2
    backwards = run(main, [*land, archive, "--covers", "2023-12-31", "2023-01-01"])
    assert (backwards.exit_code, "is after" in backwards.output) == (2, True)


def test_what_may_be_among_rejects_is_not_taken_for_gone(lab: Labs) -> None:
    things = lab(**LIST)
    land(things, items(range(40)))
    broken = "".join(f"{n},,x,more\n" for n in range(20, 40))
    entry = land(things, items(range(20)) + broken)
    assert counted(entry) == ("landed", 20, 0), entry.detail
    short = lab(**(LIST | {"name": "others"}))
    land(short, items(range(40)))
    two = "".join(f"{n},,x,more\n" for n in range(2))
    assert land(short, items(range(2, 20)) + two).reason == "withdraws_too_much"
