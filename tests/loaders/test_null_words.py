"""Words that mean nothing: in any case, by default or by setting, and pointed at."""

from collections.abc import Callable
from typing import Any

import pytest

from loaders.config.feeds import load_feeds
from tests.lab import Lab

Labs = Callable[..., Lab]
FEEDS = load_feeds()


def rows_of(*words: str) -> str:
    return "a,b,c\n" + "".join(f"{n},{word},x\n" for n, word in enumerate(words))


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize("quote", ["", '"'])
def test_some_words_always_mean_nothing(lab: Labs, quote: str) -> None:
    words = [
        *("\\N", "NULL", "null", "Null", "<Null>", "<NULL>", "<null>"),
        *("(NULL)", "(Null)", "(null)", "NaN", "nan", "N/A", "n/a", ""),
        *("NaT", "<NA>", "[NULL]"),
    ]
    things = lab()
    things.land(rows_of(*(quote + word + quote for word in words)))
    assert [b for _, b, _ in things.rows()] == [None] * len(words)


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize(
    "word", ["None", "NONE", "NA", "-", "--", "Nullo", "NULLs", "\\NN", "Nan", "0", " null"]
)
def test_words_that_may_be_names_stay(lab: Labs, word: str) -> None:
    things = lab()
    things.land(rows_of(word))
    assert things.rows() == [("0", word, "x")]


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("none", ["none", "None", "NONE"]),
        ("NA", ["NA", "na", "Na"]),
        ("not available", ["NOT AVAILABLE", "Not Available", "Not available"]),
        ("<nil>", ["<nil>", "<NIL>", "<Nil>"]),
        ("k.A.", ["k.A.", "K.A.", "k.a."]),
        ("空", ["空"]),
        ("-", ["-"]),
    ],
)
def test_a_marker_counts_in_any_case(lab: Labs, marker: str, words: list[str]) -> None:
    things = lab(null_markers=[marker])
    things.land(rows_of(*words, f"{marker}!"))
    assert [b for _, b, _ in things.rows()] == [None] * len(words) + [f"{marker}!"]


def test_a_feed_may_keep_words_that_mean_nothing_elsewhere(lab: Labs) -> None:
    things = lab(default_null_markers=False, null_markers=["none"])
    things.land(rows_of("Null", "None", "N/A"))
    assert [b for _, b, _ in things.rows()] == ["Null", None, "N/A"]


@pytest.mark.parametrize("delimiter", ["/", "<", "\\", "N"])
def test_a_delimiter_may_stand_in_a_word(lab: Labs, delimiter: str) -> None:
    things = lab(delimiter=delimiter)
    things.land(f"a{delimiter}b\n1{delimiter}null\n".replace(",", delimiter))
    assert things.rows() == [("1", None, None)]


@pytest.mark.fault("text.null_markers", "delivery.vanished")
@pytest.mark.parametrize("mode", ["snapshot", "increment"])
def test_blanks_written_as_words_are_the_same_rows(lab: Labs, mode: str) -> None:
    things = lab(mode=mode, null_markers=["None"])
    blanks = "a,b,c,d\n" + "".join(f"{n},,x,\n" for n in range(30))
    things.land(blanks, as_of="2024-01-01")
    for day, word in enumerate(["NULL", "None", "\\N", "<Null>", "n/a", "NONE"], 2):
        data = blanks.replace(",,", f",{word},").replace(",\n", f",{word}\n")
        entry = things.land(data, as_of=f"2024-01-{day:02}")
        assert (entry.n_new, entry.n_known, entry.n_absent) == (0, 30, 0), word
        assert entry.detail == "unknown columns kept: d"


# ---------------------------------------------------------------- pointed at

