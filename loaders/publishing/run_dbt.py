"""Run dbt on this project, in a process of its own, and follow its structured log."""

import ctypes
import errno
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from loaders.config.paths import PROJECT, Paths
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing.database import says_full
from loaders.publishing.progress import Progress

# What a line of the worker has that says how a command ended.
CODE = "exit_code"

# So often somebody who watches is told, whether dbt says anything or not.
_TICK = 0.5
# DuckDB leaves a part of the free disk to others, and names the setting for how much.
_FULL_SPILL = "'max_temp_directory_size'"
_PR_SET_PDEATHSIG = 1
_WORKER = "loaders.publishing.dbt_worker"
_SETTINGS = ["--no-use-colors", "--log-format", "json", "--log-format-file", "text"]
# What dbt does not let go of is let go of by a new process after so many commands.
_MAX_RUNS = 100


class Dbt:
    """dbt on a data folder, as a process that lasts from one command to the next.

    What it keeps beside the build is of this folder alone.
    """

    def __init__(self, paths: Paths, landing: Path | None = None) -> None:
        """Start nothing yet.

        Args:
            paths: the data folder.
            landing: the landing database, if not that of the folder.
        """
        self._paths = paths
        self._landing = landing or paths.landing
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._n_runs = 0

    def close(self) -> None:
        """End the process, if there is one; the next command starts another."""
        if self._process and self._channel:
            self._channel.close()
            # It is at work only if the process that waited for it was stopped.
            self._process.kill()
            with self._process:
                pass
        self._process = self._channel = None

    def run(
        self,
        progress: Progress,
        command: str,
        *arguments: str,
        project: str | None = None,
        lock: int | None = None,
    ) -> None:
        """Run a command.

        Args:
            progress: told what dbt does.
            command: what dbt is to do.
            arguments: further arguments for it.
            project: what tells the project's files, so that they are read once for all
                commands; None to read them again.
            lock: a handle that dbt keeps open meanwhile, no matter who started it.

        Raises:
            BusyError: if another process has one of its databases open.
            EventmartError: if dbt fails.
            OSError: if that is because the disk is full.
            UsageError: if there is no Python to run it.
        """
        if self._n_runs >= _MAX_RUNS:
            self.close()
        process, channel = self._started()
        self._n_runs += 1
        request = {
            "project": project,
            "settings": _SETTINGS,
            "command": [command, *arguments],
        }
        text = json.dumps(request).encode() + b"\n"
        try:
            with suppress(BrokenPipeError):  # It ended: the next line says how.
                sent = socket.send_fds(channel, [text], [lock] if lock is not None else [])
                channel.sendall(text[sent:])
            code, errors = self._follow(progress)
        except BaseException:
            self.close()
            raise
        if code is None:
            code = process.wait()
        if code:
            # It may be in any state.
            self.close()
            _fail(self._paths, progress, command, code, errors)

    def _started(self) -> "tuple[subprocess.Popen[bytes], socket.socket]":
        if self._process and self._channel:
            return self._process, self._channel
        paths = self._paths
        environment = os.environ | {
            "EVENTMART_DATA": str(paths.data),
            "EVENTMART_LANDING": str(self._landing),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(paths.target),
            "DBT_LOG_PATH": str(paths.logs),
        }
        ours, its = socket.socketpair()
        with its:
            try:
                process = subprocess.Popen(  # noqa: S603
                    [sys.executable, "-m", _WORKER, str(its.fileno())],
                    cwd=PROJECT,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=(its.fileno(),),
                    preexec_fn=_end_with_parent if sys.platform == "linux" else None,
                )
            except FileNotFoundError as error:
                ours.close()
                raise UsageError(
                    f"{sys.executable}: does not exist; install the project again"
                ) from error
        self._process, self._channel, self._n_runs = process, ours, 0
        self._lines = queue.SimpleQueue()
        assert process.stdout  # noqa: S101
        reads = threading.Thread(
            target=_read, args=(process.stdout, self._lines), daemon=True
        )
        reads.start()
        return process, ours

    def _follow(self, progress: Progress) -> tuple[int | None, list[str]]:
        """Report what dbt does until the command ends: its exit code, and its errors.

        The code is None if the process ended.
        """
        errors: list[str] = []
        while True:
            try:
                line = self._lines.get(timeout=_TICK)
            except queue.Empty:
                progress.tick()
                continue
            if line is None:
                return None, errors
            said = _json(line)
            if CODE in said:
                return said[CODE], errors
            if not {"info", "data"} <= set(said):
                errors.append(line.decode("utf-8", "backslashreplace").rstrip())
                continue
            progress.take(said)
            info = said["info"]
            if info["name"] == "PrintEvent":
                progress.say(info["msg"])
            # Single results are said again at the end, and a stack is for the log.
            elif info["level"] == "error" and not info["name"].startswith(
                ("Log", "MainStack")
            ):
                errors.append(info["msg"])


def _end_with_parent() -> None:
    """Have the kernel kill this process when who started it is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _read(stream: IO[bytes], lines: "queue.SimpleQueue[bytes | None]") -> None:
    # Who is interrupted closes the stream meanwhile.
    with suppress(ValueError):
        for line in stream:
            lines.put(line)
    lines.put(None)


def _json(line: bytes) -> dict[str, Any]:
    """What a line of dbt's structured log, or of the worker, has; nothing of others."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _fail(
    paths: Paths, progress: Progress, command: str, code: int, errors: list[str]
) -> None:
    said = [line for error in errors for line in error.splitlines() if line.strip()]
    for line in said:
        if "could not set lock" in line.lower():
            raise BusyError(f"the database is in use: {line.strip()}; try again later")
        if says_full(line) or _FULL_SPILL in line:
            # Its log cannot be written either, of which it says a hundred thousand lines.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"dbt {command}")
    for line in said:
        progress.say(line, err=True)
    how = f"was killed by signal {-code}" if code < 0 else "failed"
    log = paths.logs / "dbt.log"
    raise EventmartError(f"dbt {command} {how}; its output is above and in {log}")
