"""A disk that loses, when the power fails, what nobody has waited for.

What it surely has of a file are the bytes as they were at its last fsync, and of a folder
the names as they were at its own. What was written or named since may be there or not.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

SOURCE = Path(__file__).with_name("power_cut.c")
# What is lost, and what is kept all the same, of what came since the last fsync.
LOSSES = {"names and bytes": "", "names": "bytes", "bytes": "names"}


@dataclass(frozen=True)
class Node:
    """A file, folder or link as it stands on a disk."""

    number: int
    mode: int
    # Bytes of a file, names in a folder, the place that a link leads to.
    holds: "bytes | dict[str, Node] | str"


def compiled(folder: Path) -> Path:
    """The library to preload."""
    library = folder / "power_cut.so"
    call = ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", str(library), str(SOURCE)]
    subprocess.run(call, check=True)
    return library


def _read(path: Path, *, deep: bool = True) -> Node:
    """What a path is; unless told deep, of a folder the names alone."""
    found = path.lstat()
    holds: bytes | dict[str, Node] | str = b""
    if path.is_symlink():
        holds = str(path.readlink())
    elif path.is_dir():
        holds = {
            inner.name: _read(inner)
            if deep
            else Node(inner.lstat().st_ino, inner.lstat().st_mode, _kind(inner))
            for inner in path.iterdir()
        }
    elif path.is_file():
        holds = path.read_bytes()
    return Node(found.st_ino, found.st_mode, holds)


def _kind(path: Path) -> bytes | dict[str, Node] | str:
    """Nothing, as what a path is would hold it."""
    if path.is_symlink():
        return str(path.readlink())
    return {} if path.is_dir() else b""


class Disk:
    """What a folder on a disk would be after a power cut; on tmpfs, so that no number of
    a file is given twice.
    """

    def __init__(self, folder: Path, socket_file: Path) -> None:
        self.folder = folder
        self.synced: dict[int, bytes | dict[str, Node] | str] = {}
        self.n_syncs, self.fails_at = 0, 0
        self.environment = {"POWER_CUT": str(socket_file)}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(socket_file))
        self.listener.listen()
        Thread(target=self._listen, daemon=True).start()

    def settle(self, fails_at: int = 0) -> None:
        """All is on the disk; from now on the power fails before this sync."""
        self.synced.clear()
        self._note(_read(self.folder.parent))
        self.n_syncs, self.fails_at = 0, fails_at

    def _note(self, node: Node) -> None:
        self.synced[node.number] = node.holds
        if isinstance(node.holds, dict):
            for inner in node.holds.values():
                self._note(inner)

    def _listen(self) -> None:
        while True:
            asked, _ = self.listener.accept()
            with closing(asked):
                path = Path(os.fsdecode(b"".join(_chunks(asked))))
                self.n_syncs += 1
                fails = self.n_syncs == self.fails_at
                if not fails and path.is_relative_to(self.folder.parent):
                    node = _read(path, deep=False)
                    self.synced[node.number] = node.holds
                asked.sendall(b"x" if fails else b".")

    def cut(self, kept: str) -> None:
        """Leave in the folder what the disk has, and the names or bytes since."""
        keeps_names, keeps_bytes = kept == "names", kept == "bytes"
        now = _read(self.folder.parent)
        written: dict[int, bytes] = {}

        def look(node: Node) -> None:
            if isinstance(node.holds, dict):
                for inner in node.holds.values():
                    look(inner)
            elif isinstance(node.holds, bytes):
                written[node.number] = node.holds

        look(now)
        known = now.holds if keeps_names else self.synced[now.number]
        assert isinstance(known, dict)
        node = known.get(self.folder.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        made: dict[int, Path] = {}

        def write(node: Node, path: Path) -> None:
            synced = self.synced.get(node.number)
            if isinstance(node.holds, str):
                path.symlink_to(node.holds)
            elif isinstance(node.holds, dict):
                names = node.holds if keeps_names else synced or {}
                assert isinstance(names, dict)
                path.mkdir()
                for name, inner in names.items():
                    write(inner, path / name)
                path.chmod(node.mode & 0o7777)
            elif node.number in made:
                path.hardlink_to(made[node.number])
            else:
                lost = synced or b""
                assert isinstance(lost, bytes)
                path.write_bytes(written.get(node.number, lost) if keeps_bytes else lost)
                path.chmod(node.mode & 0o7777)
                made[node.number] = path

        if node:
            write(node, self.folder)


def _chunks(asked: socket.socket) -> Iterator[bytes]:
    while chunk := asked.recv(4096):
        yield chunk
