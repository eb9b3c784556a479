"""Reading: where a header is, and what is none."""

import csv
import io
from collections.abc import Callable

import pytest

from tests.lab import Lab


@pytest.mark.fault("text.two_headers")
@pytest.mark.parametrize("odd", ["", "\n"])
@pytest.mark.parametrize(
    "again", ["a,b,c d", '"A"," B ","C_D"', "\ufeffa,b,c d", "a,b,C D", 'a,b,"c d"']
)
def test_the_header_again_is_rejected_and_not_landed(
    lab: Callable[..., Lab], again: str, odd: str
) -> None:
    things = lab(columns={"a": {"required": True}, "b": {}, "c_d": {}})
    entry = things.land(f"a,b,c d\n1,2,3\n{odd}{again}\n4,5,6\n")
    assert (entry.n_new, entry.n_rejected) == (2, 1)
    assert things.all("select reason, raw_bytes from raw.rejects") == [
        ("repeated_header", f"{again}\n".encode())
    ]


@pytest.mark.fault("text.two_headers")
@pytest.mark.parametrize(
    "again", ["b,a,c", "a,b,d", "x,c,a", "c,b,A", '"1,a",b,a', "b,b,b", 'x,"b",a']
)
@pytest.mark.parametrize("odd", ["", "\n"])
def test_another_header_further_down_is_held(
    lab: Callable[..., Lab], again: str, odd: str
) -> None:
    entry = lab().land(f"a,b,c\n1,2,3\n{odd}{again}\n4,5,6\n")
    assert (entry.status, entry.reason) == ("held", "second_header")
    assert f"line {4 if odd else 3} is a second header" in str(entry.detail)


@pytest.mark.fault("text.two_headers")
@pytest.mark.parametrize("row", ["a,1,2", "1,b,3", "1,2,c", "1,2,a", "aa,bb,cc"])
@pytest.mark.parametrize("odd", ["", "\n"])
def test_a_name_among_values_is_a_value(
    lab: Callable[..., Lab], row: str, odd: str
) -> None:
    things = lab()
    assert things.land(f"a,b,c\n{odd}{row}\n").n_rejected == 0
    assert things.rows() == [tuple(row.split(","))]


@pytest.mark.fault("text.two_headers")
@pytest.mark.parametrize("odd", ["", "\n"])
def test_names_with_quotes_tell_a_header_too(lab: Callable[..., Lab], odd: str) -> None:
    header, again = '"a""","b""",c\n', '" A"" "," B"" ",C\n'
    entry = lab().land(header + "1,2,3\n" + odd + again)
    assert (entry.n_new, entry.n_rejected) == (1, 1)


@pytest.mark.fault("text.two_headers")
@pytest.mark.parametrize("odd", ["", "\n"])
def test_unknown_columns_tell_a_header_too(lab: Callable[..., Lab], odd: str) -> None:
    header = 'Ünknown x,"say ""y""",a\n'
    entry = lab().land(header + "1,2,3\n" + odd + header.upper())
    assert (entry.n_new, entry.n_rejected) == (1, 1)


@pytest.mark.fault("text.preamble", "text.no_header", "text.dialect_change")
@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        ("Report\n\na,b,c\n1,2,3\n", "preamble", "line 3 looks like the header"),
        ("\na,b,c\n1,2,3\n", "preamble", "max_preamble_lines: 1 "),
        ('"R" of\na,b,c\n', "preamble", "line 2 looks like the header"),
        ("a;b;c\n1;2;3\n", "other_delimiter", "line 1 is a header with the delimiter ';'"),
        ('"a"\t"b"\n1\t2\n', "other_delimiter", "delimiter '\\t'"),
        ("sep=;\na;b\n1;2\n", "other_delimiter", "line 2 is a header with the delimiter"),
        ("1,2,3\n4,5,6\n", "no_header", "none of the 3 fields of line 1 is a column"),
    ],
)
def test_a_header_that_is_elsewhere_is_pointed_at(
    lab: Callable[..., Lab], data: str, reason: str, detail: str
) -> None:
    things = lab()
    entry = things.land(data)
    assert (entry.status, entry.reason) == ("held", reason)
    assert detail in str(entry.detail)
    assert things.counts() == (0, 0, 0)


@pytest.mark.fault("text.preamble")
@pytest.mark.parametrize("odd", ["", "\n"])
def test_an_expected_preamble_is_counted_and_kept(
    lab: Callable[..., Lab], odd: str
) -> None:
    things = lab(max_preamble_lines=2)
    entry = things.land(f'Report, "x"y\n\na,b,c\n1,2,3\n{odd}4,5\n')
    assert (entry.status, entry.n_header_lines, entry.n_rejected) == ("landed", 3, 1)
    assert entry.detail
    assert entry.detail.startswith("lines before the header: 2; rejected: 1 for too_few")
    assert things.all("select _line from raw.things") == [(4,)]
    assert things.land("1\n2\n3\na,b,c\n1,2,3\n").reason == "preamble"
    assert things.land("a,b,c\n7,8,9\n").n_header_lines == 1


@pytest.mark.fault("text.added_column")
def test_names_are_kept_so_that_they_can_be_told_apart(lab: Callable[..., Lab]) -> None:
    entry = lab().land('a,"b,c","say ""x""","two\nlines"\n1,2,3,4\n')
    assert entry.header
    assert next(csv.reader(io.StringIO(entry.header, newline=""))) == [
        *("a", "b,c", 'say "x"', "two\nlines")
    ]
