"""Links and things that are no files, in an inbox that others write into."""

import contextlib
import io
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from loaders.config.paths import Paths
from loaders.disk import opened
from loaders.errors import DeliveryError
from loaders.landing import land
from loaders.sources import local
from tests.loaders.test_inbox import drop, run, settings, uris

__all__ = ["run", "settings"]  # fixtures
Run = Callable[..., Result]
SECRET = "a,b,c\nhunter2,,\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """What only the operator may read."""
    folder = tmp_path / "home"
    folder.mkdir(0o700)
    file = folder / "secret.csv"
    file.write_text(SECRET)
    file.chmod(0o600)
    return file


def link_file(inbox: Path, secret: Path) -> None:
    (inbox / "things" / "evil.csv").symlink_to(secret)


def link_relatively(inbox: Path, secret: Path) -> None:
    (inbox / "things" / "evil.csv").symlink_to(Path("../..") / "home" / secret.name)


def link_to_link(inbox: Path, secret: Path) -> None:
    (inbox / "things" / "evil.txt").symlink_to(secret)
    (inbox / "things" / "evil.csv").symlink_to("evil.txt")


def link_folder(inbox: Path, secret: Path) -> None:
    (inbox / "others" / "deep").symlink_to(secret.parent)


def link_feed(inbox: Path, secret: Path) -> None:
    (inbox / "others").rmdir()
    (inbox / "others").symlink_to(secret.parent)
    secret.rename(secret.with_name("evil.csv"))


def link_within(inbox: Path, _: Path) -> None:
    (inbox / "things" / "evil.csv").symlink_to(inbox / "things" / "x.csv")


def link_hard(inbox: Path, secret: Path) -> None:
    (inbox / "things").chmod(0o777)
    (inbox / "things" / "evil.csv").hardlink_to(secret)


def make_pipe(inbox: Path, _: Path) -> None:
    os.mkfifo(inbox / "things" / "evil.csv")


def make_socket(inbox: Path, _: Path) -> None:
    # By its name alone: a socket's whole path has room for 107 bytes only.
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(inbox / "things"):
        one.bind("evil.csv")


def link_device(inbox: Path, _: Path) -> None:
    (inbox / "things" / "evil.csv").symlink_to("/dev/zero")


TRICKS = [link_file, link_relatively, link_to_link, link_folder, link_feed, link_within]
TRICKS += [link_hard, make_pipe, make_socket, link_device]


def trick_id(trick: Callable[..., None]) -> str:
    return trick.__name__


@pytest.mark.fault("hostile.links")
@pytest.mark.parametrize("trick", TRICKS, ids=trick_id)
def test_what_is_no_file_in_the_inbox_is_named_and_never_read(
    run: Run, paths: Paths, secret: Path, trick: Callable[[Path, Path], None]
) -> None:
    drop(paths, "things/x.csv")
    (paths.inbox / "others").mkdir()
    trick(paths.inbox, secret)
    output = run("land").output
    assert [status for status, _ in uris(paths)] == ["landed"]
    said = next(line for line in output.splitlines() if line.startswith("not taken"))
    assert "eventmart land FEED FILE" in said
    assert "evil" in said or "others" in said
    assert len(list(paths.drops.iterdir())) == 1


@pytest.mark.fault("hostile.links")
@pytest.mark.parametrize(
    "trick", [link_file, link_to_link, link_within, link_hard], ids=trick_id
)
def test_a_link_that_is_named_is_followed(
    run: Run, paths: Paths, secret: Path, trick: Callable[[Path, Path], None]
) -> None:
    drop(paths, "things/x.csv")
    trick(paths.inbox, secret)
    link = paths.inbox / "things" / "evil.csv"
    assert run("land", "things", str(link)).output.startswith("landed      things")
    assert uris(paths) == [("landed", str(link))]
    # That somebody named a folder says nothing of what others put into it.
    folder = run("land", "things", str(link.parent), code=2).output
    assert "a link" in folder or "second name" in folder


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_second_name_by_who_alone_writes_there_is_taken(
    run: Run, paths: Paths, mode: int
) -> None:
    path = drop(paths, "things/x.csv")
    path.with_name("x.txt").hardlink_to(path)
    path.parent.chmod(mode)
    run("land")
    assert [status for status, _ in uris(paths)] == ["landed"]


def test_an_inbox_that_is_a_link_itself_is_the_operators(
    run: Run, paths: Paths, tmp_path: Path
) -> None:
    drop(paths, "things/x.csv")
    paths.inbox.rename(tmp_path / "elsewhere")
    paths.inbox.symlink_to(tmp_path / "elsewhere")
    run("land")
    # It goes by the name that it was found by.
    assert uris(paths) == [("landed", str(paths.inbox / "things" / "x.csv"))]


@pytest.mark.fault("hostile.links")
@pytest.mark.parametrize("moment", ["before", "between"])
@pytest.mark.parametrize("what", ["file", "folder", "pipe"])
def test_what_is_swapped_after_it_was_listed_is_not_followed(
    run: Run,
    paths: Paths,
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    what: str,
) -> None:
    path = drop(paths, "things/x.csv")
    secret.rename(secret.with_name("x.csv"))

    def swap() -> None:
        path.unlink(missing_ok=True)
        if what == "file":
            path.symlink_to(secret.with_name("x.csv"))
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.parent.rmdir()
            path.parent.symlink_to(secret.parent)

    # Listed and stamped, and then looked at; or looked at, and then read.
    name = "land_file" if moment == "before" else "_land"
    module = "loaders.landing.ingest" if moment == "before" else "loaders.landing.land"
    honest = land.land_file if moment == "before" else land._land

    def late(*arguments: Any, **more: Any) -> Any:
        swap()
        return honest(*arguments, **more)  # type: ignore[operator]

    monkeypatch.setattr(f"{module}.{name}", late)
    output = run("land", code=4).output
    assert "not_a_file: " in output
    assert "hunter2" not in output
    assert not paths.drops.exists() or list(paths.drops.iterdir()) == []


def test_a_file_is_opened_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "déjà" / "x.csv"
    path.parent.mkdir(0o300)
    path.write_bytes(b"abc")
    with opened(path) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert stream.read() == b"abc"
    with pytest.raises(FileNotFoundError, match="gone"):
        opened(tmp_path / "gone.csv")
    with pytest.raises(DeliveryError, match="not a regular file"):
        opened(tmp_path)
    n_open = len([*Path("/dev/fd").iterdir()])
    for name in ("gone", "déjà", "x/y"):
        with pytest.raises((OSError, DeliveryError)):
            opened(tmp_path / name)
    assert len([*Path("/dev/fd").iterdir()]) == n_open


def test_a_file_that_vanishes_is_nothing_to_tell_of(tmp_path: Path) -> None:
    assert local.fault_of(tmp_path / "x.csv", tmp_path) == local.GONE
