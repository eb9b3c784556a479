"""Reading: files, records and fields of any size."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.files.csv_limits import MAX_COLUMNS
from loaders.files.csv_reader import read_csv
from tests.lab import Lab, short


@pytest.mark.fault("text.huge")
def test_a_record_that_grows_too_large_in_utf_8_is_rejected_alone(
    lab: Callable[..., Lab],
) -> None:
    things = lab(encodings=["cp1252"], limits={"field_bytes": 16 << 20})
    record = b"1," + "€".encode("cp1252") * (9 << 20) + b",z\n"
    entry = things.land(b"a,b,c\n" + record + b"1,2,3\n")
    assert (entry.n_new, entry.n_rejected) == (1, 1)
    assert things.all("select reason, raw_bytes = ? from raw.rejects", record) == [
        ("record_too_large", True)
    ]


@pytest.mark.fault("text.huge")
def test_of_a_gigantic_record_the_beginning_is_kept(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.files.csv_limits.MAX_RECORD_BYTES", 1 << 10)
    monkeypatch.setattr("loaders.files.csv_limits.MAX_REJECT_BYTES", 1 << 11)
    things = lab()
    record = b'"' + b"x\n" * 5000 + b'",2,3\n'
    entry = things.land(b"a,b,c\n\n" + record + b"4,5,6\n")
    assert (entry.n_new, entry.n_rejected) == (1, 1)
    ((detail, raw),) = things.all("select detail, raw_bytes from raw.rejects")
    assert raw == record[: 1 << 11]
    assert detail == f"{len(record)} bytes, 1024 allowed, the first 2048 are kept"
    assert things.all("select _line from raw.things") == [(5004,)]


@pytest.mark.fault("hostile.slow_patterns")
@pytest.mark.parametrize(
    "body",
    [
        b'5","\n' * 60_000,
        b'"x",' + b"y" * (2 << 20) + b",z\n",
        b'"' + b'""' * (1 << 20) + b"\n",
        b'"\n' + b'""\n' * 100_000 + b'x",\n',
        b"," * (2 << 20) + b"\n",
        b'1, "' + b'",' * (1 << 20) + b"\n",
    ],
    ids=short,
)
def test_no_text_takes_long(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a,b,c\n" + body)
    began = time.process_time()
    read_csv(path, ("utf-8", "cp1252-via-cp850", "cp1252"), ",", tmp_path, strict=False)
    read_csv(path, ("utf-8",), ",", tmp_path, strict=True)
    # Quadratic ones would take minutes.
    assert time.process_time() - began < 10


@pytest.mark.fault("text.huge")
def test_five_thousand_columns_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes((",".join(f"c{n}" for n in range(MAX_COLUMNS)) + "\n").encode() * 20)
    head, _, body = read_csv(path, ("utf-8",), ",", tmp_path, strict=True)
    assert (len(head.names), body.n_records, body.n_rejected) == (MAX_COLUMNS, 19, 19)
