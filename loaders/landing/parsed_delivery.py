"""A delivery between parsing and landing: its rows, all text, each with its hash.

Names of unknown columns are data: they are bound, never written into a query.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from loaders.config.feeds import Feed
from loaders.errors import DeliveryError
from loaders.files.csv_header import Head
from loaders.files.csv_limits import MAX_PLAIN_BYTES, MAX_RECORD_BYTES
from loaders.files.csv_records import Body
from loaders.landing.header import may_hold_headers
from loaders.landing.line_cache import KnownLines, pick
from loaders.landing.times import first_reading
from loaders.sql import literal, quoted

# Of so few rows, to ask whether any come twice is quicker than to make a table of those.
FEW_ROWS = 10_000
# Behind the name of a column of times, among the rows that are asked about.
FIRST_READ = " by the first reading"


class ParseError(DeliveryError):
    """DuckDB refuses what we take for good records, or counts others than we do."""


@dataclass(frozen=True)
class ParsedDelivery:
    """The rows of a delivery, in temporary tables that nobody else knows by name.

    What it offers are relations, to stand behind `from`. They are there until the next
    delivery is parsed on the same connection.

    Attributes:
        landing: the loader's database.
        feed: the settings that it was read by.
        head: what stands before the records.
        body: the records.
        columns: the position of each column in them, by its name.
        lines: of a delivery that may come again in plain lines, what is known of them.
        n_new: how many of its rows have not landed yet; known once it is loaded.
        has_copies: whether a row comes more than once; known once it is loaded.
    """

    landing: duckdb.DuckDBPyConnection
    feed: Feed
    head: Head
    body: Body
    columns: dict[str, int]
    lines: KnownLines | None = None
    n_new: int = 0
    has_copies: bool = False
    _answers: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_picked(self) -> bool:
        """Whether only lines that nobody knew were parsed: of others there is the hash."""
        return bool(self.lines and 2 * self.lines.n_known >= self.lines.n_lines > 0)

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return self.body.n_records - self.body.n_rejected - self.body.n_blank

    @property
    def n_parsed(self) -> int:
        """How many rows were parsed at first: those of `table`."""
        return self.n_rows - (self.lines.n_known if self.lines and self.is_picked else 0)

    @property
    def hashes(self) -> str:
        """All rows: `_place` in the file, `_line`, `_row_hash`, `_copy` among equals.

        Parsed rows are in file order, so where each record is one line, a row's place
        tells its line.
        """
        line = "" if self.body.numbered else f", _place + {self.head.n_lines + 1} as _line"
        copy, copies = "1", ""
        if self.has_copies:
            copy = "coalesce(parsed_copies._copy, 1)"
            copies = "left join parsed_copies using (_place)"
        return (
            f"(select rows.*{line}, {copy} as _copy "  # noqa: S608
            f"from {self._places} as rows {copies})"
        )

    @property
    def _places(self) -> str:
        """All rows by their place in the file, with their hash."""
        if self.is_picked:
            return "parsed_or_known"
        return f"(select rowid as _place, * from {self.table})"  # noqa: S608

    @property
    def known(self) -> str:
        """Of `hashes`, those that have landed before."""
        return f"(from {self.hashes} anti join parsed_new using (_place))"

    @property
    def rows(self) -> str:
        """The rows that were parsed: like `hashes`, with the feed's columns and `_extra`.

        All that have not landed yet are among them.
        """
        if not self.is_picked:
            return self.hashes
        return (
            "(select parsed_picked.*, hashes._copy, hashes._line from parsed_picked "  # noqa: S608
            f"inner join {self.hashes} as hashes using (_place, _row_hash))"
        )

    @property
    def new_rows(self) -> str:
        """Of `rows`, those that have not landed yet."""
        # Whole rows are not joined to leave out none: it takes as long again.
        if self.n_new == self.n_rows:
            return self.rows
        return f"(from {self.rows} semi join parsed_new using (_place))"

    @property
    def table(self) -> str:
        """The table of `versions` that were parsed at first, in file order by `rowid`."""
        return "parsed_at_first"

    @property
    def versions(self) -> str:
        """At least one row of each version: `_row_hash`, the feed's columns, `_extra`."""
        if not (self.lines and self.is_picked):
            return self.table
        # Of lines that are known, the rows stand in raw.
        return (
            f"(from {self.table} union all by name from raw.{self.feed.name} "
            f"semi join {self.lines.known} using (_row_hash))"
        )

    def with_lines(self, columns: list[str]) -> str:
        """All rows, known ones as they landed: `_line`, `_row_hash`, and these columns."""
        names = ", ".join(f'"{name}"' for name in columns)
        parsed = f"select _line, _row_hash, {names} from {self.rows}"  # noqa: S608
        if not self.is_picked:
            return f"({parsed})"
        return (
            f"({parsed} union all "  # noqa: S608
            f"select hashes._line, _row_hash, {names} from {self.hashes} as hashes "
            f"anti join {self.rows} as parsed using (_place) "
            f"inner join raw.{self.feed.name} using (_row_hash, _copy))"
        )

    def ask(self, *questions: str) -> tuple[Any, ...]:
        """What aggregates over `rows` come to.

        Those that were asked before are not asked again, so that the checks' questions
        can all be asked in one pass, before each check looks at the answers to its own.
        Beside the columns there are those by `FIRST_READ`.
        """
        new = [one for one in dict.fromkeys(questions) if one not in self._answers]
        if new:
            # The place and the number among equals of a row are nothing to an aggregate.
            rows = self.rows if self.is_picked else self.table
            asked = ", ".join(new)
            readings = self._first_readings if FIRST_READ in asked else ""
            found = self.landing.execute(
                f"select {asked} from (select *{readings} from {rows})"  # noqa: S608
            ).fetchone()
            self._answers.update(zip(new, found or (), strict=True))
        return tuple(self._answers[one] for one in questions)

    def insert_new(self, delivery_seq: int, change_seq: int | None) -> int:
        """Write the rows that have not landed yet into raw; count them."""
        if self.n_new == 0:
            return 0
        columns = ", ".join(f'"{name}"' for name in self.feed.columns)
        return _count(
            self.landing.execute(
                f"""
            insert into raw.{self.feed.name} by name
            select
                _row_hash, _copy, {columns}, _extra, _line,
                cast(? as bigint) as _delivery_seq, cast(? as bigint) as _change_seq
            from {self.new_rows}
            """,  # noqa: S608
                [delivery_seq, change_seq],
            )
        )

    def remember_lines(self) -> None:
        """Remember what rows its lines are, now that they land."""
        if self.lines:
            self.lines.remember(self.hashes)

    @property
    def _first_readings(self) -> str:
        """More columns: of each time the value by the first reading of the feed's formats.

        Their names have a blank, which no name of the feed's has.
        """
        times = [name for name in self.feed.time_columns if name in self.columns]
        return "".join(
            f', {first_reading(self.feed, quoted(name))} as "{name}{FIRST_READ}"'
            for name in times
        )

    # ------------------------------------------------------------ how it is made

    def loaded(self) -> "ParsedDelivery":
        """Parse the body, or those of its lines that nobody knows, and find what is new.

        Raises:
            ParseError: if DuckDB's count of records is not ours, or a row may be a header.
        """
        if self.lines:
            _check_count(self.body, self.lines.n_lines)
        if self.lines and self.is_picked:
            self._load_picked("parsed_at_first", self.lines.unknown)
        else:
            _check_count(self.body, self._load(self.body, "parsed_at_first"))
        if not self.body.numbered and may_hold_headers(
            self.landing, self.feed, self.columns, self.head, self.table
        ):
            raise ParseError("repeated_header", "a record may be a header")
        numbered = self._number()
        return replace(numbered, n_new=numbered._find_new())

    def _load_picked(self, table: str, places: str) -> None:
        """Parse the lines of a plain body at these places.

        They stand in a table, and from then on in `parsed_picked` with their places.

        Raises:
            ParseError: if DuckDB finds another number of them.
        """
        self.landing.execute(
            f"create or replace temporary table {table}_places as "  # noqa: S608
            f"select _place from {places} order by _place"
        )
        found = self.landing.execute(f"select _place from {table}_places")  # noqa: S608
        wanted = found.fetchnumpy()["_place"]
        path = self.body.path.with_name(f"{table}.csv")
        pick(self.body, wanted, path)
        body = replace(self.body, path=path, n_records=len(wanted), skip=1)
        _check_count(body, self._load(body, table))
        self.landing.execute(
            f"""
            create or replace temporary view parsed_picked as
            select {table}_places._place, {table}.*
            from {table}
            inner join {table}_places on {table}.rowid = {table}_places.rowid
            """  # noqa: S608
        )

    def _load(self, body: Body, table: str) -> int:
        """Parse and hash into a temporary table, in file order; count its rows.

        The hash is md5 over NUL name NUL value of every column that is not null and not
        volatile, by name: adding empty columns, re-ordering them, or promoting one from
        `_extra` changes no hash. No name and no value holds a NUL, so that no two rows
        join alike; a length before each value would cost more than all the rest.
        """
        hashed = sorted(name for name in self.columns if name not in self.feed.volatile)
        parts = ", ".join(
            f"case when {field} is not null then ? end, {field}"
            for field in map(self._field, hashed)
        )
        values = ", ".join(f'{self._field(name)} as "{name}"' for name in self.feed.columns)
        extras = [name for name in self.columns if name not in self.feed.columns]
        return _count(
            self.landing.execute(
                f"""
            create or replace temporary table {table} as
            select
                cast(md5(concat({parts})) as uuid) as _row_hash,
                {values},
                cast({self._extra(extras)} as varchar) as _extra
                {", cast(line as bigint) as _line" if body.numbered else ""}
            from {self._reader(body)}
            """,  # noqa: S608
                [*(f"\0{name}\0" for name in hashed), *extras, str(body.path)],
            )
        )

    def _field(self, name: str) -> str:
        """Where a column stands among the fields of a record."""
        position = self.columns.get(name)
        return "cast(null as varchar)" if position is None else f"c{position}"

    def _extra(self, extras: list[str]) -> str:
        """The unknown columns as an object in JSON; its parameters are their names."""
        if not extras:
            return "null"
        pairs = ", ".join(f"{{'name': ?, 'value': {self._field(name)}}}" for name in extras)
        return (
            f"nullif(to_json(map_from_entries(list_filter([{pairs}], "
            "lambda pair: pair.value is not null))), '{}')"
        )

    def _reader(self, body: Body) -> str:
        """The records of a body as a relation of text; its parameter is the path.

        Every option is stated, so that nothing is guessed from the data.
        """
        fields = [f"c{position}" for position in range(len(self.columns))]
        if body.numbered:
            fields.insert(0, "line")
        declared = ", ".join(f"'{field}': 'VARCHAR'" for field in fields)
        nulls = ", ".join(map(literal, self.feed.null_words))
        # Plain lines may end in CR LF, which cannot be stated; among other lines DuckDB
        # would guess wrong.
        line_end = r"new_line = '\n'," if body.numbered else ""
        # Longer lines make DuckDB refuse plain ones, too, and then they are judged here.
        longest = 2 * MAX_RECORD_BYTES if body.numbered else MAX_PLAIN_BYTES
        return f"""
            read_csv(
                ?, auto_detect = false, header = false, skip = {body.skip},
                columns = {{{declared}}}, delim = {literal(self.feed.delimiter)},
                {line_end} quote = '"', escape = '"', nullstr = [{nulls}],
                strict_mode = true, null_padding = false, max_line_size = {longest},
                buffer_size = {longest}
            )
        """

    def _number(self) -> "ParsedDelivery":
        """Number its rows among equals."""
        if self.lines and self.is_picked:
            self.landing.execute(
                f"""
                create or replace temporary table parsed_or_known as
                from {self.lines.known}
                union all
                select _place, _row_hash from parsed_picked
                """  # noqa: S608
            )
        elif self.n_rows <= FEW_ROWS:
            has_copies, *_ = self.ask(_HAS_COPIES, *self._limits)
            if not has_copies:
                return self
        return replace(self, has_copies=self._count_copies() > 0)

    def _count_copies(self) -> int:
        """Number rows that come more than once, from the second on; count these.

        Only they need counting: few, so that the window stays small.
        """
        return _count(
            self.landing.execute(
                f"""
            create or replace temporary table parsed_copies as
            select _place, _copy
            from (
                select
                    _place,
                    cast(row_number() over (
                        partition by _row_hash order by _place
                    ) as integer) as _copy
                from {self._places}
                where _row_hash in (
                    select _row_hash from {self._places}
                    group by _row_hash having count(*) > 1
                )
            )
            where _copy > 1
            """  # noqa: S608
            )
        )

    @property
    def _dated_by(self) -> list[str]:
        """Of an increment, the columns of times that are hashed."""
        if self.feed.mode != "increment":
            return []
        times = [name for name in self.feed.time_columns if name in self.columns]
        return [name for name in times if name not in self.feed.volatile]

    @property
    def _limits(self) -> list[str]:
        """Questions between which texts of a time its landed rows would be, if it has any.

        Rows with one hash have one time. An increment seldom has what came long ago, and
        DuckDB passes over blocks by their smallest and largest values: so not all hashes
        that ever landed are read, but those of the time that it is of.
        """
        if not self._dated_by:
            return []
        time = quoted(self._dated_by[0])
        return [f"count(*) - count({time})", f"min({time})", f"max({time})"]

    def _find_new(self) -> int:
        """Find the places of rows that have not landed yet; count them.

        A known line may be a new row, too, one more copy of an earlier one, and is then
        parsed as well.

        Raises:
            ParseError: if it is another row then than was remembered.
        """
        held, limits = f"raw.{self.feed.name}", []
        if self._limits:
            n_undated, *limits = self.ask(*self._limits)
            if n_undated:
                limits = []
        if limits:
            held = f"(from {held} where {quoted(self._dated_by[0])} between ? and ?)"
        n_new = _count(
            self.landing.execute(
                f"""
            create or replace temporary table parsed_new as
            select _place
            from {self.hashes}
            anti join {held} using (_row_hash, _copy)
            """,  # noqa: S608
                limits,
            )
        )
        missing = (
            f"select exists (from parsed_new anti join {self.rows} as rows using (_place))"
        )
        if self.lines and self.is_picked and _count(self.landing.execute(missing)):
            self._load_picked("parsed_again", "parsed_new")
            if _count(self.landing.execute(missing)):
                self.lines.forget_all()
                raise ParseError(
                    "not_known", "lines are not the rows that were stored for them"
                )
        return n_new


# Without a table to count in, for which few rows are too few.
_HAS_COPIES = "list_unique(list(_row_hash)) < count(*)"


def _check_count(body: Body, n_parsed: int) -> None:
    """Check DuckDB's count of good records against our own."""
    if n_parsed != body.n_records - body.n_rejected - body.n_blank:
        raise ParseError(
            "count_mismatch",
            f"{body.n_records} records by our count, {body.n_rejected} rejected, "
            f"{body.n_blank} blank, but {n_parsed} parsed; nothing was landed",
        )


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0
