"""Know lines that have been read before, and what rows they are, without parsing them.

Of a window or a list that comes again most lines are the same, to the byte. The table
`raw.known_lines` says by the md5 of a line what the row's hash is; a line is read as one
column at a fraction of what parsing, and hashing by column, takes. It is a cache: without
it, more is parsed, and the same rows land.
"""

import json
from dataclasses import dataclass
from hashlib import md5
from itertools import compress, islice
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
import numpy.typing as npt

from loaders.config.feeds import Feed
from loaders.files.csv_header import Head
from loaders.files.csv_limits import MAX_PLAIN_BYTES
from loaders.files.csv_records import Body


def reading_of(feed: Feed, head: Head, columns: dict[str, int]) -> UUID:
    """Name, by a hash of it, all that tells what a line is beside the line itself.

    The names as sent say which lines would be headers; the feed, where the rows stand.
    """
    names = sorted(columns, key=columns.__getitem__)
    hashed = [name not in feed.volatile for name in names]
    settings = [feed.name, head.names, names, hashed, feed.null_words, feed.delimiter]
    return UUID(md5(json.dumps(settings).encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True)
class KnownLines:
    """A body of plain lines, beside those that have been read before.

    Its temporary table, which nobody else knows by name, is there until the next body is
    looked up on the same connection.

    Attributes:
        landing: the loader's database.
        reading: by what they are remembered: see `reading_of`.
        n_lines: how many there are.
        n_known: of how many the row is known.
    """

    landing: duckdb.DuckDBPyConnection
    reading: UUID
    n_lines: int
    n_known: int

    @property
    def known(self) -> str:
        """The relation of lines that are known: `_place` from 0, `_row_hash`."""
        return "(select _place, _row_hash from cached_lines where _row_hash is not null)"

    @property
    def unknown(self) -> str:
        """The relation of the others: their `_place`."""
        return "(select _place from cached_lines where _row_hash is null)"

    def remember(self, rows: str) -> None:
        """Remember what rows these lines are, by `_place`, `_row_hash` and `_copy`.

        One line for a row, the last that it came in: what is volatile may change it each
        time.
        """
        self.landing.execute(
            f"""
            create or replace temporary table cached_rows as
            select cached_lines._line_hash, rows._row_hash
            from {rows} as rows
            inner join cached_lines on rows._place = cached_lines._place
            where cached_lines._row_hash is null and rows._copy = 1
            """  # noqa: S608
        )
        self.landing.execute(
            "delete from raw.known_lines "
            "where reading = ? and _row_hash in (select _row_hash from cached_rows)",
            [self.reading],
        )
        self.landing.execute(
            "insert into raw.known_lines select ?, * from cached_rows", [self.reading]
        )

    def forget_all(self) -> None:
        """Forget all lines of the reading."""
        self.landing.execute(
            "delete from raw.known_lines where reading = ?", [self.reading]
        )


def look_up(landing: duckdb.DuckDBPyConnection, body: Body, reading: UUID) -> KnownLines:
    """Read a body of plain lines, and find which are known."""
    landing.execute(
        f"""
        create or replace temporary table cached_hashes as
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
        create or replace temporary table cached_lines as
        select cached_hashes.rowid as _place, cached_hashes._line_hash, known._row_hash
        from cached_hashes
        left join (
            select _line_hash, _row_hash from raw.known_lines where reading = ?
        ) as known using (_line_hash)
        """,
        [reading],
    )
    landing.execute("drop table cached_hashes")
    counted = landing.execute(
        "select count(*), count(_row_hash) from cached_lines"
    ).fetchone()
    return KnownLines(landing, reading, *(counted or (0, 0)))


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
