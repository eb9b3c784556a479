"""Know lines that have been read before, and what rows they are, without parsing them.

Of a window or a list that comes again most lines are the same, to the byte. The table
`raw.known_lines` says by the md5 of a line what the row's hash is; a line is read as one
column at a fraction of what parsing, and hashing by column, takes. It is a cache: without
it, more is parsed, and the same rows land.
"""

import json
from hashlib import md5
from itertools import compress, islice
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
import numpy.typing as npt

from loaders.feeds import Feed
from loaders.records import MAX_PLAIN_BYTES, Body

Places = npt.NDArray[np.int64]


def reading_of(feed: Feed, columns: dict[str, int]) -> UUID:
    """Name all that a row's hash depends on beside its line, by a hash of that."""
    names = sorted(columns, key=columns.__getitem__)
    hashed = [name not in feed.volatile for name in names]
    settings = [names, hashed, feed.null_markers, feed.delimiter]
    return UUID(md5(json.dumps(settings).encode(), usedforsecurity=False).hexdigest())


def look_up(landing: duckdb.DuckDBPyConnection, body: Body, reading: UUID) -> int:
    """Read a body of plain lines into the temporary table `lines`; count these.

    Of each it has the `_place` among the records, from 0, the `_line_hash`, and the
    `_row_hash`, or null for what nobody has read yet.
    """
    landing.execute(
        f"""
        create or replace temporary table line_hashes as
        select md5_number(line) as _line_hash
        from read_csv(
            ?, auto_detect = false, header = false, skip = {body.skip},
            columns = {{'line': 'VARCHAR'}}, delim = '\x01', quote = '', escape = '',
            strict_mode = true, max_line_size = {MAX_PLAIN_BYTES},
            buffer_size = {MAX_PLAIN_BYTES}
        )
        """,  # noqa: S608
        [str(body.path)],
    )
    counted = landing.execute(
        """
        create or replace temporary table lines as
        select line_hashes.rowid as _place, line_hashes._line_hash, known._row_hash
        from line_hashes
        left join (
            select _line_hash, _row_hash from raw.known_lines where reading = ?
        ) as known using (_line_hash)
        """,
        [reading],
    ).fetchone()
    landing.execute("drop table line_hashes")
    return int(counted[0]) if counted else 0


def unknown(landing: duckdb.DuckDBPyConnection) -> Places:
    """The places of `lines` that nobody has read yet."""
    return places(landing, "lines where _row_hash is null")


def places(landing: duckdb.DuckDBPyConnection, rows: str) -> Places:
    """The places of these rows, in order."""
    found = landing.execute(f"select _place from {rows} order by _place")  # noqa: S608
    return found.fetchnumpy()["_place"]


def pick(body: Body, wanted: Places, target: Path) -> None:
    """Copy the lines at these places of a body of plain lines."""
    is_wanted = np.zeros(body.n_records, bool)
    is_wanted[wanted] = True
    with body.path.open("rb") as lines, target.open("wb") as copy:
        copy.writelines(compress(islice(lines, body.skip, None), is_wanted))


def remember(landing: duckdb.DuckDBPyConnection, reading: UUID) -> None:
    """Remember what rows those of `lines` are that nobody had read, by `incoming`.

    A line once: of a row that comes more than once, only one is sure to be of other text
    than the others.
    """
    landing.execute(
        """
        insert into raw.known_lines
        select ?, lines._line_hash, incoming._row_hash
        from incoming
        inner join lines on incoming._place = lines._place
        where lines._row_hash is null and incoming._copy = 1
        """,
        [reading],
    )
