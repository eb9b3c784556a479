"""Reading: every record is good with exactly its values, or rejected with its bytes.

The oracle is a state machine of its own, written from RFC 4180 character by character;
on well-formed input it is checked against Python's csv module in turn.
"""

import csv
import io
import mmap
import random
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from loaders.errors import DeliveryHeldError
from loaders.files import csv_records
from loaders.files.csv_grammar import grammar_of
from loaders.files.csv_header import read_head
from loaders.files.csv_reader import read_csv, record_at
from loaders.files.csv_records import Body, count_plain_lines, split_strictly
from tests.lab import Lab, short

Good = tuple[int, tuple[str | None, ...]]
Bad = tuple[int, int, bytes, str]


@dataclass
class Oracle:
    good: list[Good]
    bad: list[Bad]
    n_blank: int


def record_end(data: bytes, start: int) -> tuple[list[bytes], int] | None:
    """Fields of the record at `start` and where the next starts; None if malformed."""
    fields, field, at = [], bytearray(), start
    state = "start"
    while True:
        char = data[at : at + 1]
        is_end = char == b"" or char == b"\n" or data[at : at + 2] == b"\r\n"
        if state == "quoted":
            if char == b"":
                return None
            if char == b'"':
                state = "closed"
            else:
                field += char
        elif char == b'"' and state == "closed":
            field += char
            state = "quoted"
        elif char == b'"' and state == "start":
            state = "quoted"
        elif char == b"," or is_end:
            fields.append(bytes(field))
            field.clear()
            state = "start"
            if is_end:
                return fields, at + {b"": 0, b"\n": 1}.get(char, 2)
        elif state == "closed" or char == b"\r":
            return None
        else:
            state = "bare"
            field += char
        at += 1


def judge(data: bytes, encoding: str = "utf-8") -> Oracle:
    """What must become of every record behind a one-line header."""
    oracle = Oracle([], [], 0)
    n_columns = data.split(b"\n")[0].count(b",") + 1
    at, line = data.index(b"\n") + 1, 2
    while at < len(data):
        found = record_end(data, at)
        if found:
            fields, end = found
        else:
            newline = data.find(b"\n", at)
            end = len(data) if newline < 0 else newline + 1
        raw = data[at:end]
        if not raw.rstrip(b"\r\n"):
            oracle.n_blank += 1
        elif found is None:
            oracle.bad.append((line, at, raw, "malformed"))
        elif b"\0" in raw:
            oracle.bad.append((line, at, raw, "nul_byte"))
        elif len(fields) != n_columns:
            few = len(fields) < n_columns
            reason = "too_few_fields" if few else "too_many_fields"
            oracle.bad.append((line, at, raw, reason))
        else:
            try:
                values = tuple(field.decode(encoding) or None for field in fields)
                oracle.good.append((line, values))
            except UnicodeDecodeError:
                oracle.bad.append((line, at, raw, "invalid_encoding"))
        line += raw.count(b"\n")
        at = end
    return oracle


def check(lab: Lab, data: bytes, encoding: str = "utf-8") -> None:
    """Land, and compare every record, value, byte, line and offset with the oracle."""
    expected = judge(data, encoding)
    entry = lab.land(data)
    if entry.reason == "cut_mid_record":
        assert data[-1:] != b"\n"
        assert expected.bad[-1][1] + len(expected.bad[-1][2]) == len(data)
        entry = lab.land(data + b"\n")
        expected = judge(data + b"\n", encoding)
    if entry.status == "held":
        assert entry.reason == "mostly_rejected"
        assert len(expected.bad) > len(expected.good)
        return
    if entry.status == "empty":
        assert not expected.good
        assert not expected.bad
        return
    rows = lab.all("select _line, a, b, c from raw.things order by _line")
    assert [(line, tuple(values)) for line, *values in rows] == expected.good
    malformed = ("unterminated_quote", "stray_quote", "bare_carriage_return")
    rejects = [
        (line, offset, raw, "malformed" if reason in malformed else reason)
        for line, offset, raw, reason in lab.all(
            "select line, byte_offset, raw_bytes, reason from raw.rejects order by line"
        )
    ]
    assert rejects == expected.bad
    (n_blank,) = lab.all("select n_blank from raw.deliveries where status = 'landed'")[0]
    assert n_blank == expected.n_blank
    lab.check_laws()


