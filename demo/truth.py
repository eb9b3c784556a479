"""What is known about a demo set: its deliveries, its changes, its faults."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

TRUTH_FILE = "truth.json"
MAX_EXAMPLES = 20


@dataclass(frozen=True)
class Reject:
    """A record that a strict CSV reader refuses, by the line where it starts."""

    line: int
    reason: str


@dataclass(frozen=True)
class Delivery:
    """One delivered CSV member (or document) and what landing it should say.

    Attributes:
        feed: the feed's name in feeds.yml.
        file: path below the demo folder.
        member: name inside a zip, else None.
        as_of: what the file's newest event or its name says, ISO, as a naive reading
            gives it (milliseconds since 1970 count in UTC).
        records: physical records without the header; rejected and blank ones count.
        rejected: every record a strict reader refuses.
        blank: blank lines.
        set_aside: lines of records whose key values cannot be typed.
        encoding: as feeds.yml calls it.
        layout: as feeds.yml calls it.
        status: `landed`, or `seen_again` for bytes that came before.
    """

    feed: str
    file: str
    member: str | None
    as_of: str
    records: int
    rejected: list[Reject]
    blank: int
    set_aside: list[int]
    encoding: str
    layout: str
    status: str = "landed"


@dataclass(frozen=True)
class Fault:
    """A fault that was put in on purpose: where, how often, what it looks like.

    `lines` is filled in for faulty lines; faulty values are counted only.
    """

    kind: str
    file: str
    count: int
    what: str
    lines: list[int] = field(default_factory=list)


@dataclass
class Truth:
    """All that a test may hold a build on the demo set against."""

    scale: float
    seed: int
    synthetic: bool = True
    deliveries: list[Delivery] = field(default_factory=list)
    purchases: dict[str, object] = field(default_factory=dict)
    products: dict[str, object] = field(default_factory=dict)
    kiosks: dict[str, object] = field(default_factory=dict)
    service_requests: dict[str, object] = field(default_factory=dict)
    accidents: dict[str, object] = field(default_factory=dict)
    neighborhoods: dict[str, object] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def add(self, section: dict[str, object], counts: dict[str, int]) -> None:
        """Add counts to a section, tile by tile."""
        for name, count in counts.items():
            before = section.get(name, 0)
            section[name] = count + (before if isinstance(before, int) else 0)

    def add_faults(self, file: str, counts: dict[str, tuple[int, str]]) -> None:
        """Add counts of faulty values in a file, tile by tile; kind -> count, what."""
        known = {(f.kind, f.file): i for i, f in enumerate(self.faults)}
        for kind, (count, what) in counts.items():
            place = known.get((kind, file))
            if place is not None:
                count += self.faults[place].count
                self.faults[place] = Fault(kind, file, count, what)
            elif count:
                self.faults.append(Fault(kind, file, count, what))

    def write(self, folder: Path) -> None:
        """Write `truth.json` into a folder."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        (folder / TRUTH_FILE).write_text(text + "\n", encoding="utf-8")
