"""From a fact's key to the file and the line, word for word, that it came from."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from loaders.config.feeds import Feed
from loaders.config.paths import Paths
from loaders.errors import EventmartError, UsageError
from loaders.files.csv_reader import record_at
from loaders.files.kept_files import kept, restore
from loaders.landing.database import open_landing
from loaders.landing.schema import migrate
from loaders.publishing.versions import open_published
from loaders.sql import quoted


@dataclass(frozen=True)
class Origin:
    """Where a fact's row was first read.

    Attributes:
        fact: the fact table.
        uri: the file as it was delivered; `member` the file inside, if it was a zip.
        line: the physical line on which the record starts, header = 1.
        header: the file's header, columns as sent, as a record of CSV.
        text: the record as sent, decoded; None if the kept bytes have expired.
        is_withdrawn: whether the delivery is withdrawn now: if the fact is there once that
            is built, another delivery holds the same row.
    """

    fact: str
    feed: str
    uri: str
    member: str | None
    delivery_seq: int
    line: int
    header: str
    text: str | None
    is_withdrawn: bool


def trace(paths: Paths, feeds: dict[str, Feed], key: str) -> Origin:
    """Find the source line of a fact by its key, in the published file.

    Raises:
        UsageError: if it is not a key, or no fact has it.
    """
    try:
        wanted = UUID(key)
    except ValueError as error:
        raise UsageError(
            f"{key!r} is not a key: keys are UUIDs, see any fct_ table"
        ) from error
    fact, delivery_seq, line = _find(paths.published / paths.build.name, wanted)
    migrate(paths.landing, patience=5)
    with open_landing(paths.landing, read_only=True, patience=5) as landing:
        row = landing.execute(
            "select feed, uri, member, sha256, encoding, header, "
            "delivery_seq in (from raw.withdrawals) from raw.deliveries "
            "where delivery_seq = ?",
            [delivery_seq],
        ).fetchone()
    if row is None:
        raise EventmartError(f"delivery {delivery_seq} is not in {paths.landing}")
    feed, uri, member, sha256, encoding, header, is_withdrawn = row
    text = None
    drop = kept(paths.drops, sha256)
    if drop and feed in feeds and feeds[feed].format == "csv":
        with TemporaryDirectory() as folder:
            plain = restore(drop, Path(folder) / "plain")
            delimiter = feeds[feed].delimiter
            text = record_at(plain, line, delimiter, encoding, Path(folder))
    return Origin(fact, feed, uri, member, delivery_seq, line, header, text, is_withdrawn)


def _find(published: Path, key: UUID) -> tuple[str, int, int]:
    with open_published(published) as connection:
        # A fact's own key is its first column. Views of facts hold nothing that these do
        # not.
        facts = connection.execute(
            """
            select keys.table_name, keys.column_name
            from duckdb_columns() as keys
            inner join duckdb_tables() as tables
                on keys.schema_name = tables.schema_name
                and keys.table_name = tables.table_name
            inner join duckdb_columns() as lines
                on keys.schema_name = lines.schema_name
                and keys.table_name = lines.table_name
                and lines.column_name = '_line'
            where keys.schema_name = 'marts' and keys.column_index = 1
            order by keys.table_name
            """
        ).fetchall()
        for fact, column in facts:
            row = connection.execute(
                "select cast(_delivery_seq as bigint), cast(_line as bigint) "  # noqa: S608
                f"from marts.{quoted(fact)} where {quoted(column)} = ?",
                [key],
            ).fetchone()
            if row and None not in row:
                return f"marts.{fact}", *row
    raise UsageError(f"no fact has the key {key}")