@pytest.mark.fault("text.quoting", "text.line_ends")
@pytest.mark.parametrize("seed", range(10))
def test_well_formed_files_read_as_python_reads_them(
    lab: Callable[..., Lab], seed: int
) -> None:
    rng = random.Random(seed)
    text = ["", "x", "1,5", 'say "hi"', "two\nlines", "two\r\nlines", " pad ", "é", "'"]
    end = rng.choice(["\n", "\r\n"])
    sent = io.StringIO(newline="")
    writer = csv.writer(
        sent,
        lineterminator=end,
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    )
    writer.writerow(["a", "b", "c"])
    for number in range(rng.randrange(1, 20)):
        writer.writerow([f"{number}", rng.choice(text), rng.choice(text)])
    data = sent.getvalue()
    if rng.random() < 0.3:
        data = data.removesuffix(end)
    things = lab()
    entry = things.land(data)
    assert (entry.status, entry.n_rejected, entry.n_blank) == ("landed", 0, 0)
    expected = list(csv.reader(io.StringIO(data, newline="")))[1:]
    assert things.rows() == [tuple(value or None for value in row) for row in expected]
    if "\n" not in "".join(value for row in expected for value in row):
        assert [good for _, good in judge(data.encode()).good] == things.rows()


@pytest.mark.fault("text.quoting", "text.ragged", "text.nul")
@pytest.mark.parametrize("seed", range(5))
def test_any_file_is_judged_record_by_record(
    lab: Callable[..., Lab], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    pieces = [
        *(b"plain", b"7", b"", b" pad ", b" ", b"\xc3\xa9", b"'", b"\\", b"#", b"NULL"),
        *(b'"quoted"', b'"a,b"', b'"a\nb"', b'"a\r\nb"', b'"say ""hi"""', b'""', b'"\r"'),
        *(b'5" pipe', b' "x"', b'"x" ', b'"a"b', b'a"b"', b'"open', b'x"', b'"'),
        *(b"nul\0", b"\xff", b"\xc3", b"cr\rcr", b"\r", b"x\x1a ", b"\xef\xbb\xbf"),
    ]
    things = lab(default_null_markers=False)
    for _ in range(12):
        odd = rng.choice([0, 0.1, 0.5])
        ends = rng.choice([[b"\n"], [b"\r\n"], [b"\n", b"\r\n"]])
        data = bytearray(rng.choice([b"", b"\xef\xbb\xbf"]) + b"a,b,c\n")
        for _ in range(rng.randrange(12)):
            n_fields = 3 if rng.random() > odd else rng.choice([0, 1, 2, 4])
            usual = pieces if rng.random() < odd else pieces[:14]
            data += b",".join(rng.choice(usual) for _ in range(n_fields))
            data += rng.choice(ends)
        if rng.random() < 0.3 and data.count(b"\n") > 1:
            del data[data.rindex(b"\n") :]
        things.reset()
        # Plain lines among others are looked for in stretches of so many bytes.
        monkeypatch.setattr(csv_records, "STRETCH", rng.choice([4, 16, 64, 1 << 16]))
        check(things, bytes(data))


def judged_by(path: Path, encoding: str, stretch: int) -> tuple[object, ...]:
    """What is made of a file, with plain lines looked for in so many bytes at once.

    In one byte there is no plain line, so that each record is judged alone.
    """
    with patch.object(csv_records, "STRETCH", stretch):
        try:
            _, _, body = read_csv(path, (encoding,), ",", path.parent, strict=True)
        except DeliveryHeldError as error:
            return (str(error),)
    assert body.rejects
    counts = (body.n_records, body.n_blank, body.n_rejected)
    return counts, body.path.read_bytes(), body.rejects.read_bytes()


def test_plain_lines_taken_at_once_are_what_they_are_alone(tmp_path: Path) -> None:
    odd = ['"a', "1,2", "1,2,3,4", "\x00,,", "b,c,a", "", "x\r", "A, b ,c", '"b ",c,a']
    plain = ['1,"2,",3', "’s,é,", 'a"s,,' if False else "k,,", ",,"]
    rng = random.Random(3)
    for encoding in ("utf-8", "cp1252"):
        for _ in range(60):
            lines = [rng.choice(plain) for _ in range(rng.randrange(1, 40))]
            for _ in range(rng.randrange(3)):
                lines.insert(rng.randrange(len(lines) + 1), rng.choice(odd))
            end = rng.choice(["\n", "\r\n"])
            path = tmp_path / "x.csv"
            path.write_bytes(end.join(["a,b,c", *lines, ""]).encode(encoding))
            alone, few, many = (judged_by(path, encoding, n) for n in (1, 20, 200))
            assert alone == few == many


@pytest.mark.parametrize("size", [1 << 20, 3 << 20])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_lines_and_values_hold_across_the_chunks_of_a_long_file(
    lab: Callable[..., Lab], size: int, end: bytes
) -> None:
    line = b'%07d,"q,%07d",' + b"x" * 40 + end
    count = size // len(line % (0, 0))
    body = b"".join(line % (number, number) for number in range(count))
    things = lab()
    entry = things.land(b"a,b,c" + end + body + b"last,,")
    assert (entry.n_records, entry.n_new) == (count + 1, count + 1)
    wrong = things.all(
        "select * from raw.things where _line <> ? and a = 'last' or a <> 'last' "
        "and (_line <> a::int + 2 or b <> 'q,' || a or c <> repeat('x', 40))",
        count + 2,
    )
    assert wrong == []


def test_an_odd_record_at_the_end_changes_no_other(lab: Callable[..., Lab]) -> None:
    body = b"".join(b'%d,"a\nb",%d\n' % (n, n) for n in range(5000))
    check(lab(), b"a,b,c\n" + body + b"1,2\n")


@pytest.mark.fault("text.quoting")
def test_a_quote_behind_a_blank_is_part_of_the_value(lab: Callable[..., Lab]) -> None:
    things = lab()
    things.land('a,b,c\nx, "y",5" pipe\n')
    assert things.rows() == [("x", ' "y"', '5" pipe')]


@pytest.mark.fault("text.quoting")
def test_a_blank_behind_a_quoted_field_is_no_value_to_drop(lab: Callable[..., Lab]) -> None:
    entry = (things := lab()).land('a,b,c\nx,"y" ,z\n1,2,3\n')
    assert (entry.n_new, entry.n_rejected) == (1, 1)
    assert things.all("select reason, raw_bytes from raw.rejects") == [
        ("stray_quote", b'x,"y" ,z\n')
    ]


@pytest.mark.fault("text.ragged", "text.quoting", "text.nul")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'x,"y,z\n', "unterminated_quote"),
        (b'x,"y"y,z\n', "stray_quote"),
        (b"x,y\ry,z\n", "bare_carriage_return"),
        (b"x,y,z\r\r\n", "bare_carriage_return"),
        (b"x,\0,z\n", "nul_byte"),
        (b"\x1a\n", "end_mark"),
        (b"\x1a\x1a\r\n", "end_mark"),
        (b"\x1ax,y,z\n", "end_mark"),
        (b"x,y\n", "too_few_fields"),
        (b"x,y,z,\n", "too_many_fields"),
        (b"x,\xff,z\n", "invalid_encoding"),
    ],
)
def test_a_rejected_record_says_why(
    lab: Callable[..., Lab], record: bytes, reason: str
) -> None:
    things = lab()
    entry = things.land(b"a,b,c\n1,2,3\n" + record + b"4,5,6\n")
    assert (entry.status, entry.n_new, entry.n_rejected) == ("landed", 2, 1)
    assert things.all("select line, byte_offset, raw_bytes, reason from raw.rejects") == [
        (3, 12, record, reason)
    ]
    assert things.all("select _line from raw.things order by all") == [(2,), (4,)]


