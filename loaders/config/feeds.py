"""Feed settings: `feeds.yml`, validated."""

import unicodedata
from collections.abc import Hashable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import duckdb
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from loaders.config import patterns, urls
from loaders.errors import UsageError

try:
    # In C, and so some ten times as fast; not in each build of PyYAML.
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

FEEDS_FILE = Path(__file__).parents[1] / "feeds.yml"
Encoding = Literal["utf-8", "utf-16", "cp1252-via-cp850", "cp1252", "latin-1"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=60)]
# DuckDB's parser takes NUL for the end of its text.
Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]
# Formats of times that have a name; any other is a pattern of strptime.
NAMED_FORMATS = ("iso", "us", "excel_serial", "epoch_s", "epoch_ms", "epoch_us")
# Tables of the loader's own, beside those of the feeds.
RESERVED = (
    *("deliveries", "presence", "rejects", "open_rejects"),
    *("file_stamps", "known_lines", "format", "feed_times", "feed_settings"),
    *("rows_by_delivery", "withdrawals", "ledger_chain"),
)
# What databases, Python, spreadsheets and Esri write for nothing, and hardly anybody for
# something. `NA`, `None` and `-` may be names, so that feeds name them themselves.
_NULL_WORDS = (
    *("\\N", "NULL", "Null", "null", "<NULL>", "<Null>", "<null>"),
    *("(NULL)", "(Null)", "(null)"),
    *("NaN", "NAN", "nan", "N/A", "n/a", "NaT", "<NA>", "[NULL]"),
)


class _Spaced(dict[int, str]):
    """Code point -> the character, or a blank for what is no letter, digit or mark.

    Looked up once each: headers may be megabytes long.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        return self.setdefault(
            code, char if unicodedata.category(char)[0] in "LNM" else " "
        )


_SPACED = _Spaced()


def canonical(header: str) -> str:
    """A header as a column name: its letters and digits in lower case, joined by `_`.

    `Case Summary`, `CASE_SUMMARY` and ` case-summary ` are one column. Letters of any
    script are kept, with the marks that distinguish some; one letter written in two ways
    is one. A header without any is ''.
    """
    folded = unicodedata.normalize("NFKC", header).casefold()
    text = unicodedata.normalize("NFKC", folded).translate(_SPACED)
    return "_".join(word for word in text.split() if any(map(str.isalnum, word)))


class Settings(BaseModel):
    """Base of all settings: an unknown or misspelt key is an error."""

    # What is dumped can be read again.
    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Column(Settings):
    """One column of a feed: other headers it has had, and whether it must be there.

    A column of long random text, such as hashes, is `incompressible`: trying to compress
    it would cost a quarter of the landing, and gain nothing. One of `ids` holds the ids
    of something, which a spreadsheet may have damaged. Values of a `personal` one are in
    no message, ledger or log. In an identity, text in `any_case` is the same in upper and
    lower case, and a time `by_clock` is what the clock showed, whatever its offset.
    """

    required: bool = False
    aliases: tuple[str, ...] = ()
    ids: bool = False
    incompressible: bool = False
    personal: bool = False
    any_case: bool = False
    by_clock: bool = False


def _known_formats(formats: tuple[str, ...]) -> tuple[str, ...]:
    try:
        for form in set(formats) - {*NAMED_FORMATS}:
            duckdb.execute("select try_strptime('', ?)", [form])
            if "%" not in form:
                names = ", ".join(NAMED_FORMATS)
                raise ValueError(f"{form!r} is not a pattern, and not one of: {names}")
    except duckdb.Error as error:
        raise ValueError(str(error)) from error
    return formats


# How times are written, the commonest first: see `NAMED_FORMATS`.
Formats = Annotated[tuple[Word, ...], AfterValidator(_known_formats)]


class AsOf(Settings):
    """The source of a delivery's as-of.

    Its `formats` are the feed's, as earlier settings have them.
    """

    file_name: str | None = None
    newest: tuple[Name, ...] = ()
    formats: Formats = ()
    arrival: bool = False

    @field_validator("file_name")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None and len(patterns.groups(pattern)) != 1:
            raise ValueError("needs one group: the date")
        return pattern


class Plausible(Settings):
    """The range of possible times of a feed's events; other times are mistakes.

    Attributes:
        first: the first date, `from` in feeds.yml.
        days_ahead: how many days after a row was received its time may be.
    """

    first: date = Field(default=date(1990, 1, 1), alias="from")
    days_ahead: int = Field(default=1, ge=0, le=36_525)


class Covers(Settings):
    """How a delivery of a window states which dates it covers, where it does.

    Outside of these its absences mean nothing: halves of a year, months, yearly archives.

    Attributes:
        file_name: a pattern with the groups `from` and `to` (dates), or `year` with
            `month`, `quarter` or `half`, if it is less than the year.
        own_dates: whether each file covers from its first to its last event date.
    """

    file_name: str | None = None
    own_dates: bool = False

    @field_validator("file_name")
    @classmethod
    def _groups(cls, pattern: str | None) -> str | None:
        found = patterns.groups(pattern or "")
        groups = {name for name in found if not name.isdecimal()}
        parts = groups - {"year"}
        is_part = "year" in groups and len(parts) <= 1
        is_part = is_part and parts <= {"month", "quarter", "half"}
        if pattern is not None and groups != {"from", "to"} and not is_part:
            raise ValueError(
                "needs the groups `from` and `to`, or `year` with at most one of `month`, "
                "`quarter` and `half`"
            )
        return pattern


class Window(Settings):
    """How far back from its as-of a delivery reaches."""

    column: Name
    days: int | None = Field(default=None, gt=0)
    calendar_years: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_length(self) -> "Window":
        if (self.days is None) == (self.calendar_years is None):
            raise ValueError("give either days or calendar_years")
        return self

    def start(self, as_of: datetime) -> date:
        """The first day that a delivery of this as-of covers wholly."""
        if self.days is not None:
            # The window begins at an hour of the day before.
            return as_of.date() - timedelta(days=self.days - 1)
        return date(as_of.year - (self.calendar_years or 0), 1, 1)

    @property
    def length(self) -> str:
        """Its length in words."""
        if self.days is not None:
            return f"{self.days} days"
        return f"{self.calendar_years} calendar years and the current one"


class Layout(Settings):
    """A vintage of a feed's header, recognised by columns it has and lacks."""

    name: Name
    has: tuple[Name, ...] = Field(min_length=1)
    lacks: tuple[Name, ...] = ()
    series: Name = "main"


