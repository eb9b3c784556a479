"""What becomes known of a delivery, step by step, and the ledger's entry made of it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from loaders.landing.ledger import Entry, Part, now


@dataclass(frozen=True)
class Origin(Part):
    """Whose delivery it is, where it comes from and when it was received."""

    feed: str
    mode: str
    uri: str
    member: str | None = None
    notes: tuple[str, ...] = ()
    started_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Acceptance(Part):
    """Which held delivery it is, who accepted it and why; all None if nobody had to."""

    parent_seq: int | None
    accepted_by: str | None
    accepted_why: str | None


@dataclass(frozen=True)
class Received(Part):
    """Its bytes."""

    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class AsOf(Part):
    """What moment it speaks for, and what states that."""

    as_of: datetime | None = None
    as_of_source: str | None = None


@dataclass(frozen=True)
class Coverage(Part):
    """The first and the last event date that it covers, and what states them."""

    covers_from: date | None = None
    covers_to: date | None = None
    covers_source: str | None = None


@dataclass(frozen=True)
class WindowStart(Part):
    """The first date of which its absences speak, stated or by the feed's window."""

    window_start: date | None = None


@dataclass(frozen=True)
class FileFacts(Part):
    """What its file holds, by our own count."""

    encoding: str
    header: str
    n_header_lines: int
    n_records: int
    n_rejected: int
    n_blank: int
    n_padded: int


@dataclass(frozen=True)
class Understood(Part):
    """As what its header was understood."""

    layout: str | None
    series: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimesFound(Part):
    """Rows without a time that can be used."""

    n_untyped: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BlanksFound(Part):
    """Rows without a required value."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class IdsFound(Part):
    """New rows with an id that is none."""

    n_damaged: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LossesFound(Part):
    """What it withdraws, and what ages out."""

    n_withdrawn: int = 0
    n_aged_out: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome(Part):
    """What became of it, if it was not refused."""

    status: str
    reason: str | None = None


@dataclass(frozen=True)
class Landed(Part):
    """What was written of it, under which numbers."""

    delivery_seq: int
    change_seq: int
    n_new: int
    n_known: int
    n_absent: int
    status: str = "landed"


class Draft:
    """Collects the parts of a delivery's entry, in the order in which they are found."""

    def __init__(self, origin: Origin) -> None:
        self._parts: dict[type[Part], Part] = {Origin: origin}

    def add(self, part: Part) -> None:
        """Add what a step found, in place of what the same step found before."""
        self._parts.pop(type(part), None)
        self._parts[type(part)] = part

    @property
    def entry(self) -> Entry:
        """The ledger's entry, of all that is known until now; later parts overrule."""
        known: dict[str, Any] = {}
        notes: list[str] = []
        for part in self._parts.values():
            known |= vars(part)
            notes += known.pop("notes", ())
        return Entry(**{"detail": "; ".join(notes) or None} | known)