@pytest.mark.fault("text.huge")
def test_a_record_too_large_is_rejected_whole_and_alone(lab: Callable[..., Lab]) -> None:
    things = lab()
    record = b"x," + b"y" * (33 << 20) + b",z\n"
    entry = things.land(b"a,b,c\n" + record + b"1,2,3\n")
    assert (entry.status, entry.n_new, entry.n_rejected) == ("landed", 1, 1)
    assert things.all("select reason, raw_bytes = ? from raw.rejects", record) == [
        ("record_too_large", True)
    ]


@pytest.mark.fault("text.huge")
def test_a_long_record_below_the_limit_is_good(lab: Callable[..., Lab]) -> None:
    things = lab(limits={"field_bytes": 10 << 20})
    things.land(b"a,b,c\nx," + b"y" * (10 << 20) + b",z\n")
    assert things.all("select length(b) from raw.things") == [(10 << 20,)]


@pytest.mark.fault("text.huge")
@pytest.mark.parametrize(
    ("before", "field", "after"),
    [
        (b"x,", b"y" * 101, b",z\n"),
        (b"", b"y" * 101, b",,\n"),
        (b"x,y,", b"z" * 101, b"\n"),
        (b"x,y,", b"z" * 101, b""),
        (b"x,", b'"' + b"a,b\n" * 30 + b'"', b",z\n"),
        (b"x,", b'"' + b'""' * 50 + b'"', b",z\n"),
        (b"x,", "\u20ac".encode() * 34, b",z\r\n"),
    ],
    ids=["middle", "first", "last", "no end", "breaks", "quotes", "wide letters"],
)
def test_a_field_too_long_is_rejected_with_its_record_alone(
    lab: Callable[..., Lab], before: bytes, field: bytes, after: bytes
) -> None:
    things = lab(limits={"field_bytes": 100})
    record = before + field + after
    entry = things.land(b"a,b,c\n1,2,3\n" + b"long" * 25 + b",5,6\n" + record)
    assert (entry.status, entry.n_new, entry.n_rejected) == ("landed", 2, 1)
    ((reason, raw, detail),) = things.all(
        "select reason, raw_bytes, detail from raw.rejects"
    )
    assert (reason, raw) == ("field_too_long", record)
    assert detail.startswith(f"a field of {len(field)} bytes, 100 allowed")


