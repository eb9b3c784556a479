"""Text as old systems sent it: ends of DOS, code pages mistaken for others, short rows."""

from collections.abc import Callable
from itertools import product

import pytest

from loaders.files.encodings import Text, decide_encoding, decode
from loaders.landing.replay import replay
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
ALL = ["utf-8", "cp1252-via-cp850", "cp1252", "latin-1"]


# ---------------------------------------------------------------- the end of DOS


ENDS = ["\x1a", "\n\x1a", "\n\x1a\n", "\n" + "\x1a" * 128, "\x1a\x1a"]


@pytest.mark.fault("delivery.dos_end")
@pytest.mark.parametrize(
    ("encoding", "word"), [("utf-8", "x"), ("latin-1", "é"), ("utf-16", "é")]
)
def test_control_z_at_the_end_is_no_record(lab: Labs, encoding: str, word: str) -> None:
    things = lab(encodings=["utf-8", "latin-1", "utf-16"])
    for newline, end in product(("\n", "\r\n", "\r"), ENDS):
        things.reset()
        data = f"a,b,c\n1,{word},y\n2,,z{end}".replace("\n", newline).encode(encoding)
        entry = things.land(data)
        assert (entry.status, entry.n_records, entry.n_new) == ("landed", 2, 2)
        assert things.rows() == [("1", word, "y"), ("2", None, "z")]


@pytest.mark.fault("delivery.dos_end")
def test_control_z_elsewhere_is_data(lab: Labs) -> None:
    things = lab()
    entry = things.land('a,b,c\nw\x1a,x,y\n2,\x1a\x1a,z\n"3\x1a\n",x,\x1a\n')
    assert (entry.n_records, entry.n_new) == (3, 3)
    assert things.rows() == [
        ("w\x1a", "x", "y"),
        ("2", "\x1a\x1a", "z"),
        ("3\x1a\n", "x", "\x1a"),
    ]


@pytest.mark.fault("delivery.dos_end", "delivery.cut_mid_row")
def test_a_cut_file_is_cut_whatever_ends_it(lab: Labs) -> None:
    assert lab().land("a,b,c\n1,2,3\n1,2\x1a").reason == "cut_mid_record"


@pytest.mark.parametrize(
    ("data", "status"),
    [("a,b,c\n\x1a", "empty"), ("a,b,c\x1a", "empty"), ("\x1a", "failed")],
)
def test_a_file_of_nothing_but_an_end_has_no_rows(
    lab: Labs, data: str, status: str
) -> None:
    assert lab().land(data).status == status


@pytest.mark.fault("delivery.dos_end")
def test_rejects_before_the_end_are_as_sent(lab: Labs) -> None:
    things = lab()
    things.land("a,b,c\n1,2,3\n4\n5,6,7\n\x1a")
    assert things.all("select line, byte_offset, raw_bytes from raw.rejects") == [
        (3, 12, b"4\n")
    ]
    things.check_laws()


# ---------------------------------------------------------------- mended text


def mangled(char: str) -> bytes:
    """What text in cp1252 becomes that is read as cp850 and written in one byte each."""
    return char.encode("cp1252").decode("cp850").encode("cp1252", "ignore")


@pytest.mark.fault("text.single_byte")
def test_every_character_that_survives_the_mangling_is_mended() -> None:
    mended, lost, undefined = "", "", []
    for byte in range(256):
        try:
            char = bytes([byte]).decode("cp1252")
        except UnicodeDecodeError:
            undefined.append(byte)
            continue
        if sent := mangled(char):
            assert decode(sent, "cp1252-via-cp850") == char
            mended += char
        else:
            lost += char
    assert undefined == [0x81, 0x8D, 0x8F, 0x90, 0x9D]
    assert lost == "°±²³´¹º»¼¿ÀÁÂÃÄÅÈÉÊËÌÍÎÕÙÚÛÜßòþ"
    assert len(mended) + len(lost) + len(undefined) == 256
    # No two of them became one: whatever is mended was that, and nothing else.
    assert len({mangled(char) for char in mended}) == len(mended)


