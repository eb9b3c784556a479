"""Running the peers: what a user would pick instead, each in an environment of its own."""

import ast
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import psycopg
from common import Taken, run

# The first is what ratios are to.
PEERS = (
    "bare_duckdb",
    "dlt_duckdb",
    "pandas_postgres",
    "pyspark_parquet",
    "polars_parquet",
)
FOLDER = Path(__file__).parent / "peers"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eventmart"


class UnavailableError(Exception):
    """A peer cannot run here."""


@dataclass(frozen=True)
class Peer:
    """A script in `peers/`, whose last word says what it lands in.

    It is called with a CSV file, a place for the result and, where what comes again is to
    be merged, the columns that identify its rows.
    """

    name: str

    @property
    def script(self) -> Path:
        """The script."""
        return FOLDER / f"{self.name}.py"

    @property
    def kind(self) -> str:
        """What it lands in: duckdb, parquet or postgres."""
        return self.name.rpartition("_")[2]

    @property
    def title(self) -> str:
        """The first line of the script's docstring."""
        text = ast.get_docstring(ast.parse(self.script.read_text())) or ""
        return text.partition("\n")[0].rstrip(".")

    def require(self) -> None:
        """Make its environment, and look for what pip does not bring.

        Raises:
            UnavailableError: if it cannot run here, with the reason.
        """
        if self.kind == "postgres":
            _postgres_binaries()
        if "pyspark" in self.name and not shutil.which("java"):
            raise UnavailableError("there is no Java")
        self._python()

    def _python(self) -> Path:
        """The interpreter of its environment, made when it is asked for first."""
        header = re.search(
            r"^# /// script\n((?:# .*\n)+)# ///$", self.script.read_text(), re.MULTILINE
        )
        text = re.sub(r"^# ", "", header[1], flags=re.MULTILINE) if header else ""
        pins = tomllib.loads(text)["dependencies"]
        if not pins:
            return Path(sys.executable)
        digest = hashlib.sha256(repr((sys.version, pins)).encode()).hexdigest()
        folder = CACHE / "benchmarks" / f"{self.name}-{digest[:12]}"
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            print(f"making an environment for {self.title}", flush=True)
            venv.create(folder, clear=True, with_pip=True)
            call = [python, "-m", "pip", "install", "--quiet", *pins]
            # What pip says of it stands in the terminal; it may name hosts and folders.
            if subprocess.run(call, check=False).returncode:
                raise UnavailableError("its packages cannot be installed")
            (folder / "ready").touch()
        return python

    def place(self, folder: Path) -> Path:
        """The place for its result in a folder."""
        return folder / f"{self.name}.{self.kind}"

    def deliver(
        self, file: Path, place: Path, *keys: str, n_rows: int, **environment: str
    ) -> Taken:
        """Have it read a file into a place; what that took, and the bytes there then.

        What does not hold so many rows in the end is no reference.
        """
        if self.kind == "postgres":
            with _postgres(place) as dsn:
                taken = self._run(file, dsn, *keys, **environment)
                with psycopg.connect(dsn) as connection:
                    ((n_held, n_bytes),) = connection.execute(
                        "select count(*), pg_total_relation_size('landed') from landed"
                    ).fetchall()
        else:
            taken = self._run(file, place, *keys, **environment)
            parts = list(place.glob("*.parquet")) if place.is_dir() else [place]
            n_bytes = sum(part.stat().st_size for part in parts)
            if self.kind == "duckdb":
                with duckdb.connect(str(place), read_only=True) as connection:
                    (n_held,) = connection.table("landed").count("*").fetchall()[0]
            else:
                read = duckdb.read_parquet(list(map(str, parts)))
                (n_held,) = read.count("*").fetchall()[0]
        if n_held != n_rows:
            sys.exit(f"{self.title} holds {n_held:,} rows of {file}, not {n_rows:,}")
        return replace(taken, n_bytes=n_bytes)

    def deliver_into_nothing(
        self, file: Path, folder: Path, *keys: str, n_rows: int, **environment: str
    ) -> Taken:
        """Have it read a file into a place that is new, and is removed again."""
        nothing = folder / "nothing"
        nothing.mkdir()
        taken = self.deliver(file, self.place(nothing), *keys, n_rows=n_rows, **environment)
        shutil.rmtree(nothing)
        return taken

    def _run(self, *arguments: str | Path, **environment: str) -> Taken:
        return run([self._python(), self.script, *arguments], **environment)


def available(*names: str) -> tuple[list[Peer], list[str]]:
    """Those of the peers that can run here; of the others, why they cannot."""
    found, missing = [], []
    for peer in map(Peer, names):
        try:
            peer.require()
            found.append(peer)
        except UnavailableError as error:
            missing.append(f"{peer.title} cannot run here: {error}.")
    return found, missing


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        raise UnavailableError("there is no PostgreSQL in /usr/lib/postgresql")
    return found[-1]


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL whose data stands in a folder; reached by a socket of its own."""
    # Short, as paths of sockets must be.
    with tempfile.TemporaryDirectory(prefix="pg") as socket:
        yield from _serving(folder, Path(socket))


def _serving(folder: Path, socket: Path) -> Iterator[str]:
    binaries, prefix = _postgres_binaries(), []
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:  # which PostgreSQL refuses to run as
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for its_own in (socket, folder):
            shutil.chown(its_own, "postgres", "postgres")
    if not (folder / "PG_VERSION").exists():
        call = [*prefix, binaries / "initdb", "-D", folder, "-U", "test", "-A", "trust"]
        subprocess.run(call, check=True, cwd=socket, stdout=subprocess.DEVNULL)
    # As one would set it up for loading; what is committed is safe, as it comes.
    settings = ["listen_addresses=", f"unix_socket_directories={socket}"]
    settings += ["shared_buffers=1GB", "work_mem=64MB", "max_wal_size=8GB"]
    flags = [word for setting in settings for word in ("-c", setting)]
    # A process below this one, so that its memory is seen.
    with (
        (socket / "log").open("w") as log,
        subprocess.Popen(
            [*prefix, binaries / "postgres", "-D", folder, *flags], cwd=socket, stderr=log
        ) as server,
    ):
        dsn = f"host={socket} user=test dbname=postgres"
        try:
            for _ in range(600):
                with suppress(psycopg.OperationalError), psycopg.connect(dsn):
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"PostgreSQL does not start: {(socket / 'log').read_text()}")
            yield dsn
        finally:
            server.send_signal(signal.SIGINT)  # which does not wait for clients