class Query(Settings):
    """A query of PostgreSQL: which database, what to ask, by what to know new rows."""

    dsn_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    sql: str = Field(min_length=1)
    cursor: Name

    @field_validator("sql")
    @classmethod
    def _one_statement(cls, sql: str) -> str:
        if sql.rstrip().endswith(";"):
            raise ValueError("is used inside another query: remove the ; at its end")
        return sql


class Limits(Settings):
    """What an archive may unpack to, in bytes really read; beyond it is a bomb.

    Real CSV shrinks 5 to 50 times and repetitive CSV some more; deflate ends at 1,032.
    What unpacks to little harms nobody, however well it shrank. And how long one field
    may be: a label stands in many rows of many tables.
    """

    total_bytes: int = Field(default=100 << 30, gt=0)
    ratio: int = Field(default=200, gt=0)
    ratio_above_bytes: int = Field(default=64 << 20, ge=0)
    entries: int = Field(default=100_000, gt=0)
    field_bytes: int = Field(default=8 << 10, gt=0)


class Feed(Settings):
    """One feed: where it comes from, what it looks like, what absence means."""

    name: Name
    description: str
    mode: Literal["increment", "window", "snapshot"]
    format: Literal["csv", "geojson"] = "csv"
    sources: tuple[str, ...] = ()
    query: Query | None = None
    member: str = "*.csv"
    delimiter: str = Field(default=",", pattern=r"^[\t !#-~]$")
    encodings: tuple[Encoding, ...] = Field(default=("utf-8",), min_length=1)
    max_preamble_lines: int = Field(default=0, ge=0, le=1000)
    pad_short_rows: bool = False
    limits: Limits = Limits()
    null_markers: tuple[Word, ...] = ()
    zone: str = "UTC"
    formats: Formats = ()
    times: tuple[Name, ...] = ()
    plausible: Plausible = Plausible()
    max_untyped_share: float = Field(default=0.05, ge=0, le=1)
    default_null_markers: bool = True
    as_of: AsOf
    window: Window | None = None
    covers: Covers = Covers()
    max_withdrawn_share: float | None = Field(default=None, ge=0, le=1)
    layouts: tuple[Layout, ...] = Field(min_length=1)
    volatile: tuple[Name, ...] = ()
    identity: tuple[Name, ...] = ()
    identity_else: tuple[Name, ...] = ()
    max_damaged_share: float = Field(default=0.05, ge=0, le=1)
    foreign: tuple[Name, ...] = ()
    columns: dict[Name, Column] = Field(min_length=1)

    @field_validator("sources")
    @classmethod
    def _below_the_inbox(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for source in sources:
            if not urls.scheme(source):
                patterns.check_glob(source)
        return sources

    @field_validator("member")
    @classmethod
    def _a_name(cls, member: str) -> str:
        if "/" in member:
            raise ValueError("is matched against names without their folders: *.csv")
        patterns.check_glob(member)
        return member

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            duckdb.execute("select timezone(?, timestamp '2000-01-01')", [zone])
        except duckdb.Error as error:
            raise ValueError(
                f"is not a time zone such as America/Denver: {zone}"
            ) from error
        return zone

    @model_validator(mode="after")
    def _consistent(self) -> "Feed":
        if self.name in RESERVED:
            raise ValueError(f"raw.{self.name} is a table of the loader itself")
        if "rowid" in self.columns:
            raise ValueError(
                "rowid is DuckDB's own row number; no column can have this name"
            )
        identity = {*self.identity, *self.identity_else}
        mentioned = {*self.volatile, *identity, *self.as_of.newest, *self.times}
        mentioned |= {c for layout in self.layouts for c in layout.has + layout.lacks}
        if self.window:
            mentioned.add(self.window.column)
        if unknown := sorted(mentioned - set(self.columns)):
            raise ValueError(f"not among its columns: {', '.join(unknown)}")
        if unstable := sorted(identity & set(self.volatile)):
            raise ValueError(f"identity: cannot be volatile: {', '.join(unstable)}")
        if self.identity_else and not self.identity:
            raise ValueError("identity_else: needs an identity that it stands in for")
        if own := sorted(set(self.foreign) & set(self.by_header)):
            raise ValueError(f"foreign: names columns of the feed itself: {', '.join(own)}")
        if (self.mode == "window") != (self.window is not None):
            raise ValueError("a feed has a window if, and only if, its mode is window")
        if self.mode != "window" and self.covers != Covers():
            raise ValueError(
                "covers: needs the mode window, because only a window has dates"
            )
        if self.formats and self.as_of.formats:
            raise ValueError("formats: given twice; remove those of as_of")
        if self.time_columns and not self.time_formats:
            raise ValueError("as_of: newest, or a window, needs formats to read dates by")
        for source in self.remote_sources:
            try:
                urls.check(source)
            except UsageError as error:
                raise ValueError(f"sources: {error}") from error
        if self.query:
            self._check_query(self.query)
        self._check_headers()
        return self

    def _check_headers(self) -> None:
        owner = {name: name for name in self.columns}
        for name, column in self.columns.items():
            for alias in column.aliases:
                header = canonical(alias)
                if not header:
                    raise ValueError(f"alias {alias!r} of {name} has no letter or digit")
                if owner.setdefault(header, name) != name:
                    raise ValueError(f"headers of more than one column: {header}")

    def _check_query(self, query: Query) -> None:
        if self.mode != "increment":
            raise ValueError("query: returns new rows only, so the mode must be increment")
        if self.format != "csv" or self.delimiter != "," or self.encodings[0] != "utf-8":
            raise ValueError("query: its rows are csv, with commas, in utf-8")
        if query.cursor in self.volatile:
            # Rows that differ only by it would count as one.
            raise ValueError(f"query: its cursor {query.cursor} cannot be volatile")

    @property
    def id_columns(self) -> tuple[str, ...]:
        """Columns of ids, of its own events or of things that these name."""
        return tuple(name for name, column in self.columns.items() if column.ids)

    def quote(self, column: str, value: str) -> str:
        """A value as messages show it, if they may."""
        return "'…'" if self.columns[column].personal else repr(value[:40])

    @property
    def inbox_globs(self) -> tuple[str, ...]:
        """Those of its sources that are globs below the inbox."""
        return tuple(source for source in self.sources if not urls.scheme(source))

    @property
    def remote_sources(self) -> tuple[str, ...]:
        """Those of its sources that are URLs."""
        return tuple(source for source in self.sources if urls.scheme(source))

    @property
    def time_formats(self) -> tuple[str, ...]:
        """How its times are written, the commonest first."""
        return self.formats or self.as_of.formats

    @property
    def time_columns(self) -> dict[str, bool]:
        """Those of its columns that are times, and whether their values must be readable.

        They must in `times`, and where the column is required; a value may be blank.
        """
        window = (self.window.column,) if self.window else ()
        return {
            name: name in self.times or self.columns[name].required
            for name in (*self.as_of.newest, *window, *self.times)
        }

    @property
    def event_times(self) -> tuple[str, ...]:
        """The required columns that tell when an event was, the first of them first."""
        window = (self.window.column,) if self.window else ()
        names = dict.fromkeys((*window, *self.as_of.newest))
        return tuple(name for name in names if self.columns[name].required)

    @property
    def null_words(self) -> tuple[str, ...]:
        """What means nothing, in each spelling; '' always does."""
        words = [word for word in _NULL_WORDS if self.delimiter not in word]
        cases = (str, str.lower, str.upper, str.capitalize, str.title)
        spelled = [case(marker) for marker in self.null_markers for case in cases]
        # A database tells nulls from words itself.
        defaults = words if self.default_null_markers and not self.query else []
        return tuple(dict.fromkeys(("", *defaults, *spelled)))

    @property
    def by_header(self) -> dict[str, str]:
        """Canonical header -> column name, aliases included."""
        aliases = {canonical(h): n for n, c in self.columns.items() for h in c.aliases}
        return {name: name for name in self.columns} | aliases

    @property
    def withdrawn_share_allowed(self) -> float:
        """The share of covered events that a delivery may withdraw without being held."""
        if self.max_withdrawn_share is not None:
            return self.max_withdrawn_share
        # A list is short, and what is sold changes; the past of a city hardly does.
        return 0.2 if self.mode == "snapshot" else 0.1

    def layout_of(self, columns: Sequence[str]) -> Layout | None:
        """The first layout that fits these columns."""
        there = set(columns)
        for layout in self.layouts:
            if there.issuperset(layout.has) and there.isdisjoint(layout.lacks):
                return layout
        return None


def load_feeds(path: Path = FEEDS_FILE) -> dict[str, Feed]:
    """Read and validate the feed settings.

    Raises:
        UsageError: naming the file, the entry, the key and what is wrong with it.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is not a regular file")  # A device may have no end.
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    match document:
        case {"feeds": {**entries}} if entries and len(document) == 1:
            feeds = [_feed(path, name, entry) for name, entry in entries.items()]
            return {feed.name: feed for feed in feeds}
    raise UsageError(f"{path}: expected one mapping `feeds:`, of feed names to settings")


def _feed(path: Path, name: object, entry: object) -> Feed:
    if not isinstance(entry, dict) or "name" in entry:
        raise UsageError(f"{path}: feed {name!r}: expected settings, without a name")
    if "zone" not in entry and path != FEEDS_FILE:
        # Files of one's own from before feeds had zones: those of the project apply.
        entry = {"zone": _own_zones().get(name, "UTC"), **entry}
    try:
        return Feed.model_validate({"name": name, **entry})
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'as a whole'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        message = f"{path}: feed {name!r} is not valid: {'; '.join(faults)}"
        raise UsageError(message) from error


@cache
def _own_zones() -> dict[object, str]:
    """The zones of the project's own feeds."""
    return {feed.name: feed.zone for feed in load_feeds().values()}


class _Loader(SafeLoader):
    """YAML without the trap that the last of two equal keys replaces the first."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        keys = [self.construct_object(key) for key, _ in node.value]
        for (key, _), name in zip(node.value, keys, strict=True):
            if keys.count(name) > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"{name!r} comes twice", problem_mark=key.start_mark
                )
        return super().construct_mapping(node, deep)
