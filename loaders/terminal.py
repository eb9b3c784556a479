"""What is printed on a terminal: tables, and texts from outside that it must not obey."""

from collections.abc import Iterable

import tabulate

# Two blanks between columns are enough: those of `status` are many.
tabulate.MIN_PADDING = 0


def printable(text: str) -> str:
    """A text from outside, safe to print: what a terminal would obey is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def table(
    header: Iterable[str], rows: Iterable[Iterable[str]], align: Iterable[str]
) -> str:
    """A table for the terminal, each column aligned `left` or `right`."""
    text: str = tabulate.tabulate(
        rows, header, "plain", colalign=tuple(align), disable_numparse=True
    )
    return text