@pytest.mark.fault("text.single_byte")
@pytest.mark.parametrize(
    "text",
    [
        "don’t\u00a0stop",
        "it’s “a” – b — c … • d",
        "President’s café",
        "it’s ‘so’ ™ © ® § ½ £5 ¥5 €5",
        "we’re at Cañon José",
    ],
)
def test_mangled_text_lands_mended(lab: Labs, text: str) -> None:
    things = lab(encodings=ALL)
    sent = b"".join(mangled(char) for char in text)
    entry = things.land(b"a,b,c\n1," + sent + b",\n")
    assert entry.encoding == "cp1252-via-cp850"
    assert things.rows() == [("1", text, None)]


@pytest.mark.fault("text.single_byte")
@pytest.mark.parametrize("word", ["café", "Köln", "Zoë", "Hôtel", "naïf", "Moët", "façade"])
def test_a_file_with_whole_words_is_not_taken_for_mangled(lab: Labs, word: str) -> None:
    things = lab(encodings=ALL)
    data = b"a,b,c\n1,don\xc6t," + word.encode("cp1252") + b"\n"
    path = things.file(data)
    assert decide_encoding(path, tuple(ALL)) == Text("cp1252")


# ---------------------------------------------------------------- short rows


@pytest.mark.fault("text.ragged")
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_records_that_end_early_are_padded_where_a_feed_says_so(
    lab: Labs, newline: str, encoding: str
) -> None:
    body = 'a,b,c\n1,2,3\n4\n5,"x,\ny"\n\n6,é\n7,8,9,10\n,\n'
    data = body.replace("\n", newline).encode(encoding)
    strict = lab(encodings=[encoding])
    entry = strict.land(data)
    assert (entry.n_new, entry.n_rejected, entry.n_padded) == (1, 5, 0)
    strict.reset()
    things = lab(encodings=[encoding], pad_short_rows=True)
    entry = things.land(data)
    assert (entry.n_records, entry.n_blank, entry.n_padded) == (7, 1, 4)
    assert (entry.n_new, entry.n_rejected) == (5, 1)
    padded = "4 records with missing fields at their end are padded with nulls"
    assert str(entry.detail).startswith(f"{padded}; rejected: 1 for too_many")
    assert things.rows("_line") == [
        ("1", "2", "3"),
        ("4", None, None),
        ("5", f"x,{newline}y", None),
        ("6", "é", None),
        (None, None, None),
    ]
    assert things.all("select reason from raw.rejects") == [("too_many_fields",)]
    assert things.all("select n_padded from raw.deliveries") == [(4,)]
    things.check_laws()


@pytest.mark.fault("text.ragged")
def test_a_padded_row_is_the_row_of_a_whole_record(lab: Labs) -> None:
    things = lab(mode="snapshot", pad_short_rows=True)
    things.land("a,b,c\n1,2\n3\n" + "4,,\n" * 3, as_of="2024-01-01")
    entry = things.land("a,b,c\n1,2,\n3,,\n" + "4\n" * 3, as_of="2024-01-02")
    assert (entry.n_new, entry.n_known, entry.n_padded) == (0, 5, 3)


@pytest.mark.fault("text.ragged", "delivery.cut_mid_row")
@pytest.mark.parametrize("end", ["", "\x1a"])
def test_a_last_record_that_may_be_cut_is_not_padded(lab: Labs, end: str) -> None:
    things = lab(pad_short_rows=True)
    entry = things.land("a,b,c\n1\n2,3" + end)
    assert (entry.status, entry.reason) == ("held", "cut_mid_record")


@pytest.mark.fault("text.ragged")
def test_rejected_short_rows_pass_in_a_replay(lab: Labs) -> None:
    things = lab()
    things.land("a,b,c\n1,2,3\n4,5\n6,7,8,9\n")
    things.feed = make_feed(pad_short_rows=True)
    (entry,) = replay(things.warehouse, things.feed)
    assert (entry.status, entry.n_new, entry.n_rejected) == ("replayed", 1, 1)
    assert ("4", "5", None) in things.rows()


def test_a_file_without_short_rows_is_as_it_was(lab: Labs) -> None:
    entry = lab(pad_short_rows=True).land("a,b,c\n1,2,3\n")
    assert (entry.n_padded, entry.detail) == (0, None)
