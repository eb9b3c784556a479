"""Unpacking: within limits, whole or not at all, and never by a member's name.

What each kind of broken archive comes to is in tests/dirty/; here stand the corners.
"""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Lab

from loaders.errors import DeliveryError
from loaders.feeds import Limits
from loaders.landing import accept, land_file
from loaders.unpack import Member, members

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
    monkeypatch.setattr("loaders.unpack._MAX_DIRECTORY_BYTES", 5000)
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
    assert [member.beside for member in members(path, "*.csv", Limits())] == [
        "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"
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
    with Member(path, None).open() as stream:
        assert [stream.read(1), stream.read(1), stream.read(1)] == [b"a", b"", b""]
    path.write_bytes(gzip.compress(b"0123456789" * 200))
    with Member(path, None).open() as stream:
        pieces = iter(lambda: stream.read(7), b"")
        assert b"".join(pieces) == b"0123456789" * 200
