"""Unpacking: within limits, whole or not at all, and never by a member's name.

What each kind of broken archive comes to is in tests/dirty/; here stand the corners.
"""

import gzip
import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from loaders.config.feeds import Limits
from loaders.errors import DeliveryError
from loaders.files.archives import Member, members
from loaders.landing.land import accept, land_file
from tests.lab import Lab

Labs = Callable[..., Lab]
ROWS = b"a,b,c\n" + b"1,2,3\n" * 50_000


def zip_of(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return target.getvalue()


def read_all(path: Path, limits: Limits) -> bytes:
    (member,) = members(path, "*.csv", limits)
    with member.open() as stream:
        return stream.read()


@pytest.mark.fault("archive.bomb")
@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zip_of({"x.csv": data})])
def test_a_limit_is_on_bytes_really_read(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(ROWS))
    ratio = len(ROWS) // path.stat().st_size
    for limits in (
        Limits(total_bytes=len(ROWS)),
        Limits(ratio=1, ratio_above_bytes=len(ROWS)),
        Limits(ratio=ratio + 1, ratio_above_bytes=0),
    ):
        assert read_all(path, limits) == ROWS
    for limits in (
        Limits(total_bytes=len(ROWS) - 1),
        Limits(ratio=ratio, ratio_above_bytes=len(ROWS) - 1),
    ):
        with pytest.raises(DeliveryError, match=r"unpacks to over [\d,]+ bytes") as caught:
            read_all(path, limits)
        assert caught.value.reason == "archive_bomb"


@pytest.mark.fault("archive.bomb")
def test_real_deliveries_are_far_from_the_limits() -> None:
    limits = Limits()
    assert (limits.total_bytes, limits.entries) == (100 << 30, 100_000)
    assert len(ROWS) / len(gzip.compress(ROWS)) > limits.ratio
    assert len(ROWS) < limits.ratio_above_bytes


@pytest.mark.fault("archive.bomb")
def test_what_we_packed_ourselves_has_no_limits(lab: Labs, tmp_path: Path) -> None:
    limits = {"total_bytes": len(ROWS), "ratio": 2, "ratio_above_bytes": 0}
    things = lab(limits=limits, columns={"x": {"required": True}, "a": {}, "b": {}})
    assert things.land(ROWS).status == "held"
    things = lab(limits=limits)
    entry = accept(things.warehouse, {"things": things.feed}, 1, "ann", "renamed")
    assert (entry.status, entry.n_records) == ("landed", 50_000)


@pytest.mark.fault("archive.bomb")
def test_a_directory_too_large_for_memory_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zip_of({f"{number}.csv": b"a\n1\n" for number in range(100)}))
    monkeypatch.setattr("loaders.files.archives._MAX_DIRECTORY_BYTES", 5000)
    with pytest.raises(DeliveryError, match="directory") as caught:
        members(path, "*.csv", Limits())
    assert caught.value.reason == "archive_bomb"


@pytest.mark.fault("archive.truncated", "archive.members")
def test_no_member_lands_if_the_last_is_broken(lab: Labs) -> None:
    things = lab()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr("1.csv", b"a,b,c\n1,2,3\n")
        packed.writestr("2.csv", b"a,b,c\n" + b"1,2,3\n" * 5000 + b"4,5,6\n")
    path = things.file(target.getvalue().replace(b"4,5,6", b"4,5,7"), "x.zip")
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert (entry.status, entry.reason) == ("failed", "archive_broken")
    assert "x.zip:2.csv" in str(entry.detail)
    assert things.counts() == (0, 0, 0)
    kept = things.warehouse.paths.drops / f"{entry.sha256}.gz"
    assert gzip.decompress(kept.read_bytes()) == path.read_bytes()


@pytest.mark.fault("archive.members", "archive.special")
def test_members_that_are_not_read_are_named(lab: Labs) -> None:
    others = {f"{number}.txt": b"" for number in range(7)}
    path = lab().file(zip_of({**others, "__MACOSX/._a": b"", "x.csv": b"a\n"}), "x.zip")
    assert [member.notice for member in members(path, "*.csv", Limits())] == [
        "not read: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"
    ]


@pytest.mark.fault("archive.members")
def test_a_notice_of_the_archive_stands_beside_one_of_the_header(lab: Labs) -> None:
    data = b"a,b,c,d\n1,2,3,4\n\n5,6,7,8\n"
    entry = lab().land(zip_of({"README": b"", "x.csv": data}), "x.zip")
    assert entry.detail == "not read: README; unknown columns kept: d"


@pytest.mark.fault("archive.nested")
def test_a_small_stream_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a"))
    with Member(path).open() as stream:
        assert [stream.read(1), stream.read(1), stream.read(1)] == [b"a", b"", b""]
    path.write_bytes(gzip.compress(b"0123456789" * 200))
    with Member(path).open() as stream:
        pieces = iter(lambda: stream.read(7), b"")
        assert b"".join(pieces) == b"0123456789" * 200


# ---------------------------------------------------------------- members of other kinds

GOOD = b"a,b,c\n1,2,3\n"
OTHERS = {
    "metadata.csv": b"field,meaning\na,the first\n",
    "columns.csv": b"name,a,description,unit,since\nx,y,z,,\n",
    "notes.csv": b"Written by hand.\n\nNothing else.\n",
    "wide.csv": b"v1,v2,v3,v4,v5\n1,2,3,4,5\n",
}


