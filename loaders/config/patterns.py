"""Patterns of the settings, matched in time that grows with the text and no faster.

RE2 matches them, which comes with DuckDB. It knows neither look-around nor references
back, by which Python's own may take longer than anybody waits.
"""

import re
from functools import lru_cache

import duckdb

_MAX_LENGTH = 1000
# So many wildcards in one part of a path: the work grows with their power.
_MAX_STARS = 4


@lru_cache(maxsize=100)
def groups(pattern: str) -> tuple[str, ...]:
    """The groups of a pattern, by name or else by number.

    Raises:
        ValueError: if it is none that both Python and RE2 can read.
    """
    if len(pattern) > _MAX_LENGTH:
        raise ValueError(f"is longer than {_MAX_LENGTH:,} characters")
    try:
        compiled = re.compile(pattern)
        duckdb.execute("select regexp_matches('', ?)", [pattern])
    except (re.error, RecursionError, OverflowError, duckdb.Error) as error:
        # The first line says what is wrong, the others where.
        why = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        message = (
            f"is not a regular expression of RE2, which never takes long to match: {why}"
        )
        raise ValueError(message) from error
    names = {number: name for name, number in compiled.groupindex.items()}
    return tuple(names.get(n, str(n)) for n in range(1, compiled.groups + 1))


def search(pattern: str, text: str) -> dict[str, str]:
    """What the groups of a pattern hold, '' if nothing, as where it does not match.

    Args:
        pattern: one that has groups.
        text: such as a file's name; bytes that are not text are escaped.
    """
    row = duckdb.execute(
        "select regexp_extract(?, ?, ?)",
        [text.encode("utf-8", "backslashreplace").decode(), pattern, [*groups(pattern)]],
    ).fetchone()
    return dict(row[0]) if row else {}


def check_glob(pattern: str) -> None:
    """Check that a glob is quick to match, and cannot leave the folder it is of.

    Raises:
        ValueError: saying what it must not have.
    """
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts:
        raise ValueError(f"{pattern}: leads out of the inbox; name files below it")
    if not pattern.strip("./") or "\0" in pattern:
        raise ValueError(f"{pattern!r}: does not name a file")
    if any("**" in part and part != "**" for part in parts) or parts[-1] == "**":
        raise ValueError(f"{pattern}: ** stands for folders: **/*.csv")
    if parts.count("**") > 1 or any(part.count("*") > _MAX_STARS for part in parts):
        raise ValueError(
            f"{pattern}: takes too long to match; use ** once, and at most {_MAX_STARS} * "
            "in one name"
        )
