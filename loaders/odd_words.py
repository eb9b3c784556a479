"""Words that may mean nothing, in columns that hold hardly anything else: pointed at."""

import duckdb

from loaders.feeds import Feed

# Fewer rows say little; of more, so many are looked at, and all where these are odd.
MIN_ROWS, N_SAMPLED = 20, 20_000
# In lower case, without blanks around them. A zero is a number, "unknown" is an answer.
_ODD = (
    *("none", "null", "nil", "na", "n/a", "n.a.", "n.a", "#n/a", "nan", "nul", "void"),
    *("<null>", "(null)", "[null]", "<none>", "(none)", "undefined", "missing", "empty"),
    *("blank", "(blank)", "<blank>", "not available", "not applicable", "no data"),
    *("\\n", "-", "--", "---", "–", "—", ".", "..", "...", "?", "??", "*", "_", "/"),
)


def odd_words(landing: duckdb.DuckDBPyConnection, feed: Feed) -> str | None:
    """Say of which columns of the table `hashed` more than half is one such word."""
    counted = landing.execute("select count(*) from hashed").fetchone()
    n_rows = int(counted[0]) if counted else 0
    if n_rows < MIN_ROWS:
        return None
    found = []
    for name in _suspects(landing, feed, n_rows):
        word, n_times = landing.execute(
            f"""
            select "{name}", count(*) as n_times
            from hashed
            where {_is_odd(name)}
            group by "{name}"
            order by n_times desc, "{name}"
            limit 1
            """,  # noqa: S608
            {"odd": _ODD},
        ).fetchall()[0]
        if n_times > n_rows / 2:
            found.append(f"column {name} is {word!r} in {n_times:,} of {n_rows:,} rows")
    advice = "if that means nothing, add it to the feed's null_markers in feeds.yml"
    return f"{', '.join(found)}; {advice}" if found else None


def _suspects(landing: duckdb.DuckDBPyConnection, feed: Feed, n_rows: int) -> list[str]:
    """The columns that are odd in half of a sample of rows, or a little less."""
    counts = ", ".join(f"count(*) filter (where {_is_odd(name)})" for name in feed.columns)
    n_sampled, *n_odd = landing.execute(
        f"select count(*), {counts} from hashed where rowid % $step = 0",  # noqa: S608
        {"odd": _ODD, "step": -(-n_rows // N_SAMPLED)},
    ).fetchall()[0]
    return [
        name for name, n in zip(feed.columns, n_odd, strict=True) if n > 0.45 * n_sampled
    ]


def _is_odd(name: str) -> str:
    return f'strlen("{name}") < 20 and list_contains($odd, lower(trim("{name}")))'