@pytest.mark.fault("archive.members")
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("folder", ["", "data/", "zz/"])
def test_a_member_of_another_kind_is_named_and_harms_nothing(
    lab: Labs, name: str, folder: str
) -> None:
    things = lab(mode="snapshot")
    data = zip_of({"m/311.csv": GOOD, folder + name: OTHERS[name], "README": b"!"})
    (entry,) = land_file(things.warehouse, things.feed, things.file(data, "x.zip"))
    assert (entry.status, entry.member, entry.n_new) == ("landed", "m/311.csv", 1)
    assert entry.detail == f"not read: {folder}{name}, README"


@pytest.mark.fault("archive.members", "text.no_header", "text.renamed_column")
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (b"9,8,7\n6,5,4\n", "no_header"),
        (b"id,b,c,x\n1,2,3,4\n", "required_column_missing"),
        (b"a;b;c\n1;2;3\n", "other_delimiter"),
        (b'as of today\na,b,c\n1,2,"3\n', "preamble"),
    ],
)
def test_a_member_that_may_hold_rows_is_not_left_beside(
    lab: Labs, other: bytes, reason: str
) -> None:
    things = lab(max_preamble_lines=0)
    data = zip_of({"1.csv": GOOD, "2.csv": other})
    entries = land_file(things.warehouse, things.feed, things.file(data, "x.zip"))
    assert [entry.status for entry in entries] == ["landed", "held"]
    assert entries[1].reason == reason


@pytest.mark.fault("archive.members")
def test_an_archive_without_any_fitting_member_is_one_refusal(lab: Labs) -> None:
    things = lab()
    path = things.file(zip_of(OTHERS), "x.zip")
    (entry,) = land_file(things.warehouse, things.feed, path)
    assert (entry.status, entry.reason) == ("failed", "archive_without_member")
    assert "no member has a header of the feed: columns.csv, metadata.csv" in str(
        entry.detail
    )
    assert "aliases in feeds.yml" in str(entry.detail)
    entry = things.land(zip_of({"x.csv": b"x,y\n1,2\n"}), "y.zip")
    assert (entry.status, entry.reason) == ("held", "no_header")


@pytest.mark.fault("archive.members")
def test_no_setting_is_proposed_for_a_link(lab: Labs) -> None:
    link = zipfile.ZipInfo("x.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr(link, "/etc/passwd")
    entry = lab().land(target.getvalue(), "x.zip")
    assert entry.reason == "archive_without_member"
    assert "x.csv (not a regular file); ask for the file itself" in str(entry.detail)


@pytest.mark.fault("archive.members")
@pytest.mark.parametrize(
    ("inside", "hint"),
    [
        ({"311.txt": GOOD}, "but 311.txt; if one of them holds the rows, name it in"),
        ({"311.txt": GOOD, "a.md": b""}, "such as by member: '*.md'"),
        ({"inner.zip": zip_of({"x.csv": GOOD})}, "ask for the file itself, or one archive"),
        ({}, "it is empty; ask for the file itself"),
    ],
)
def test_an_archive_of_other_names_says_what_to_set(
    lab: Labs, inside: dict[str, bytes], hint: str
) -> None:
    entry = lab().land(zip_of(inside), "x.zip")
    assert entry.reason == "archive_without_member"
    assert hint in str(entry.detail)


def test_the_setting_of_the_member_is_in_any_case(lab: Labs) -> None:
    for name in ("x.txt", "X.TXT"):
        things = lab(member="*.Txt")
        assert things.land(zip_of({name: GOOD}), "x.zip").status in ("landed", "seen_again")


@pytest.mark.fault("archive.nested")
@pytest.mark.parametrize("name", ["311.csv.gz", "d/311.CSV.GZ", "311.csv"])
def test_a_gzip_in_a_zip_is_read(lab: Labs, name: str) -> None:
    things = lab()
    data = zip_of({name: gzip.compress(ROWS), "README.gz": gzip.compress(b"!")})
    entry = things.land(data, "x.zip")
    assert (entry.status, entry.n_records) == ("landed", 50_000)
    assert things.land(ROWS).status == "seen_again"


@pytest.mark.fault("archive.nested", "archive.bomb", "archive.truncated")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(gzip.compress(GOOD)), "archive_nested"),
        (gzip.compress(zip_of({"x.csv": GOOD})), "archive_nested"),
        (zip_of({"x.csv": GOOD}), "archive_nested"),
        (gzip.compress(GOOD)[:-6], "archive_broken"),
        (gzip.compress(GOOD) + b"junk", "archive_broken"),
        (GOOD, "archive_broken"),
        (gzip.compress(b"\0" * (80 << 20)), "archive_bomb"),
    ],
    ids=["gzip", "zip in gzip", "zip", "cut", "junk", "none", "bomb"],
)
def test_a_gzip_in_a_zip_keeps_its_word(lab: Labs, data: bytes, reason: str) -> None:
    things = lab()
    entry = things.land(zip_of({"x.csv.gz": data}), "x.zip")
    assert (entry.status, entry.reason) == ("failed", reason)
    assert things.counts() == (0, 0, 0)
