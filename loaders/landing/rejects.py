"""Records that were not read, as people list, correct and replay them."""

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from loaders.files.csv_records import Body


class Reject(NamedTuple):
    """A rejected record, where it stands and why."""

    delivery_seq: int
    feed: str
    uri: str
    member: str | None
    line: int
    byte_offset: int
    reason: str
    detail: str
    raw: bytes


def rejects_of(body: Body) -> str:
    """The rejects of a parsed body as a relation; its parameter is their file's path."""
    return f"""
        read_csv(
            ?, auto_detect = false, header = false, columns = {{
                'line': 'BIGINT', 'byte_offset': 'BIGINT', 'raw': 'VARCHAR',
                'reason': 'VARCHAR', 'detail': 'VARCHAR'
            }}, delim = ',', quote = '"',
            max_line_size = {2 * body.longest_reject + 1000}
        )
        """


def open_rejects(
    landing: duckdb.DuckDBPyConnection, feed: str | None, delivery: int | None
) -> Iterator[Reject]:
    """Those that have not been replayed, of one feed or delivery if one is named."""
    found = landing.execute(
        """
        select
            landed_seq, rejects.feed, uri, member, line, byte_offset,
            rejects.reason, rejects.detail, raw_bytes
        from raw.open_rejects as rejects
        inner join raw.deliveries on landed_seq = deliveries.delivery_seq
        where rejects.feed = coalesce(?, rejects.feed)
            and landed_seq = coalesce(?, landed_seq)
        order by landed_seq, line
        """,
        [feed, delivery],
    )
    while rows := found.fetchmany(1000):
        yield from map(Reject._make, rows)
