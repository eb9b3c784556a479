"""What the models of a new feed are called, and the columns that they have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import duckdb

from loaders.new_feed.guess import Guess
from loaders.new_feed.survey import Facts

# Names that the models use themselves, or the macros that they call.
_OURS = (
    "event_identity identity_key is_identified event_date window_date time_quality "
    "set_aside_reason has_untyped_values fate record_state row_rank n_rows_at_once "
    "was_reinstated last_held_at series came_place came_at left_place left_at left_as "
    "is_alone arrived_as next_arrived_as differing_columns version_number "
    "first_arrived_as first_differing_columns valid_from_at valid_to_at run_rank "
    "identity_end_place version_arrived_as ended_as changed_columns time_with_offset "
    "is_latest has_different_rows row_number_in_event is_listed last_held_place "
    "last_clean_place change_rank version_rank"
)
# Words of SQL in one dialect or another, which the linter asks about in an alias.
_WORDS = (
    "account accounts alias audit backup box change circle date datetime depth disk div "
    "empty expression fields file format future geography geometry hash host hosts keys "
    "least less line lines list locale locks log logs long loop model modify money monitor "
    "objects offline online operation path pipe plain point polygon prefix print process "
    "provider public raw remainder repeat resource roles routine routines safe scalar "
    "serial settings shares signal stage stages starts stop stream streams successful "
    "summary support task tasks timing top uid undo usage users uuid variables vector "
    "warehouse weekday while"
)
_TIME_SUFFIX = re.compile(r"_?(date_?time|datetime|dttm|timestamp|date|time|ts|at|dt|on)$")
Group = Literal["keys", "text", "numbers", "dates", "timestamps"]


@dataclass(frozen=True)
class Sent:
    """A column of the files, and what staging makes of it.

    Attributes:
        name: what the feed calls it.
        out: what models call it.
        typed: the expression that types it; empty for text as sent.
        examples: two values that differ, for tests, as YAML.
    """

    name: str
    out: str
    sql_type: str
    group: Group
    typed: str = ""
    examples: tuple[str, str] = ("one", "two")

    @property
    def is_key(self) -> bool:
        """Whether it is a part of the identity."""
        return self.group == "keys"

    @property
    def description(self) -> str:
        """The doc block that tells what it means."""
        kinds = {"keys": "key", "dates": "date", "timestamps": "time", "numbers": "number"}
        return block(f"sent_{kinds.get(self.group, 'text')}")


@dataclass(frozen=True)
class Time:
    """The column that says when an event was, and what models call it."""

    name: str
    at: str
    date: str


@dataclass(frozen=True)
class Plan:
    """The names of a feed's models and of their columns."""

    feed: str
    source: str
    guess: Guess
    time: Time | None
    columns: tuple[Sent, ...]

    @property
    def staging(self) -> str:
        """The staging model."""
        return f"stg_{self.source}__{self.feed}"

    @property
    def keys(self) -> list[str]:
        """What identifies an event, as models call it."""
        moment = [f"{self.time.at}_utc"] if self.time and self.has_time_in_key else []
        return [column.out for column in self.columns if column.is_key] + moment

    @property
    def has_time_in_key(self) -> bool:
        """Whether the time of the event is a part of its identity, and never moves."""
        return bool(self.time and self.time.name in self.guess.identity)

    @property
    def is_told_by_id(self) -> bool:
        """Whether one column identifies, so that a second row of it is no other event."""
        return len(self.guess.identity) == 1 and not self.has_time_in_key

    def of(self, *groups: Group) -> list[Sent]:
        """The columns of some groups, in the order of the files."""
        return [column for column in self.columns if column.group in groups]


def block(name: str) -> str:
    """A description that is a doc block."""
    return f"'{{{{ doc(\"{name}\") }}}}'"


def make_plan(feed: str, source: str, guess: Guess) -> Plan:
    """Decide what everything is called."""
    taken = set(_OURS.split()) | {f"{feed}_key", f"{feed}_version_key"}
    time = None
    if guess.time:
        held = taken | set(guess.facts) - {guess.time}
        stem = next(
            stem
            for stem in (_stem(guess.time), "occurred", f"{feed}_occurred")
            if stem and not {f"{stem}_at", f"{stem}_at_utc", f"{stem}_date"} & held
        )
        time = Time(guess.time, f"{stem}_at", f"{stem}_date")
        taken |= {time.at, f"{time.at}_utc", time.date}
    columns = []
    for facts in guess.facts.values():
        if facts.name != guess.time:
            columns.append(_sent(feed, facts, facts.name in guess.identity, taken))
            taken.add(columns[-1].out)
    return Plan(feed, source, guess, time, tuple(columns))


def _sent(feed: str, facts: Facts, is_key: bool, taken: set[str]) -> Sent:
    """What staging makes of a column that is not the time of the event."""
    raw = f"sent_{facts.name}"
    if is_key:
        typed = f"{{{{ id_text('{raw}') }}}}" if facts.is_digits else ""
        return Sent(facts.name, _free(facts.name, taken), "varchar", "keys", typed)
    if facts.kind == "time":
        suffix, sql_type = ("at", "timestamp") if facts.has_clock else ("date", "date")
        is_said = re.search(r"_at$" if facts.has_clock else "_(on|date)$", facts.name)
        name = facts.name if is_said else f"{_stem(facts.name) or facts.name}_{suffix}"
        out = _free(name, taken)
        typed = f"{{{{ feed_time('{feed}', '{raw}') }}}}"
        typed = typed if facts.has_clock else f"cast({typed} as date)"
        group: Group = "timestamps" if facts.has_clock else "dates"
        return Sent(facts.name, out, sql_type, group, typed, ("2024-03-05", "2024-03-06"))
    if facts.kind == "text":
        return Sent(facts.name, _free(facts.name, taken), "varchar", "text")
    sent = f"decimal_point('{raw}')" if facts.has_comma else f"'{raw}'"
    typed = f"{{{{ round_trip_cast({sent}, '{facts.sql_type}') }}}}"
    out = _free(facts.name, taken)
    return Sent(facts.name, out, facts.sql_type, "numbers", typed, ("1", "2"))


def _stem(name: str) -> str:
    """The name of a time without what only says that it is one."""
    return _TIME_SUFFIX.sub("", name)


def _free(name: str, taken: Iterable[str]) -> str:
    """A name that nothing else has, and that SQL takes for one."""
    if name in taken or name.startswith("sent_") or _kind_of_word(name) not in ("", "word"):
        name = f"{name}_value"
    while name in taken:
        name = f"{name}_"[:60] + "2"
    return name


def is_word_of_sql(name: str) -> bool:
    """Whether a linter asks about this name where it stands for a column."""
    return name in _WORDS.split() or bool(_kind_of_word(name))


def _kind_of_word(name: str) -> str:
    """Of a word of SQL whether it is still a name (`word`) or none; '' for others."""
    if name.startswith("current_") or name in ("localtime", "localtimestamp"):
        return "none"
    row = duckdb.execute(
        "select keyword_category from duckdb_keywords() where keyword_name = ?", [name]
    ).fetchone()
    return "" if row is None else "word" if row[0] == "unreserved" else "none"
