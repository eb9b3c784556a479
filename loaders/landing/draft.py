"""The parts of a delivery that landing steps find, and the ledger entry made of them."""

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
    """The held delivery that was accepted, by whom and why; all None for any other."""

    parent_seq: int | None
    accepted_by: str | None
    accepted_why: str | None


@dataclass(frozen=True)
class Received(Part):
    """The bytes of the delivery: their hash and their number."""

    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class AsOf(Part):
    """The moment that the delivery describes, and how it is known."""

    as_of: datetime | None = None
    as_of_source: str | None = None


@dataclass(frozen=True)
class Coverage(Part):
    """The first and the last event date that it covers, and how they are known."""

    covers_from: date | None = None
    covers_to: date | None = None
    covers_source: str | None = None


@dataclass(frozen=True)
class WindowStart(Part):
    """The first date on which a missing event counts as withdrawn."""

    window_start: date | None = None


@dataclass(frozen=True)
class FileFacts(Part):
    """The encoding and header of the file, and its records by the loader's own count."""

    encoding: str
    header: str
    n_header_lines: int
    n_records: int
    n_rejected: int
    n_blank: int
    n_padded: int


@dataclass(frozen=True)
class Understood(Part):
    """The layout and series that the header belongs to."""

    layout: str | None
    series: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RejectsFound(Part):
    """Why most of the rejected records were rejected."""

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
    """New rows with a damaged id."""

    n_damaged: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LossesFound(Part):
    """The rows that it withdraws, and those that age out."""

    n_withdrawn: int = 0
    n_aged_out: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome(Part):
    """The status of a delivery that was not refused."""

    status: str
    reason: str | None = None


@dataclass(frozen=True)
class Landed(Part):
    """The numbers of a landed delivery, and the counts of its rows."""

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
        """Add the findings of a step, in place of earlier ones of the same step."""
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
