"""Whatever people do to files between landings, the warehouse holds what was delivered.

The oracle below reads the inbox with Python's own modules and knows two rules: of an
increment's row the largest count in any one delivery stands, and a window holds just
the rows of its delivery. It shares no code with the loader.
"""

import csv
import gzip
import hashlib
import io
import os
import random
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from loaders.cli.main import main
from loaders.landing.database import open_landing
from tests.storm.driver import write_home

pytestmark = pytest.mark.long

Report = Callable[[str, str], None]
Row = tuple[str, ...]
Rows = Counter[Row]
HEADER = ("a", "b", "c")


def plain_csv(rows: list[Row], order: list[int]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([row[i] for i in order] for row in [HEADER, *rows])
    return text.getvalue().encode()


def members_of(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(name) for name in sorted(archive.namelist())]
    return [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data]


def rows_of(data: bytes) -> list[Row]:
    records = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return [tuple(record[name] for name in HEADER) for record in records]


class Oracle:
    """What was delivered so far: feed, SHA-256 and date to rows."""

    def __init__(self) -> None:
        self.deliveries: dict[tuple[str, str, str], Rows] = {}

    def see(self, inbox: Path) -> None:
        for path in inbox.glob("*/*"):
            found = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
            assert found
            for data in members_of(path):
                key = (path.parent.name, hashlib.sha256(data).hexdigest(), found[0])
                self.deliveries.setdefault(key, Counter(rows_of(data)))

    def rows(self, feed: str) -> Rows:
        largest: Rows = Counter()
        for (of, _, _), rows in self.deliveries.items():
            if of == feed:
                largest |= rows
        return largest


class Hands:
    """What people do to the files of an inbox."""

    def __init__(self, inbox: Path, rng: random.Random) -> None:
        self.inbox, self.rng, self.count = inbox, rng, 0
        self.acts = [
            *(self.deliver, self.deliver, self.rename, self.touch, self.zip, self.gzip),
            *(self.overwrite, self.reorder, self.again, self.redate),
            *(self.concatenate, self.split, self.take_away),
        ]

    def act(self) -> None:
        self.rng.choice(self.acts)()

    def deliver(self) -> None:
        self._write(self._new(self._feed()), self._rows())

    def rename(self) -> None:
        if path := self._any():
            path.rename(self._new(path.parent.name, self._date(path), path.suffix))

    def touch(self) -> None:
        if path := self._any():
            path.touch()

    def zip(self) -> None:
        if path := self._any():
            target = self._new(path.parent.name, self._date(path), ".zip")
            with zipfile.ZipFile(target, "w", self.rng.choice([0, 8])) as archive:
                for number, data in enumerate(members_of(path)):
                    archive.writestr(f"folder/part {number}.csv", data)
            path.unlink()

    def gzip(self) -> None:
        if (path := self._any()) and len(members_of(path)) == 1:
            target = self._new(path.parent.name, self._date(path), ".csv.gz")
            level = self.rng.choice([1, 9])
            target.write_bytes(gzip.compress(members_of(path)[0], level))
            path.unlink()

    def overwrite(self) -> None:
        if path := self._any():
            before = path.stat()
            self._write(path, self._rows())
            if self.rng.random() < 0.5:
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def reorder(self) -> None:
        if path := self._any():
            rows = rows_of(self.rng.choice(members_of(path)))
            self.rng.shuffle(rows)
            self._write(path, rows)

    def again(self) -> None:
        if path := self._any():
            copy = self._new(path.parent.name, self._date(path), path.suffix)
            copy.write_bytes(path.read_bytes())

    def redate(self) -> None:
        if path := self._any():
            path.rename(self._new(path.parent.name, suffix=path.suffix))

    def concatenate(self) -> None:
        paths = sorted(self.inbox.glob("things/*"))
        if len(paths) > 1:
            parts = [rows_of(members_of(p)[0]) for p in self.rng.sample(paths, 2)]
            self._write(self._new("things"), parts[0] + parts[1])

    def split(self) -> None:
        if paths := sorted(self.inbox.glob("things/*")):
            path = self.rng.choice(paths)
            rows = rows_of(members_of(path)[0])
            middle = self.rng.randint(1, len(rows) - 1)
            for half in (rows[:middle], rows[middle:]):
                self._write(self._new("things", self._date(path)), half)
            path.unlink()

    def take_away(self) -> None:
        if path := self._any():
            path.unlink()

    def _feed(self) -> str:
        return self.rng.choice(["things", "views"])

    def _any(self) -> Path | None:
        paths = sorted(self.inbox.glob("*/*"))
        return self.rng.choice(paths) if paths else None

    def _date(self, path: Path) -> str:
        return path.name[:10]

    def _new(self, feed: str, day: str | None = None, suffix: str = ".csv") -> Path:
        """A name not used before, which begins with a date."""
        self.count += 1
        day = day or str(date(2024, 1, 1) + timedelta(self.rng.randrange(300)))
        path = self.inbox / feed / f"{day} {self.rng.random():.6f} {self.count}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _rows(self) -> list[Row]:
        """Few rows of few values, some twice; near enough in number to hold nothing."""
        values = ["1", "2", "x,y", 'a "b"', "two\nlines", "\u00e9"]
        rows = [tuple(self.rng.choice(values) for _ in HEADER) for _ in range(9)]
        return rows + rows[: self.rng.randint(0, 3)]

    def _write(self, path: Path, rows: list[Row]) -> None:
        if len(rows) < 2:
            rows = rows * 2
        order = list(range(len(HEADER)))
        self.rng.shuffle(order)
        data = plain_csv(rows, order)
        if path.suffix == ".gz":
            data = gzip.compress(data)
        elif path.suffix == ".zip":
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr("one.csv", data)
            data = target.getvalue()
        path.write_bytes(data)


def check(data: Path, oracle: Oracle) -> None:
    """The raw rows, and every P(k), are those of the oracle."""
    with open_landing(data / "landing.duckdb", read_only=True) as landing:
        landed = landing.execute(
            "select delivery_seq, feed, sha256, strftime(as_of, '%Y-%m-%d') "
            "from raw.deliveries where status = 'landed' order by as_of, delivery_seq"
        ).fetchall()
        assert Counter(tuple(key) for _, *key in landed) == Counter(list(oracle.deliveries))
        for feed in ("things", "views"):
            rows = {
                key: tuple(values)
                for *key_, values in landing.execute(
                    f"select _row_hash, _copy, [a, b, c] from raw.{feed}"
                ).fetchall()
                for key in [tuple(key_)]
            }
            assert Counter(rows.values()) == oracle.rows(feed)
            changes: dict[int, list[tuple[str, tuple[object, ...]]]] = {}
            for seq, change, *key_ in landing.execute(
                "select _delivery_seq, change, _row_hash, _copy from raw.presence "
                "where feed = ?",
                [feed],
            ).fetchall():
                changes.setdefault(seq, []).append((change, tuple(key_)))
            if feed == "things":
                # Of what an increment brings first, the raw rows themselves say so.
                for seq, *key_ in landing.execute(
                    f"select _delivery_seq, _row_hash, _copy from raw.{feed}"
                ).fetchall():
                    changes.setdefault(seq, []).append(("+", tuple(key_)))
            present: set[tuple[object, ...]] = set()
            for seq, of, sha256, day in landed:
                if of != feed:
                    continue
                if feed == "things":
                    present = set()
                gone = {key for change, key in changes.get(seq, []) if change == "-"}
                come = {key for change, key in changes.get(seq, []) if change == "+"}
                assert gone <= present
                assert not come & (present - gone)
                present = present - gone | come
                assert (
                    Counter(rows[key] for key in present)
                    == (oracle.deliveries[feed, sha256, day])
                )


def play(quick: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """One sequence of acts and landings, checked at its end; counts what was landed."""
    rng = random.Random(seed)
    home = write_home(quick / f"home {seed}", {})
    monkeypatch.setenv("EVENTMART_DATA", str(home / "data"))
    monkeypatch.setenv("EVENTMART_INBOX", str(home / "inbox"))
    hands, oracle = Hands(home / "inbox", rng), Oracle()
    counts: Counter[str] = Counter(sequences=1)
    hands.deliver()
    for _ in range(rng.randint(2, 4)):
        for _ in range(rng.randint(1, 4)):
            hands.act()
        if not any((home / "inbox").glob("*/*")):
            hands.deliver()
        oracle.see(home / "inbox")
        result = CliRunner().invoke(main, ["--feeds", str(home / "feeds.yml"), "land"])
        assert result.exit_code == 0, result.output
        counts.update(re.findall(r"^(landed|seen_again)", result.output, re.MULTILINE))
        counts["landings"] += 1
    check(home / "data", oracle)
    shutil.rmtree(home)
    return counts


@pytest.mark.fault("delivery.seen_again", "delivery.same_name", "delivery.late")
@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_done_to_files_rows_are_those_delivered(
    quick: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    play(quick, seed, monkeypatch)


@pytest.mark.full
@pytest.mark.fault("delivery.seen_again", "delivery.same_name", "delivery.late")
def test_a_thousand_sequences_end_as_the_oracle_says(
    quick: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    counts: Counter[str] = Counter()
    for seed in range(1000, 2000):
        counts += play(quick, seed, monkeypatch)
    report(
        "Kills, full disks and power",
        f"{counts['sequences']} random sequences of renaming, re-packing, re-ordering, "
        f"splitting and re-delivering ({counts['landings']} landings, {counts['landed']} "
        f"deliveries landed, {counts['seen_again']} seen again): rows and presence as an "
        "independent oracle has them",
    )