@pytest.mark.fault("text.huge")
def test_many_short_fields_are_no_long_one(tmp_path: Path) -> None:
    assert plain_count(tmp_path / "x.csv", b"12345678,12345678,12345678\n" * 2, 8) == 2
    assert plain_count(tmp_path / "x.csv", b"12345678,12345678,123456789\n", 8) is None
    assert plain_count(tmp_path / "x.csv", b"123456789,2,3\n1,2,3\n", 8) is None


@pytest.mark.fault("text.huge")
def test_short_records_under_a_wide_header_cost_what_they_are(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.files.csv_limits.SMALL_BYTES", 10_000)
    things = lab(pad_short_rows=True)
    header = ",".join(["a", "b", "c", *(f"n{n}" for n in range(997))])
    entry = things.land(f"{header}\n" + "x\n" * 10)
    assert (entry.status, entry.n_new) == ("landed", 10)
    entry = things.land(f"{header}\n" + "x\n" * 200)
    assert (entry.status, entry.reason) == ("failed", "padded_too_much")
    assert "ask for a file" in (entry.detail or "")


@pytest.mark.fault("text.line_ends")
def test_a_file_of_carriage_returns_only_has_lines_too(lab: Callable[..., Lab]) -> None:
    things = lab()
    things.land(b"a,b,c\r1,2,3\r\r4,5,6")
    rows = things.all("select _line, a from raw.things order by all")
    assert rows == [(2, "1"), (4, "4")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header_end", ["\n", "\r\n"])
@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_a_header_may_span_lines(
    lab: Callable[..., Lab], header_end: str, end: str, break_: str
) -> None:
    columns = {"a_x": {}, "b": {}, "c": {}}
    things = lab(columns=columns, layouts=[{"name": "only", "has": ["b"]}])
    data = f'"a{break_}x",b,c{header_end}1,2,3{end}4,5,6{end}'
    entry = things.land(data)
    first = 2 + break_.count("\n")
    assert things.all("select _line, a_x, c from raw.things order by all") == [
        (first, "1", "3"),
        (first + 1, "4", "6"),
    ]
    assert entry.n_header_lines == first - 1


@pytest.mark.fault("text.bom")
def test_a_byte_order_mark_is_no_part_of_the_header(lab: Callable[..., Lab]) -> None:
    things = lab(columns={"a_x": {}, "b": {}}, layouts=[{"name": "only", "has": ["a_x"]}])
    entry = things.land(b'\xef\xbb\xbf"a,x",b\n1,2\n')
    assert (entry.header, things.rows()) == ('"a,x",b', [("1", "2")])


@pytest.mark.parametrize(
    "header",
    [b'a,"b\n1,2,3\n', b"a," + b"h" * 200_000 + b"\n1,2\n", b'a,"b"c\n'],
    ids=short,
)
def test_a_header_that_is_none_fails_the_delivery(
    lab: Callable[..., Lab], header: bytes
) -> None:
    entry = lab().land(header)
    assert (entry.status, entry.reason) == ("failed", "header_unreadable")
    assert entry.detail
    assert entry.detail.startswith("line 1")
    assert not re.search(": b'|codec|decode|field limit", entry.detail)


@pytest.mark.fault("text.delimiter_inside")
def test_another_delimiter_divides(lab: Callable[..., Lab]) -> None:
    things = lab(delimiter="|")
    things.land('a|b|c\n1,5|"x|y"|z\n1||\n3|4\n')
    assert things.rows() == [("1,5", "x|y", "z"), ("1", None, None)]


@pytest.mark.fault("text.null_markers")
def test_null_markers_are_nulls_and_nothing_else_is(lab: Callable[..., Lab]) -> None:
    things = lab(null_markers=["null", " ", "it's"])
    things.land('a,b,c\nnull, ,it\'s\nNULL,  ,its\n"null","",\n')
    assert things.rows() == [(None, None, None), (None, "  ", "its"), (None, None, None)]


PEAK = """
import re, sys
from pathlib import Path
from loaders.files.kept_files import receive
from loaders.files.csv_reader import read_csv

file = Path(sys.argv[1])
# As it is received: systems map more of a file that is written in large pieces.
with file.open("rb") as stream:
    plain = receive(stream, file.parent, file).plain
read_csv(plain, ("utf-8", "latin-1"), ",", file.parent, strict=False)
# Of this process alone; getrusage() would begin with what its parent had.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.fault("process.memory_limit")
@pytest.mark.parametrize(
    "odd",
    ["", "a,b,c,d\n", "\xe9,b,c\n"],
    ids=["plain", "judged record by record", "transcoded"],
)
def test_the_memory_that_reading_takes_does_not_grow_with_the_file(
    tmp_path: Path, odd: str
) -> None:
    peaks = []
    for n_records in (100, 300_000):
        file = tmp_path / f"{n_records}.csv"
        body = odd + ("x" * 200 + ",y,z\n") * n_records
        file.write_text("a,b,c\n" + body, encoding="latin-1")
        call = [sys.executable, "-c", PEAK, str(file)]
        done = subprocess.run(call, check=True, capture_output=True, text=True)
        peaks.append(1024 * int(done.stdout))
    assert file.stat().st_size > 60_000_000
    assert peaks[1] - peaks[0] < 20_000_000


def test_record_at_gives_the_record_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n3,"open\r\n')
    records = [record_at(path, line, ",", "utf-8", tmp_path) for line in (1, 2, 5, 6)]
    assert records == ["a,b", '1,"x\r\ny"', "2,z", '3,"open\r\n']


def plain_count(path: Path, body: bytes, field_bytes: int = 100) -> int | None:
    path.write_bytes(b"a,b,c\n" + body)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        grammar = grammar_of(data, ",")
        head = read_head(data, grammar, "utf-8")
        return count_plain_lines(data, head, grammar, field_bytes)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b"", 0),
        (b"1,2,3", 1),
        (b"1,2,3\n", 1),
        (b"1,2,3\r\n4,5,6", 2),
        (b'"1,5","say ""hi""",""\n' * 3, 3),
        (b"1,2,3\n" * 400_000, 400_000),
        (b"1,2,3\r\n" * 400_000, 400_000),
    ],
    ids=short,
)
def test_plain_lines_are_counted(tmp_path: Path, body: bytes, count: int) -> None:
    assert plain_count(tmp_path / "x.csv", body) == count


