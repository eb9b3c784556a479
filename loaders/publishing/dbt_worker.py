"""dbt as a process of its own, which runs one command after another: see run_dbt.py.

Each command is a line of JSON from a socket, with the handle of a lock that is held while
it runs. What dbt says goes to standard output, where a line with an exit code follows it.
"""

import gc
import json
import os
import socket
import sys
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.factory import reset_adapters
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from loaders.publishing.run_dbt import CODE

_MAX_HANDLES = 1


class Worker:
    """Runs commands of dbt, and reads the project once for all of them."""

    def __init__(self) -> None:
        self._project: str | None = None
        self._manifest: Manifest | None = None

    def run(self, project: str | None, settings: list[str], command: list[str]) -> int:
        """Run a command; its exit code is that of dbt.

        Args:
            project: what tells the project's files; as long as it is the same, they are
                not read again. None to read them in any case.
            settings: what stands before the command.
            command: the command and its arguments.
        """
        if project is None or project != self._project:
            self._project = self._manifest = None
        if project is not None and self._manifest is None:
            found = dbtRunner().invoke([*settings, "parse"])
            if not found.success:
                return _code(found)
            assert isinstance(found.result, Manifest)  # noqa: S101
            self._project, self._manifest = project, found.result
        return _code(dbtRunner(self._manifest).invoke([*settings, *command]))

    def let_go(self) -> None:
        """Close the databases, so that the build can be read and published."""
        reset_adapters()  # type: ignore[no-untyped-call]
        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        gc.collect()


def _code(result: dbtRunnerResult) -> int:
    if result.success:
        return 0
    # 1: a model or a test failed; 2: dbt itself did.
    return 2 if result.exception else 1


def requests(channel: socket.socket) -> Any:
    """The commands that come through a socket, each with its handles, until it closes."""
    text, handles = b"", list[int]()
    while True:
        part, more, _, _ = socket.recv_fds(channel, 1 << 16, _MAX_HANDLES)
        if not part:
            return
        text, handles = text + part, handles + more
        if text.endswith(b"\n"):
            yield json.loads(text)
            for handle in handles:
                os.close(handle)
            text, handles = b"", []


def main() -> None:
    """Serve the socket of which the handle is given."""
    worker = Worker()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        for request in requests(channel):
            code = worker.run(**request)
            worker.let_go()
            sys.stdout.flush()
            print(json.dumps({CODE: code}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
