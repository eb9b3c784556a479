"""Run dbt on this project, as a process of its own, and follow its structured log."""

import ctypes
import errno
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from loaders.config.paths import PROJECT, Paths
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing.database import says_full
from loaders.publishing.progress import Progress

# So often somebody who watches is told, whether dbt says anything or not.
_TICK = 0.5
# DuckDB leaves a part of what is free to others, and says what sets how much.
_FULL_SPILL = "'max_temp_directory_size'"
_PR_SET_PDEATHSIG = 1


def run_dbt(
    paths: Paths,
    progress: Progress,
    command: str,
    *arguments: str,
    landing: Path | None = None,
    lock: int | None = None,
) -> None:
    """Run dbt on a data folder; what it keeps beside the build is of this folder alone.

    Args:
        paths: the data folder.
        progress: told what dbt does.
        command: what dbt is to do.
        arguments: further arguments for it.
        landing: the landing database, if not that of the folder.
        lock: a handle that dbt keeps open as long as it lives, no matter who started it.

    Raises:
        BusyError: if another process has one of its databases open.
        EventmartError: if dbt fails.
        OSError: if that is because the disk is full.
        UsageError: if there is no dbt.
    """
    environment = os.environ | {
        "EVENTMART_DATA": str(paths.data),
        "EVENTMART_LANDING": str(landing or paths.landing),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(paths.target),
        "DBT_LOG_PATH": str(paths.logs),
    }
    dbt = Path(sys.executable).with_name("dbt")
    formats = ("--log-format", "json", "--log-format-file", "text")
    call = [str(dbt), "--no-use-colors", *formats, command, *arguments]
    try:
        process = subprocess.Popen(  # noqa: S603
            call,
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=() if lock is None else (lock,),
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"{dbt}: does not exist; install dbt-core and dbt-duckdb"
        ) from error
    with process:
        try:
            errors = list(_follow(process, progress))
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        _fail(paths, progress, command, process.returncode, errors)


def _end_with_parent() -> None:
    """Have the kernel kill this process when who started it is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _follow(process: "subprocess.Popen[bytes]", progress: Progress) -> Iterator[str]:
    """Report what dbt does until it ends; yields its errors."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    assert process.stdout  # noqa: S101
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_TICK)
        except queue.Empty:
            progress.tick()
            continue
        if line is None:
            return
        event = _event(line)
        if event is None:
            yield line.decode("utf-8", "backslashreplace").rstrip()
            continue
        progress.take(event)
        info = event["info"]
        if info["name"] == "PrintEvent":
            progress.say(info["msg"])
        # Single results are said again at the end, and a stack is for the log.
        elif info["level"] == "error" and not info["name"].startswith(("Log", "MainStack")):
            yield info["msg"]


def _read(stream: IO[bytes], lines: "queue.SimpleQueue[bytes | None]") -> None:
    # Who is interrupted closes the stream meanwhile.
    with suppress(ValueError):
        for line in stream:
            lines.put(line)
    lines.put(None)


def _event(line: bytes) -> dict[str, Any] | None:
    """An event of dbt's structured log; None for a line that is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    is_event = isinstance(event, dict) and {"info", "data"} <= set(event)
    return event if is_event else None


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
