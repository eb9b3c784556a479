"""Reading: the encoding of a file is decided from all of its bytes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.files.csv_reader import read_csv, record_at
from loaders.files.encodings import Text, decide_encoding
from tests.lab import Lab
from tests.loaders.test_read_records import check

ALL = ["utf-8", "cp1252-via-cp850", "cp1252", "latin-1"]


@pytest.mark.fault("text.single_byte")
@pytest.mark.parametrize(
    ("word", "sent", "encoding"),
    [
        ("plain", b"plain", "utf-8"),
        ("Müller’s", "Müller’s".encode(), "utf-8"),
        ("Müller’s – é", "Müller’s – é".encode("cp1252"), "cp1252"),
        ("Cañon", "Cañon".encode("latin-1"), "cp1252"),
        ("x\x81y", b"x\x81y", "latin-1"),
        ("President’s", b"President\xc6s", "cp1252-via-cp850"),
        ("don’t – “no” …", b"don\xc6t \xfb \xf4no\xf6 \xe0", "cp1252-via-cp850"),
    ],
)
def test_an_encoding_is_found_and_the_text_is_whole(
    lab: Callable[..., Lab], word: str, sent: bytes, encoding: str
) -> None:
    things = lab(encodings=ALL)
    entry = things.land(b"a,b,c\r\nx," + sent + b',"q ' + sent + b'"\r\n1,2\r\n')
    assert entry.encoding == encoding
    assert things.rows() == [("x", word, f"q {word}")]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_other_encodings_read_the_same_plain_or_not(
    lab: Callable[..., Lab], encoding: str, strict: bool
) -> None:
    things = lab(encodings=["utf-8", encoding])
    body = "".join(f"{n},é{n},ÿ\n" for n in range(60_000))
    things.land(("a,b,c\n" + body + ("\n" if strict else "")).encode(encoding))
    assert things.all(
        "select count(*) from raw.things "
        "where b = 'é' || a and c = 'ÿ' and _line = a::int + 2"
    ) == [(60_000,)]


@pytest.mark.parametrize("text", ["Café", "Köln", "Æsop", "él s’en va", "PRÆS", "\xc6s"])
def test_a_cp1252_file_is_not_taken_for_a_mangled_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f"a\nKöln {text}\n".encode("cp1252"))
    assert decide_encoding(path, tuple(ALL)) == Text("cp1252")


@pytest.mark.parametrize(
    ("word", "encoding"),
    [
        (b"we\xc6ll", "cp1252-via-cp850"),
        (b"they\xc6re", "cp1252-via-cp850"),
        (b"I\xc6m", "cp1252-via-cp850"),
        (b"we\xc6llo", "cp1252"),
        (b"they\xc6red", "cp1252"),
        (b"I\xc6mx", "cp1252"),
        (b"1\xc6s", "cp1252"),
    ],
)
def test_a_mangled_apostrophe_stands_within_a_whole_word(
    tmp_path: Path, word: bytes, encoding: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a\n" + word + b"\n" + word + b" \n")
    assert decide_encoding(path, tuple(ALL)).encoding == encoding


def test_a_mangled_apostrophe_is_found_across_chunks(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for shift in range(-4, 4):
        path.write_bytes(b"x" * ((1 << 20) + shift) + b"t\xc6s it\n")
        assert decide_encoding(path, tuple(ALL)) == Text("cp1252-via-cp850")


@pytest.mark.fault("text.mixed_encoding")
def test_a_bad_byte_anywhere_rejects_its_record_only(lab: Callable[..., Lab]) -> None:
    check(lab(), b"a,b,c\n\xc3\xa9,2,3\n\xe9,2,3\n\xc3\n4,5,6\n")


def test_a_character_across_chunks_is_one(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"x" * ((1 << 20) - 1) + "é\n".encode())
    assert decide_encoding(path, ("utf-8", "latin-1")) == Text("utf-8")
    path.write_bytes(b"x" * ((1 << 20) - 1) + b"\xc3")
    assert decide_encoding(path, ("utf-8", "latin-1")) == Text("latin-1")


@pytest.mark.fault("text.utf16")
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("is_marked", [True, False])
def test_utf_16_lands_and_rejects_the_bytes_as_delivered(
    lab: Callable[..., Lab], encoding: str, is_marked: bool
) -> None:
    things = lab(encodings=["utf-8", "utf-16"])
    mark = "\ufeff" if is_marked else ""
    lines = [
        f"{mark}a,b,c",
        *(f"{n},é😀{n},日本" for n in range(90_000)),
        "😀,short",
        "x,y,z",
    ]
    sent = "".join(f"{line}\r\n" for line in lines).encode(encoding)
    entry = things.land(sent)
    assert (entry.status, entry.encoding) == ("landed", encoding)
    assert (entry.n_new, entry.n_rejected) == (90_001, 1)
    short = "😀,short\r\n".encode(encoding)
    assert things.all("select line, byte_offset, raw_bytes from raw.rejects") == [
        (90_002, sent.index(short), short)
    ]
    assert things.all(
        "select count(*) from raw.things where b = 'é😀' || a and c = '日本' "
        "and _line = a::int + 2 or a = 'x' and _line = 90003"
    ) == [(90_001,)]


@pytest.mark.fault("text.utf16")
def test_plain_utf_16_needs_no_judge(lab: Callable[..., Lab], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("a,b\n1,é\n".encode("utf-16"))
    _, encoding, body = read_csv(path, ("utf-16",), ",", tmp_path, strict=False)
    assert (encoding, body.numbered, body.n_records) == ("utf-16-le", False, 1)
    assert record_at(path, 2, ",", encoding, tmp_path) == "1,é"


@pytest.mark.fault("text.utf16")
@pytest.mark.parametrize(
    ("data", "encodings", "detail"),
    [
        ("a,b,c\n".encode("utf-16"), ["utf-8", "latin-1"], "is in utf-16-le"),
        ("a,b,c\n".encode("utf-32"), ["utf-8", "utf-16"], "is in utf-32"),
        (b"a,b,c\n1,2,3\n", ["utf-16"], "does not look like UTF-16"),
    ],
)
def test_an_encoding_that_is_not_the_feeds_is_held(
    lab: Callable[..., Lab], data: bytes, encodings: list[str], detail: str
) -> None:
    entry = lab(encodings=encodings).land(data)
    assert (entry.status, entry.reason) == ("held", "unexpected_encoding")
    assert detail in str(entry.detail)
    assert "feeds.yml" in str(entry.detail)


@pytest.mark.fault("text.utf16")
def test_a_file_of_nothing_but_a_mark_is_no_csv(lab: Callable[..., Lab]) -> None:
    entry = lab(encodings=["utf-16"]).land(b"\xff\xfe")
    assert (entry.status, entry.reason) == ("failed", "header_unreadable")


@pytest.mark.fault("text.mixed_encoding")
@pytest.mark.parametrize(
    ("values", "encoding", "n_rejected"),
    [
        (["é".encode()] * 2 + [b"\xe9"], "utf-8", 1),
        (["é".encode(), b"\xe9"], "utf-8", 1),
        (["é".encode(), b"\xe9", b"\xe9"], "cp1252", 1),
        ([b"\xe9 " + "é".encode(), b"\xe9", b"\xe9"], "cp1252", 1),
        (["é".encode()] * 3 + [b"\xed\xa0\x80"], "utf-8", 1),
        ([b"\xe9"] * 3, "cp1252", 0),
        ([b"\x81"], "latin-1", 0),
    ],
)
def test_of_two_encodings_in_a_file_the_lesser_is_rejected(
    lab: Callable[..., Lab], values: list[bytes], encoding: str, n_rejected: int
) -> None:
    things = lab(encodings=["utf-8", "cp1252", "latin-1"])
    entry = things.land(b"a,b,c\n" + b"".join(b"1,%s,\n" % value for value in values))
    assert (entry.encoding, entry.n_rejected) == (encoding, n_rejected)
    assert all(b in ("é", "\x81") for _, b, _ in things.rows())


@pytest.mark.fault("text.mixed_encoding")
def test_a_character_cut_by_a_chunk_is_no_sign_of_two_encodings(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for shift in range(4):
        text = b"x" * ((1 << 20) - shift) + "é日😀".encode() + b"\xff"
        path.write_bytes(text)
        assert decide_encoding(path, ("utf-8", "latin-1")) == Text("utf-8", is_whole=False)


@pytest.mark.fault("text.mixed_encoding", "text.single_byte")
def test_bytes_that_the_only_encoding_lacks_reject_their_record(
    lab: Callable[..., Lab],
) -> None:
    things = lab(encodings=["cp1252"])
    entry = things.land(b"a,b,c\n1,\x81,\n2,\xe9,\n")
    assert (entry.encoding, entry.n_rejected) == ("cp1252", 1)
    assert things.rows() == [("2", "é", None)]


@pytest.mark.fault("delivery.cut_mid_row")
@pytest.mark.parametrize(
    ("data", "encodings"),
    [
        (b"a,b,c\n1,2,\xc3", ["utf-8"]),
        (b"a,b,c\n1,2,\xf0\x9f\x98", ["utf-8"]),
        (b"a,b,c\r\n1,2,3\r", ["utf-8"]),
        ("a,b,c\n1,2,3".encode("utf-16")[:-1], ["utf-16"]),
        ("a,b,c\n1,2,😀".encode("utf-16")[:-2], ["utf-16"]),
    ],
)
def test_a_file_cut_in_a_character_or_a_line_end_is_held(
    lab: Callable[..., Lab], data: bytes, encodings: list[str]
) -> None:
    assert lab(encodings=encodings).land(data).reason == "cut_mid_record"
    assert lab().land(b"a,b,c\n1,2,\xff").reason is None


@pytest.mark.fault("text.mixed_encoding")
@pytest.mark.parametrize("data", [b"\x80", b"\x80\x80", b"\xe9", b"\xff\xff\xff\xff"])
def test_a_file_of_a_few_odd_bytes_is_refused(lab: Callable[..., Lab], data: bytes) -> None:
    assert lab(encodings=["utf-8", "cp1252"]).land(data).reason == "no_header"
    assert lab().land(data).reason == "header_unreadable"
