"""Words that may mean nothing, in columns that hold hardly anything else: pointed at.

A value that most rows have is often a real value: one city, one state, `Closed`. A word is
odd if there is evidence in its column: all other values have digits, or the word is new and
no value was in most rows of a delivery before. Without such evidence, values of only signs
are odd, and a few words that mean "no value" in any column.
"""

import duckdb

from loaders.config.feeds import Feed

# Fewer rows are no evidence; of more, so many are read first, and all if these are odd.
MIN_ROWS, N_SAMPLED = 20, 20_000
# So many other values, all with digits, make a column of numbers, dates or ids.
MIN_NUMBERS = 5
# In lower case. "Unknown" is an answer.
_ODD = (
    *("none", "null", "nil", "na", "n/a", "n.a.", "n.a", "#n/a", "nan", "nul", "void"),
    *("<null>", "(null)", "[null]", "<none>", "(none)", "undefined", "missing", "empty"),
    *("blank", "(blank)", "<blank>", "not available", "not applicable", "no data", "\\n"),
)


def odd_words(
    landing: duckdb.DuckDBPyConnection, feed: Feed, rows: str, n_rows: int
) -> str | None:
    """Say of which columns of a table of so many rows more than half is one such word."""
    found = []
    for name, word in _commonest(landing, feed, rows, n_rows).items():
        # A number is one, and a zero is none for nothing.
        if not word.strip() or any(c.isdigit() for c in word):
            continue
        n_times = _count(landing, f'{rows} where "{name}" = $word', word)
        if n_times > n_rows / 2 and _is_odd(landing, feed, rows, name, word):
            found.append(f"column {name} is {word!r} in {n_times:,} of {n_rows:,} rows")
    advice = "if that means no value, add it to the feed's null_markers in feeds.yml"
    return f"{', '.join(found)}; {advice}" if found else None


def _commonest(
    landing: duckdb.DuckDBPyConnection, feed: Feed, rows: str, n_rows: int
) -> dict[str, str]:
    """Each column's value that about half of a sample of rows has, if one does."""
    if n_rows < MIN_ROWS:
        return {}
    given = {"step": -(-n_rows // N_SAMPLED)}
    modes = ", ".join(f'mode("{name}") as "{name}"' for name in feed.columns)
    shares = ", ".join(
        f'any_value(modes."{name}"), avg(if(sample."{name}" = modes."{name}", 1, 0))'
        for name in feed.columns
    )
    found = landing.execute(
        f"""
        -- Read once: what is no sample takes far longer than the sample.
        with sample as materialized (from {rows} where rowid % $step = 0)

        select {shares} from sample, (select {modes} from sample) as modes
        """,  # noqa: S608
        given,
    ).fetchall()[0]
    values = zip(feed.columns, found[::2], found[1::2], strict=True)
    return {name: value for name, value, share in values if share > 0.45}


def _is_odd(
    landing: duckdb.DuckDBPyConnection, feed: Feed, rows: str, name: str, word: str
) -> bool:
    """Whether there is evidence that this word says nothing in its column."""
    if word.strip().lower() in _ODD or not any(c.isalnum() for c in word):
        return True
    found = landing.execute(
        f"""
        with held as (
            select "{name}" as value, _delivery_seq, count(*) as n
            from raw.{feed.name}
            group by all
        ),

        others as (
            select value from held
            union
            select "{name}" from {rows}
        ),

        deliveries as (
            select
                count(value) > 0 and max(n) filter (value is not null) <= sum(n) / 2
                    as is_varied
            from held
            group by _delivery_seq
            having sum(n) >= {MIN_ROWS}
        )

        select
            (
                select
                    count(*) >= {MIN_NUMBERS}
                    and bool_and(regexp_matches(value, '[0-9]'))
                from others where value <> $word
            )
            or (
                (select bool_and(is_varied) from deliveries)
                and not exists (from held where value = $word)
            )
        """,  # noqa: S608
        {"word": word},
    ).fetchone()
    return bool(found and found[0])


def _count(landing: duckdb.DuckDBPyConnection, rows: str, word: str = "") -> int:
    given = {"word": word} if word else {}
    found = landing.execute(f"select count(*) from {rows}", given).fetchone()  # noqa: S608
    return int(found[0]) if found else 0
