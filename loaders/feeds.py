"""Feed settings: `feeds.yml`, validated."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loaders.errors import UsageError

FEEDS_FILE = Path(__file__).with_name("feeds.yml")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


def canonical(header: str) -> str:
    """A header as a column name: its letters and digits in lower case, joined by `_`.

    `Case Summary`, `CASE_SUMMARY` and ` case-summary ` are one column.
    """
    return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")


class Settings(BaseModel):
    """Base of all settings: an unknown or misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Settings):
    """One column of a feed: other headers it has had, and whether it must be there."""

    required: bool = False
    aliases: tuple[str, ...] = ()


class AsOf(Settings):
    """Where the date comes from that a delivery speaks for."""

    file_name: str | None = None
    newest: tuple[Name, ...] = ()
    formats: tuple[str, ...] = ()
    arrival: bool = False


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
        """The first day that a delivery of this as-of covers."""
        if self.days is not None:
            return as_of.date() - timedelta(days=self.days)
        return date(as_of.year - (self.calendar_years or 0), 1, 1)


class Layout(Settings):
    """A vintage of a feed's header, recognised by columns it has and lacks."""

    name: Name
    has: tuple[Name, ...] = Field(min_length=1)
    lacks: tuple[Name, ...] = ()
    series: Name = "main"


class Feed(Settings):
    """One feed: where it comes from, what it looks like, what absence means."""

    name: Name
    description: str
    mode: Literal["increment", "window", "snapshot"]
    format: Literal["csv", "geojson"] = "csv"
    sources: tuple[str, ...] = ()
    member: str = "*.csv"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encodings: tuple[Literal["utf-8", "cp1252-via-cp850", "cp1252", "latin-1"], ...] = (
        Field(default=("utf-8",), min_length=1)
    )
    null_markers: tuple[str, ...] = ()
    as_of: AsOf
    window: Window | None = None
    layouts: tuple[Layout, ...] = Field(min_length=1)
    volatile: tuple[Name, ...] = ()
    columns: dict[Name, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> "Feed":
        mentioned = {*self.volatile, *self.as_of.newest}
        mentioned |= {c for layout in self.layouts for c in layout.has + layout.lacks}
        if self.window:
            mentioned.add(self.window.column)
        if unknown := sorted(mentioned - set(self.columns)):
            raise ValueError(f"not among its columns: {', '.join(unknown)}")
        if (self.mode == "window") != (self.window is not None):
            raise ValueError("a feed has a window if, and only if, its mode is window")
        if self.as_of.newest and not self.as_of.formats:
            raise ValueError("as_of: newest needs formats")
        headers = [canonical(h) for c in self.columns.values() for h in c.aliases]
        headers += self.columns
        if twice := sorted({h for h in headers if headers.count(h) > 1}):
            raise ValueError(f"headers of more than one column: {', '.join(twice)}")
        return self

    @property
    def by_header(self) -> dict[str, str]:
        """Canonical header -> column name, aliases included."""
        aliases = {canonical(h): n for n, c in self.columns.items() for h in c.aliases}
        return {name: name for name in self.columns} | aliases

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
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {name: _feed(path, name, e) for name, e in document["feeds"].items()}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: is not YAML: {error}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(
            f"{path}: expected a mapping `feeds:` of feed names to settings"
        ) from error


def _feed(path: Path, name: str, entry: dict[str, object]) -> Feed:
    try:
        return Feed.model_validate({"name": name, **entry})
    except ValidationError as error:
        faults = [
            f"  {'.'.join(map(str, fault['loc'])) or '(the whole entry)'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        message = "\n".join([f"{path}: feed {name!r} is not valid:", *faults])
        raise UsageError(message) from error
