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

from loaders.config.feeds import Feed
from loaders.files.csv_records import MAX_PLAIN_BYTES, Body, Head


def reading_of(feed: Feed, head: Head, columns: dict[str, int]) -> UUID:
    """Name, by a hash of it, all that tells what a line is beside the line itself.

    The names as sent say which lines would be headers; the feed, where the rows stand.
    """
    names = sorted(columns, key=columns.__getitem__)
    hashed = [name not in feed.volatile for name in names]
    settings = [feed.name, head.names, names, hashed, feed.null_words, feed.delimiter]
    return UUID(md5(json.dumps(settings).encode(), usedforsecurity=False).hexdigest())


def look_up(
    landing: duckdb.DuckDBPyConnection, body: Body, reading: UUID
) -> tuple[int, int]:
    """Read a body of plain lines into the temporary table `lines`.

    Of each it has the `_place` among the records, from 0, the `_line_hash`, and the
    `_row_hash`, or null for what nobody has read yet.

    Returns:
        How many lines there are, and of how many the row is known.
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
    landing.execute(
        """
        create or replace temporary table lines as
        select line_hashes.rowid as _place, line_hashes._line_hash, known._row_hash
        from line_hashes
        left join (
            select _line_hash, _row_hash from raw.known_lines where reading = ?
        ) as known using (_line_hash)
        """,
        [reading],
    )
    landing.execute("drop table line_hashes")
    counted = landing.execute("select count(*), count(_row_hash) from lines").fetchone()
    return counted or (0, 0)


def pick(body: Body, wanted: npt.NDArray[np.int64], target: Path) -> None:
    """Copy the lines at these places of a body of plain lines, behind a blank one.

    At the beginning of a file DuckDB would take U+FEFF for a mark, and not for data.
    """
    is_wanted = np.zeros(body.n_records, bool)
    is_wanted[wanted] = True
    with body.path.open("rb") as lines, target.open("wb") as copy:
        copy.write(b"\r\n" if lines.readline().endswith(b"\r\n") else b"\n")
        lines.seek(0)
        copy.writelines(compress(islice(lines, body.skip, None), is_wanted))


def remember(landing: duckdb.DuckDBPyConnection, reading: UUID) -> None:
    """Remember the rows of those of `lines` that nobody had read, by `incoming`.

    One line for a row, the last that it came in: what is volatile may change it each time.
    """
    landing.execute(
        """
        create or replace temporary table read_lines as
        select lines._line_hash, incoming._row_hash
        from incoming
        inner join lines on incoming._place = lines._place
        where lines._row_hash is null and incoming._copy = 1
        """
    )
    landing.execute(
        "delete from raw.known_lines "
        "where reading = ? and _row_hash in (select _row_hash from read_lines)",
        [reading],
    )
    landing.execute("insert into raw.known_lines select ?, * from read_lines", [reading])


def forget_all(landing: duckdb.DuckDBPyConnection, reading: UUID) -> None:
    """Forget the lines of a reading."""
    landing.execute("delete from raw.known_lines where reading = ?", [reading])