POINTED_AT = [
    (["None"] * 35 + ["Public Works"] * 5, "column b is 'None' in 35 of 40 rows"),
    (["-"] * 20, "column b is '-' in 20 of 20 rows"),
    (["NA", "x"] * 20 + ["NA"], "column b is 'NA' in 21 of 41 rows"),
    ([" n.a. "] * 30 + ["", "y"], "column b is ' n.a. ' in 30 of 32 rows"),
    (["?"] * 21 + [""] * 19, "column b is '?' in 21 of 40 rows"),
    (["[null]"] * 25, "column b is '[null]' in 25 of 25 rows"),
]


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize(("words", "said"), POINTED_AT)
def test_a_column_of_hardly_anything_but_a_null_word_is_pointed_at(
    lab: Labs, words: list[str], said: str
) -> None:
    detail = lab().land(rows_of(*words)).detail
    assert detail == (
        f"{said}; if that means no value, add it to the feed's null_markers in feeds.yml"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["None"] * 19,
        ["None", "x"] * 20,
        ["None"] * 14 + ["-"] * 14,
        ["Unknown"] * 40,
        ["0"] * 40,
        [""] * 40,
        ["NULL"] * 40,
    ],
    ids=["few", "half", "two words", "an answer", "a number", "blanks", "null"],
)
def test_other_columns_are_not_pointed_at(lab: Labs, words: list[str]) -> None:
    assert lab().land(rows_of(*words)).detail is None


WORDS = [
    *("entfällt", "néant", "sin dato", "non disponibile", "brak danych", "saknas"),
    *("не указано", "δεν υπάρχει", "不明", "해당 없음", "لا يوجد", "לא ידוע", "yok"),
]
NUMBERS = [str(n) for n in range(15)]


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize("word", WORDS)
def test_a_word_among_numbers_is_pointed_at(lab: Labs, word: str) -> None:
    said = f"column b is {word!r} in 25 of 40 rows"
    assert said in str(lab().land(rows_of(*[word] * 25, *NUMBERS)).detail)


@pytest.mark.fault("text.null_markers")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "before", [["", "x", "y"], ["x", "y", "z"]], ids=["blank", "varied"]
)
def test_a_word_is_pointed_at_where_others_were_before(
    lab: Labs, word: str, before: list[str]
) -> None:
    things = lab()
    assert things.land(rows_of(*before * 10)).detail is None
    said = f"column b is {word!r} in 30 of 30 rows"
    assert said in str(things.land(rows_of(*[word] * 30)).detail)
    # Nobody has called it odd: it is a value now.
    assert things.land(rows_of(*[word] * 31)).detail is None


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ([], ["Denver"] * 30),
        ([], ["Closed"] * 30 + NUMBERS[:4]),
        ([], ["REAR"] * 30 + ["2B", "FRONT", *NUMBERS]),
        ([["x", "y", "Closed"] * 10], ["Closed"] * 40),
        ([["April"] * 30], ["May"] * 40),
        ([["x", "y", *["April"] * 28]], ["May"] * 40),
        ([["x", "y", "z"] * 10, ["April"] * 40], ["May"] * 50),
        ([[""] * 30], ["Web"] * 40),
        ([["x", "y"] * 9], ["Web"] * 40),
        ([["1", "2", "3"] * 10], ["4"] * 40),
    ],
    ids=[
        *(
            "one city",
            "few numbers",
            "words too",
            "known",
            "one each",
            "mostly one",
            "one at last",
        ),
        *("blank before", "few before", "a number"),
    ],
)
def test_a_value_that_most_rows_have_may_be_one(
    lab: Labs, before: list[list[str]], words: list[str]
) -> None:
    things = lab()
    for n, delivered in enumerate(before):
        things.land(rows_of(*delivered).replace(",x\n", f",{n}\n"))
    assert things.land(rows_of(*words).replace(",x\n", ",new\n")).detail is None


def test_of_a_long_file_all_rows_count(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loaders.landing.checks.odd_words.N_SAMPLED", 10)
    things = lab()
    # By a sample of every 8th row, all of them would be odd; by all rows, half are not.
    words = ["None", *["x"] * 7] * 10
    assert things.land(rows_of(*words)).detail is None
    detail = things.land(rows_of(*["None"] * 79, "x")).detail
    assert "in 79 of 80 rows" in str(detail)


@pytest.mark.parametrize("feed", ["service_requests", "accidents"])
@pytest.mark.parametrize("word", ["None", "NONE", "null", "<Null>", "\\N", "NaN"])
def test_the_city_has_no_such_values(feed: str, word: str) -> None:
    assert word in FEEDS[feed].null_words


def test_a_product_may_be_called_none(lab: Labs) -> None:
    settings: dict[str, Any] = FEEDS["products"].model_dump()
    things = lab(**settings | {"name": "things"})
    things.land("product_id,product_name\n1,None\n2,NA\n3,NULL\n", as_of="2024-01-01")
    assert [name for _, name, *_ in things.rows()] == ["None", "NA", None]
