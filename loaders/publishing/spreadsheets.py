"""Cells that a spreadsheet would run: told, and said in a way that it only shows."""

import re
from collections.abc import Iterable

# What spreadsheets skip or do not show, before a formula begins.
_UNSEEN = (
    "\\x00-\x08\x0b\x0c\x0e-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f"
    "\u205f-\u2064\u3000\ufeff"
)
# Full-width and small forms are taken for the plain ones.
_BEGINS = "=\uff1d\ufe66+\uff0b\ufe62@\uff20\ufe6b\u2212\uff0d\ufe63\\-"
# In a text, another separator or a line's end begins a cell where a spreadsheet splits
# by it. Read alike by Python and by RE2.
FORMULA = f"(^|[;\\t\\r\\n])([{_UNSEEN}]*)([{_BEGINS}])"
_FORMULA = re.compile(FORMULA)


def neutral(value: object) -> object:
    """A value that a spreadsheet shows and does not run: a `'` before what begins one."""
    return _FORMULA.sub(r"\1'\2\3", value) if isinstance(value, str) else value


def formulas_sql(columns: Iterable[str]) -> str:
    """How many values of these columns of text in a row begin a formula, in SQL."""
    each = (f"cast(regexp_matches({column}, '{FORMULA}') as int)" for column in columns)
    return " + ".join(f"coalesce({one}, 0)" for one in each) or "0"


def neutral_sql(column: str) -> str:
    """The same of a column of text, in SQL."""
    return f"regexp_replace({column}, '{FORMULA}', '\\1''\\2\\3', 'g')"
