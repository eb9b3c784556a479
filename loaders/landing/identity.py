"""What identifies an event, or a thing of a list: one definition, for loader and facts.

A feed lists the columns in `feeds.yml`. They make an expression by which the loader finds
what a delivery would withdraw, and a macro in the landing database by which staging tells
the same events: what differs for one differs for the other.
"""

from loaders.config.feeds import Feed
from loaders.landing.times import clock_time, utc_time
from loaders.sql import quoted

# As clean_text() does in staging.
_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


def identity(feed: Feed) -> str:
    """The identity of a raw row as text, an SQL expression; null if it has none.

    Where a column of it is personal, the text is hashed with the installation's secret.
    """
    if not feed.identity:
        return "cast(null as varchar)"
    text = _joined(feed, feed.identity)
    if feed.identity_else:
        is_told = f"{_part(feed, feed.identity[0])} is not null"
        text = (
            f"case when {is_told} then {text} else {_joined(feed, feed.identity_else)} end"
        )
    if any(feed.columns[name].personal for name in _columns(feed)):
        # By the name that the database has for the loader and for staging alike.
        text = f"landing.raw.keyed_text({text})"
    return text


def is_told_by_ids(feed: Feed) -> str:
    """Whether the source itself tells the identity of a raw row, an SQL expression.

    Then several rows of one identity are one event; else they are as many.
    """
    if not feed.identity or not {*feed.identity} <= {*feed.id_columns}:
        return "false"
    return " and ".join(f"{_part(feed, name)} is not null" for name in feed.identity)


def macros(feed: Feed) -> dict[str, str]:
    """A feed's macro in the landing database, whose parameters are the columns."""
    if not feed.identity:
        return {}
    parameters = ", ".join(quoted(name) for name in _columns(feed))
    return {f"{feed.name}_identity({parameters})": identity(feed)}


def _columns(feed: Feed) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*feed.identity, *feed.identity_else)))


def _joined(feed: Feed, columns: tuple[str, ...]) -> str:
    """Values of columns as one text; null if there are none."""
    parts = [_part(feed, name) for name in columns]
    texts = ", ".join(f"coalesce({part}, chr(1))" for part in parts)
    return (
        f"case when coalesce({', '.join(parts)}) is not null "
        f"then concat_ws(chr(0), {texts}) end"
    )


def _part(feed: Feed, column: str) -> str:
    """The value of a column, so that layouts which write it otherwise agree."""
    name = quoted(column)
    text = f"nullif(regexp_replace(trim({name}, {_BLANKS}), '[.]0+$', ''), '')"
    if feed.columns[column].any_case:
        text = f"lower({text})"
    if column in feed.time_columns:
        time_of = clock_time if feed.columns[column].by_clock else utc_time
        return f"coalesce(cast({time_of(feed, name)} as varchar), {text})"
    return text