@pytest.mark.parametrize(
    "body",
    [
        b'1,"2\n",3\n',
        b'1,"2\r",3\n',
        b'1,"2,3\n',
        b'1, "2",3\n',
        b'1,"2" ,3\n',
        b'1,2",3\n',
        b"\n1,2,3\n",
        b"\r\n1,2,3\r\n",
        b"1,2,3\n\n4,5,6\n",
        b"1,2,3\r\n\r\n4,5,6\r\n",
        b"1,2,3\n4,5,6\r\n",
        b"1,2,3\r\n4,5,6\n",
        b"1,2\r,3\n",
        b"1,\0,3\n",
        b"1,2,3,\n",
        b"x" * (1 << 20) + b",2,3\n",
    ],
    ids=short,
)
def test_what_may_be_no_plain_line_is_left_to_the_judge(
    tmp_path: Path, body: bytes
) -> None:
    assert plain_count(tmp_path / "x.csv", body) is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_plain_lines_go_to_duckdb_as_they_are(
    tmp_path: Path, encoding: str, end: str
) -> None:
    lines = [f"{number},é,”{end}" for number in range(200_000)]
    path = tmp_path / "x.csv"
    path.write_bytes(f'"a{end}x",b,c{end}{"".join(lines)}'.encode(encoding))
    head, found, body = read_csv(path, ("utf-8", encoding), ",", tmp_path, strict=False)
    assert (found, head.n_lines) == (encoding, 2)
    assert (body.n_records, body.numbered) == (len(lines), False)
    sent = body.path.read_bytes().decode().splitlines(keepends=True)
    assert sent[body.skip :] == lines


