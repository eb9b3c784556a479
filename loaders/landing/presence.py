"""Which raw rows a delivery holds that stands: others have the change number 0."""

import duckdb

_HELD = """
    (
        _delivery_seq in (
            select delivery_seq from raw.deliveries
            where status = 'landed' and mode = 'increment'
                and delivery_seq not in (from raw.withdrawals)
        )
        or (_row_hash, _copy) in (
            select (_row_hash, _copy) from raw.presence
            where feed = $feed and _change_seq > 0
        )
    )
"""


def mark_all(landing: duckdb.DuckDBPyConnection, feed: str, change_seq: int) -> None:
    """Mark the raw rows of a feed by whether a delivery holds them, after a withdrawal."""
    landing.execute(
        f"update raw.{feed} set _change_seq = 0 where _change_seq > 0 and not {_HELD}",  # noqa: S608
        {"feed": feed},
    )
    landing.execute(
        f"update raw.{feed} set _change_seq = $change_seq "  # noqa: S608
        f"where _change_seq = 0 and {_HELD}",
        {"feed": feed, "change_seq": change_seq},
    )


def mark_rows(
    landing: duckdb.DuckDBPyConnection, feed: str, change_seq: int, rows: str
) -> None:
    """Mark raw rows that only withdrawn deliveries held as held again by these rows."""
    landing.execute(
        f"update raw.{feed} set _change_seq = $change_seq "  # noqa: S608
        "where _change_seq = 0 "
        f"and (_row_hash, _copy) in (select (_row_hash, _copy) from {rows})",
        {"change_seq": change_seq},
    )
