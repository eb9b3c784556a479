"""Properties: whatever the bytes, table or order of deliveries, the laws hold."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.config.paths import Paths
from loaders.errors import DeliveryHeldError
from loaders.files import csv_records
from loaders.files.csv_reader import read_csv
from loaders.landing.database import Warehouse, open_landing
from tests.dirty.strict import Reading, read_strictly
from tests.lab import Lab, make_feed

# The same examples in every run; tests/dirty/fuzz.py looks for new ones.
FEW = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MORE = settings(FEW, max_examples=400)
PIECES = st.sampled_from(
    [
        *(
            b'"',
            b'""',
            b",",
            b"\n",
            b"\r\n",
            b"\r",
            b"a",
            b"b,c",
            b" ",
            b"\0",
            b"\xff",
            b"x",
        ),
        *(b"\xc3\xa9", b"\xe9", b'"x"', b'"\n"', b'","', b"a,b,c", b"\xef\xbb\xbf", b";"),
    ]
)
TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8
) | st.sampled_from(
    ["", '"', "\n", "\r\n", "\r", ",", "a", '""', " x ", "\ufeff", "\ufffd"]
)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(Path(folder) / "data", Path(folder) / "inbox")
        with open_landing(paths.landing) as landing:
            landing.execute("set threads = 1")
            yield Warehouse(landing, paths)


@MORE
@given(
    st.lists(PIECES | st.binary(max_size=4), max_size=25).map(b"".join),
    st.sampled_from([1, 8, 16, 1 << 16]),
)
def test_every_byte_of_any_body_is_one_records(body: bytes, stretch: int) -> None:
    sent = b"a,b,c\n" + body
    expected = read_strictly(sent, Reading())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(sent)
        try:
            with patch.object(csv_records, "STRETCH", stretch):
                head, _, found = read_csv(path, ("utf-8",), ",", Path(folder), strict=True)
        except DeliveryHeldError:
            return  # a second header, with columns in another order
        assert head.names == ["a", "b", "c"]
        assert found.n_records == len(expected.records)
        assert found.n_blank == len(expected.of("blank"))
        assert found.rejects
        rejects = [line.split(",") for line in found.rejects.read_text().splitlines()]
        assert [(int(r[0]), int(r[1]), bytes.fromhex(r[2])) for r in rejects] == [
            (r.line, r.start, sent[r.start : r.end]) for r in expected.of("bad")
        ]
        good = read_strictly(found.path.read_bytes(), Reading(has_header=False))
        assert [record.values for record in good.records] == [
            (str(record.line), *record.values) for record in expected.of("good")
        ]


@FEW
@given(
    st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_lands_as_it_is_in_any_dialect(
    warehouse: Warehouse,
    rows: list[tuple[str, str, str]],
    delimiter: str,
    end: str,
    quote_all: bool,
    is_ended: bool,
    encoding: str,
) -> None:
    feed = make_feed(
        delimiter=delimiter, encodings=["utf-8", "utf-16"], default_null_markers=False
    )
    things = Lab(warehouse, feed, warehouse.paths.data)
    things.reset()

    def cell(value: str) -> str:
        odd = quote_all or not value or any(mark in value for mark in f'{delimiter}"\r\n')
        return '"' + value.replace('"', '""') + '"' if odd else value

    lines = [delimiter.join(map(cell, row)) for row in [("a", "b", "c"), *rows]]
    # As the very last byte, Control-Z would be the end of the text.
    sent = end.join(lines) + end * (is_ended or lines[-1].endswith("\x1a"))
    entry = things.land(sent.encode(encoding))
    if any(header_like(row) for row in rows):
        assert entry.reason == "second_header" or entry.n_rejected
        return
    assert (entry.status, entry.n_rejected, entry.n_blank) == ("landed", 0, 0)
    assert things.rows("_line") == [tuple(value or None for value in row) for row in rows]


def header_like(row: tuple[str, ...]) -> bool:
    return sum(value.strip(" \ufeff").lower() in ("a", "b", "c") for value in row) > 1


@settings(FEW, max_examples=30)
@given(
    st.sampled_from(["increment", "window", "snapshot"]),
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("xy")), max_size=6),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_presence_is_each_deliverys_own_bag_of_rows(
    warehouse: Warehouse, mode: str, deliveries: list[tuple[int, list[tuple[str, str]]]]
) -> None:
    things = Lab(warehouse, make_feed(mode=mode), warehouse.paths.data)
    things.reset()
    expected, seen = {}, set[tuple[int, str]]()
    for day, rows in deliveries:
        sent = "a,b,c\n" + "".join(f"{a},{b},\n" for a, b in rows)
        entry = things.land(sent, as_of=f"{date(2024, 1, 1) + timedelta(day)}")
        if not rows:
            assert entry.status == "empty"
        elif (day, sent) in seen:
            assert entry.status == "seen_again"
        elif entry.status == "held":
            assert entry.reason in ("shrunk", "exploded")
        else:
            expected[entry.delivery_seq] = Counter((a, b, None) for a, b in rows)
            seen.add((day, sent))
    assert things.present() == expected
    most = Counter[tuple[str, str, None]]()
    for bag in expected.values():
        most |= bag
    assert Counter(things.rows()) == most
    things.check_laws()