@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_plain_count_that_is_not_duckdbs_has_every_record_judged(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch, off_by: int
) -> None:
    monkeypatch.setattr("loaders.files.csv_reader.count_plain_lines", lambda *_: 2 + off_by)
    entry = (things := lab()).land("a,b,c\n1,2,3\n4,5,6\n")
    assert (entry.status, entry.n_records) == ("landed", 2)
    things.check_laws()


@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_count_that_is_still_not_duckdbs_lands_nothing(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch, off_by: int
) -> None:
    def miscount(*args: Any) -> Body:
        body = split_strictly(*args)
        return replace(body, n_records=body.n_records + off_by)

    monkeypatch.setattr("loaders.files.csv_reader.split_strictly", miscount)
    entry = (things := lab()).land("a,b,c\n1,2,3\n\n4,5,6\n")
    assert (entry.status, entry.reason) == ("failed", "count_mismatch")
    assert things.counts() == (0, 0, 0)


def test_what_duckdb_refuses_lands_nothing(
    lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.files.csv_grammar.Grammar.unambiguous", lambda *_: b'1,"')
    entry = (things := lab()).land('a,b,c\n1,2" pipe,3\n\n4,5,6\n')
    assert (entry.status, entry.reason) == ("failed", "not_parsed")
    assert things.counts() == (0, 0, 0)
