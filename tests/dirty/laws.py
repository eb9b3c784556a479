"""What must be true of a landing, whatever the file: checked against the strict reader."""

import gzip
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from loaders.config.feeds import Feed
from loaders.landing.checks.unread import FEW_REJECTED
from loaders.landing.database import Warehouse
from loaders.landing.header import map_header
from loaders.landing.land import land_file
from loaders.landing.ledger import Entry
from tests.dirty.corpus import Case
from tests.dirty.strict import File, read_strictly
from tests.lab import Lab, make_feed

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"required": True},
    "name": {"aliases": ["Label (old)"]},
    "amount": {},
    "happened_on": {},
    "note": {},
}
LAYOUTS = [{"name": "things", "has": ["id"]}]


class DirtyLab(Lab):
    """A lab that takes files of changing settings."""

    def __init__(self, warehouse: Warehouse, files: Path) -> None:
        super().__init__(warehouse, self.feed_of({}), files)

    def feed_of(self, settings: dict[str, Any]) -> Feed:
        own = {"columns": COLUMNS, "layouts": LAYOUTS, "limits": {"field_bytes": 1 << 20}}
        return make_feed(**own | settings)

    def sent(self, entry: Entry) -> bytes:
        """The plain bytes that an entry is about, as they were kept."""
        kept = self.warehouse.paths.drops / f"{entry.sha256}.gz"
        return gzip.decompress(kept.read_bytes())

    def deliver(self, case: Case) -> list[Entry]:
        """Land a case in the emptied warehouse."""
        self.reset()
        self.feed = self.feed_of(case.settings)
        path = self.file(case.data, case.file_name)
        try:
            return land_file(self.warehouse, self.feed, path, datetime(2024, 1, 1))
        finally:
            path.unlink()


def check(lab: DirtyLab, case: Case) -> None:
    """Land a case; compare what became of it with what must.

    Raises:
        AssertionError: if one value, byte, line or count is not what it must be.
    """
    entries = lab.deliver(case)
    outcomes = [(entry.status, entry.reason) for entry in entries]
    expected = (case.status, case.reason)
    if case.status == "landed" and is_mostly_bad(case):
        expected = ("held", "mostly_rejected")
    assert set(outcomes) == {expected}, (outcomes, entries[0].detail)
    if expected[0] != "landed":
        assert lab.counts() == (0, 0, 0), "what does not land leaves nothing"
        assert all(entry.detail for entry in entries if case.status != "empty")
        return
    assert [entry.member for entry in entries] == sorted(case.members, key=str)
    if None not in case.members:
        assert case.detail in (entries[0].detail or "")
    reasons = set[str]()
    for entry in entries:
        reasons |= check_landed(lab, entry, case.members[entry.member], case)
    if len(case.faults) == 1:
        assert case.rejects <= reasons, reasons
    lab.check_laws()


def is_mostly_bad(case: Case) -> bool:
    """Whether more of a case's only file is bad than can be meant."""
    if len(case.members) != 1:
        return False
    (sent,) = case.members.values()
    file = read_strictly(sent, case.reading)
    n_bad, n_good = len(file.of("bad")), len(file.of("good"))
    return n_bad > n_good and (n_bad >= FEW_REJECTED or (n_good == 0 and n_bad > 1))


def check_landed(lab: DirtyLab, entry: Entry, sent: bytes, case: Case) -> set[str]:
    """Compare one landed member, record by record; return the reasons of its rejects."""
    file = read_strictly(sent, case.reading)
    assert entry.encoding == case.reading.encoding
    assert entry.n_header_lines == file.n_head_lines
    assert entry.n_records == len(file.records)
    assert entry.n_blank == len(file.of("blank"))
    if case.reading.skip_lines:
        assert "lines before the header: " in (entry.detail or "")
    rejects = lab.all(
        "select line, byte_offset, raw_bytes, reason from raw.rejects "
        "where delivery_seq = ? order by line",
        entry.delivery_seq,
    )
    expected = [(r.line, r.start, sent[r.start : r.end]) for r in file.of("bad")]
    assert [(line, offset, raw) for line, offset, raw, _ in rejects] == expected
    check_values(lab, entry, file)
    # Every byte is a mark's, the preamble's, the header's, or of exactly one record.
    position = file.body_start
    for record in file.records:
        assert record.start == position
        position = record.end
    assert not sent[position:].strip(b"\x1a\r\n\0"), "the end of DOS"
    return {reason for *_, reason in rejects}


def check_values(lab: DirtyLab, entry: Entry, file: File) -> None:
    """Each good record has landed, with its line and its very values, and nothing else."""
    places, _ = map_header(lab.feed, file.names)
    extras = [name for name in places if name not in lab.feed.columns]
    own = ", ".join(f'"{name}"' for name in lab.feed.columns)
    keys = ", ".join("?" for _ in extras)
    extra = f"json_extract_string(_extra, [{keys}])" if extras else "[]"
    rows = lab.all(
        f"select _line, {own}, {extra} from raw.things where _delivery_seq = ?",
        *(f'$."{name}"' for name in extras),
        entry.delivery_seq,
    )
    nothing = [None] * len(extras)
    found = Counter((line, *own, *(more or nothing)) for line, *own, more in rows)
    expected = Counter(
        (
            record.line,
            *(
                record.values[places[name]] if name in places else None
                for name in [*lab.feed.columns, *extras]
            ),
        )
        for record in file.of("good")
    )
    if entry.n_known:
        # Rows of another member are not stored again: they have its lines.
        n_own = len(lab.feed.columns)
        own_values = Counter(row[1 : n_own + 1] for row in expected.elements())
        assert lab.present()[entry.delivery_seq] == own_values
    else:
        assert found == expected
