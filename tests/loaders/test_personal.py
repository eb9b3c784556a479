"""Text of deliveries, and above all personal text: where it does not go."""

from collections.abc import Callable

import pytest

from loaders.cli.render import rehearsal_text, result_line
from loaders.errors import DeliveryError
from loaders.landing.dry_run import rehearse
from loaders.landing.ingest import take
from loaders.sources.base import Fetched, Offer
from tests.lab import Lab

Labs = Callable[..., Lab]
SECRET = "Zq9Xw"
PERSONAL = {"a": {"required": True}, "b": {"personal": True, "ids": True}, "c": {}}


@pytest.mark.fault("hostile.personal")
@pytest.mark.parametrize(
    "data",
    [
        f"KIOSK7,{SECRET},deadbeefcafe001122\n1,2,3\n",
        f"Kiosk,{SECRET},Name\n1,2,3\n",
        f"{SECRET},{SECRET},x\n1,2,3\n",
        f"{SECRET}@x.org,1,2\n1,2,3\n",
        f'x,"y" {SECRET}\n1,2\n',
        f'x, "{SECRET}"\n1,2\n',
        f"{SECRET}\n",
        f"a;b;{SECRET}\n1;2;3\n",
        f"Report of {SECRET}\n\na,b,c\n1,2,3\n",
        f"a,b,{SECRET}123\n",
        f"b,c,{SECRET}123\n1,2,3\n",
        f'a,b,c\n1,"{SECRET}\n',
        "a,b,c\n" + f"1,{SECRET}\n" * 20,
        "a,b,c\n" + f'1,{SECRET}"x"{SECRET},3\n' * 20,
        "a,b,c\n" + f"1,{SECRET}é,3\n" * 9 + f"1,{SECRET}\N{LATIN SMALL LETTER E}\xff,3\n",
    ],
    ids=range(15),
)
def test_no_word_of_a_record_is_in_what_is_said_of_a_delivery(lab: Labs, data: str) -> None:
    entry = lab().land(data.encode("latin-1"))
    assert SECRET not in f"{entry.reason} {entry.detail} {result_line(entry)}"


@pytest.mark.fault("hostile.personal")
@pytest.mark.parametrize(
    ("settings", "values", "said"),
    [
        ({}, [f"=2013{SECRET}"] * 3, "damaged b: '…' (line 2)"),
        ({"as_of": {"newest": ["b"]}, "formats": ["iso"]}, [SECRET] * 3, "such as '…'"),
        ({"max_preamble_lines": 1}, ["1"], "lines before the header: 1"),
    ],
    ids=["damaged_ids", "untyped_dates", "preamble"],
)
def test_no_value_of_a_personal_column_is_said(
    lab: Labs, settings: dict[str, object], values: list[str], said: str
) -> None:
    things = lab(columns=PERSONAL, **settings)
    before = f"{SECRET}, the report\n" if "max_preamble_lines" in settings else ""
    data = before + "a,b,c\n" + "".join(f"1,{value},3\n" for value in values)
    entry = things.land(data, as_of="2024-01-01")
    assert said in str(entry.detail)
    assert SECRET not in str(entry.detail)
    public = {**PERSONAL, "b": {"ids": True}}
    things.feed = things.feed.model_validate(things.feed.model_dump() | {"columns": public})
    # The same, where it is not personal: it is the setting that hides it.
    entry = things.land(data + "1,,\n", as_of="2024-01-01")
    assert (SECRET in str(entry.detail)) == ("max_preamble_lines" not in settings)


@pytest.mark.fault("hostile.personal")
def test_a_filter_and_a_rehearsal_show_no_value_of_a_personal_column(lab: Labs) -> None:
    things = lab(
        columns={name: {**PERSONAL[name], "ids": False} for name in PERSONAL},
        mode="snapshot",
        identity=["a"],
        max_withdrawn_share=0.1,
    )
    rows = [f"{n},{SECRET}{n % 2},3\n" for n in range(40)]
    things.land("a,b,c\n" + "".join(rows), as_of="2024-01-01")
    path = things.file("a,b,c\n" + "".join(rows[::2]), "half.csv")
    entry = things.land(path.read_bytes(), "half.csv", as_of="2024-01-02")
    assert entry.reason == "withdraws_too_much"
    assert "all its rows have b '…', where 2 values were" in str(entry.detail)
    path = things.file(f"a,b,c\n50,{SECRET},new\n", "2024-01-03.csv")
    offer = Offer(str(path), None, lambda *_: Fetched(path, None), is_local=True)
    (rehearsal,) = rehearse(things.warehouse, things.feed, offer)
    text = rehearsal_text(rehearsal)
    assert "line 2: 50,…,new" in text
    assert SECRET not in text


@pytest.mark.fault("hostile.personal")
@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"invalid literal for int() with base 10: '{SECRET}'"),
        KeyError(SECRET),
        ValueError(f"CSV Error on Line: 3\nOriginal Line: {SECRET},2"),
        ValueError(f'Could not convert string "{SECRET}\'s" to INT32'),
        ValueError(f"near `{SECRET}`"),
    ],
    ids=["quotes", "key", "lines", "double_quotes", "backquotes"],
)
def test_a_failure_that_nobody_foresaw_shows_no_value(lab: Labs, error: Exception) -> None:
    things = lab()

    def fetch(*_: object) -> None:
        raise error

    taken = take(things.warehouse, things.feed, Offer("x", None, fetch))
    (entry,) = taken.entries
    assert entry.reason == "unexpected_error"
    assert type(error).__name__ in str(entry.detail)
    assert SECRET not in str(entry.detail)


@pytest.mark.fault("hostile.personal")
def test_what_is_not_the_files_is_said_whole(lab: Labs) -> None:
    things = lab()

    def fetch(*_: object) -> None:
        raise DeliveryError("unreadable", "x.csv: 'No such file'")

    (entry,) = take(things.warehouse, things.feed, Offer("x", None, fetch)).entries
    assert entry.detail == "x.csv: 'No such file'"
