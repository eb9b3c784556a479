"""What a spreadsheet would run: told, in Python and in SQL alike."""

import duckdb
import pytest

from loaders.publishing.spreadsheets import formulas_sql, neutral, neutral_sql
from tests.lab import short

RUN = {
    **{text: f"'{text}" for text in ("=1+1", "+2", "-3", "@SUM(1)", "-", "=")},
    # Full-width and small forms, and the minus of typesetters.
    **{
        f"{char}1": f"'{char}1"
        for char in "\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
    },
    # What is not seen before it.
    **{
        f"{char}=1": f"'{char}=1"
        for char in " \v\f\0\x1c\x7f\xa0\xad\u200b\u2060\ufeff\u3000"
    },
    "  \ufeff=1": "'  \ufeff=1",
    # Where other separators, or a line's end, begin a cell.
    "a;=1": "a;'=1",
    "a; \uff1d1;@b": "a;' \uff1d1;'@b",
    "a\t+1": "a\t'+1",
    "\t=1": "\t'=1",
    "\r\n \n=1": "\r\n \n'=1",
    "a\n=1\r\n-2": "a\n'=1\r\n'-2",
    ";=;=": ";'=;'=",
}
SHOWN = [
    *("", "a", "a=1", "1-2", "a,=1", "'=1", '"=1+1"', "|cmd", "%0A=1", "a; b", "\n", " ; "),
    *("\u2013 a dash", "\u00e9=", "a@b.org", "#N/A", "\U0001f600", "\u0660-\u0661"),
]


def in_sql(text: str | None) -> tuple[object, int]:
    neutral_text, n_formulas = duckdb.execute(
        f"select {neutral_sql('text')}, {formulas_sql(['text', 'text'])} "
        "from (select cast(? as varchar) as text)",
        [text],
    ).fetchone() or (None, 0)
    return neutral_text, n_formulas


@pytest.mark.fault("hostile.formula")
@pytest.mark.parametrize(("text", "shown"), RUN.items(), ids=short)
def test_what_would_be_run_gets_an_apostrophe(text: str, shown: str) -> None:
    assert neutral(text) == shown
    assert in_sql(text) == (shown, 2)
    # Once is enough.
    assert neutral(shown) == shown


@pytest.mark.parametrize("text", SHOWN, ids=short)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text
    assert in_sql(text) == (text, 0)


def test_what_is_no_text_stays() -> None:
    assert [neutral(value) for value in (-5, None, -0.5, True)] == [-5, None, -0.5, True]
    assert in_sql(None) == (None, 0)
    assert formulas_sql([]) == "0"
