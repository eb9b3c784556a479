"""Mutate the corpus and check the laws, for as long as asked: `python -m tests.dirty.fuzz`.

Whatever a file holds, landing it must not raise; what lands must be what the strict reader
reads, record by record; what does not land must leave nothing, and say why.
"""

import argparse
import csv
import random
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from loaders.config.paths import Paths
from loaders.files import csv_limits
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.ledger import Entry
from tests.dirty.corpus import MAX_RECORD_BYTES, SLOW, Case, corpus
from tests.dirty.laws import DirtyLab, check_landed
from tests.dirty.strict import Reading, holds_utf8, read_strictly

TOKENS = [
    *(b'"', b'""', b",", b"\n", b"\r\n", b"\r", b"\0", b";", b" ", b'","', b'"\n', b"\n\n"),
    *(
        b"\xff",
        b"\xc3",
        b"\xc3\xa9",
        b"\xe9",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xe2\x82\xac",
    ),
    *(
        b"id",
        b"id,name,amount,happened on,note\n",
        b"\x1f\x8b",
        b"PK",
        b"\xc6s",
        b"\xed\xa0",
    ),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The same bytes with a few things done to them."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        at = rng.randrange(len(found) + 1)
        end = min(len(found), at + rng.choice([1, 2, 5, 40]))
        match rng.randrange(6):
            case 0:
                found[at:at] = rng.choice(TOKENS)
            case 1:
                found[at:end] = rng.choice(TOKENS)
            case 2:
                del found[at:end]
            case 3:
                found[at:at] = found[end : end + rng.randrange(60)]
            case 4:
                found[at:end] = rng.randbytes(end - at)
            case _:
                del found[at:]
    return bytes(found)


def reading_of(case: Case, entry: Entry, sent: bytes) -> Reading:
    """How a landed file is to be read; its encoding is for the loader to find."""
    encoding = entry.encoding or ""
    is_doubtful = not encoding.startswith("utf-") and "utf-8" in case.settings.get(
        "encodings", ()
    )
    reading = replace(
        case.reading,
        encoding=encoding,
        delimiter=case.settings.get("delimiter", ","),
        has_header=True,
        skip_lines=0,
        is_doubtful=is_doubtful and holds_utf8(sent),
    )
    if "lines before the header" in str(entry.detail):
        (names,) = csv.reader([entry.header or ""])
        for skipped in range(1, entry.n_header_lines):
            reading = replace(reading, skip_lines=skipped)
            with suppress(AssertionError):
                if read_strictly(sent, reading).names == names:
                    break
    return reading


def try_one(lab: DirtyLab, case: Case) -> str:
    """Land a mutated case and check the laws; return what became of it."""
    entries = lab.deliver(case)
    for entry in entries:
        if entry.status == "landed":
            sent = lab.sent(entry)
            check_landed(
                lab, entry, sent, replace(case, reading=reading_of(case, entry, sent))
            )
        elif entry.status != "empty":
            assert entry.reason, entry
            assert entry.detail, entry
    if not any(entry.status == "landed" for entry in entries):
        assert lab.counts() == (0, 0, 0)
    lab.check_laws()
    return entries[0].reason or entries[0].status


def main() -> int:
    """Fuzz until the time is over; keep each input that breaks a law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_findings"))
    options = parser.parse_args()
    rng = random.Random(options.seed)
    cases = [
        case
        for case in corpus(n_each=6, n_combined=100, seed=options.seed)
        if case.kind not in SLOW and len(case.data) < 20_000
    ]
    csv_limits.MAX_RECORD_BYTES = MAX_RECORD_BYTES
    outcomes, n_broken = Counter[str](), 0
    end = time.monotonic() + 60 * options.minutes
    with TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "data", Path(folder) / "inbox")
        with open_landing(paths.landing) as landing:
            landing.execute("set threads = 1")
            lab = DirtyLab(Warehouse(landing, paths), Path(folder))
            while time.monotonic() < end:
                case = rng.choice(cases)
                case = replace(case, data=mutated(case.data, rng))
                try:
                    outcomes[try_one(lab, case)] += 1
                except Exception as error:
                    n_broken += 1
                    options.keep.mkdir(exist_ok=True)
                    path = (
                        options.keep / f"{options.seed}_{outcomes.total()}_{case.file_name}"
                    )
                    path.write_bytes(case.data)
                    print(f"{path}: {case.kind}: {case.settings}: {error!r}"[:600])
    print(
        f"{outcomes.total() + n_broken:,} inputs, {n_broken} broke a law "
        f"(seed {options.seed})"
    )
    for outcome, count in outcomes.most_common():
        print(f"{count:>8,} {outcome}")
    return 1 if n_broken else 0


if __name__ == "__main__":
    sys.exit(main())
