"""Runs the loader's commands in forks of one warm process, and kills them where told.

Started by `conftest.Storm`, maybe in a mount namespace of its own. A job and its
result are a line of JSON each. Nothing of the loader is changed: a profile function
counts its steps, and the process is killed at one of them, or some time after it.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import FrameType
from typing import Any

import duckdb

from loaders.cli.main import main
from loaders.landing import database, ledger

SYSTEM = {"posix", "io", "_io", "fcntl"}


class Steps:
    """Counts what a landing does, and dies, or says that it got there, at a step.

    A step is a call or return of one of the loader's functions, or of what it calls in
    C: DuckDB's statements, and what the system is asked for. It is told by its number, or
    as the n-th whose label matches a pattern.
    """

    def __init__(self, kill: dict[str, Any] | None, trace: Path | None) -> None:
        self.at = kill.get("step") if kill else None
        self.signal = kill.get("signal", signal.SIGKILL) if kill else 0
        self.tell = kill.get("tell") if kill else None
        self.match = re.compile(kill["match"]) if kill and "match" in kill else None
        self.n_left = kill.get("nth", 1) if kill else 0
        self.is_childs = bool(kill and kill.get("child"))
        self.count = 0
        self.trace = trace.open("w") if trace else None

    def __call__(self, frame: FrameType, event: str, what: Any) -> None:
        place: FrameType | None = frame
        if event.startswith("c_"):
            of = getattr(what, "__module__", None) or type(what.__self__).__module__
            if of not in SYSTEM and not frame.f_globals.get("__name__", "").startswith(
                "loaders."
            ):
                return
            while place and not place.f_globals.get("__name__", "").startswith("loaders."):
                place = place.f_back
        elif not frame.f_globals.get("__name__", "").startswith("loaders."):
            return
        if place is None:
            return
        if self.trace or self.match:
            module = place.f_globals.get("__name__", "").rpartition(".")[2]
            called = f" > {what.__name__}" if event.startswith("c_") else ""
            line = place.f_lineno
            label = f"{module}.{place.f_code.co_name}{called} {event} line {line}"
            if self.trace:
                self.trace.write(f"{label}\n")
            if self.match and self.match.match(label):
                self.n_left -= 1
                if self.n_left == 0:
                    self.at = self.count
        if self.count == self.at:
            self.hit()
        self.count += 1

    def hit(self) -> None:
        """Die, have a child die, or say that it got there."""
        if self.is_childs:
            own = Path(f"/proc/self/task/{os.getpid()}/children")
            for pid in own.read_text().split():
                os.kill(int(pid), self.signal)
        elif self.tell is None:
            os.kill(os.getpid(), self.signal)
        else:
            os.write(self.tell, b".")


def set_clock(shift: timedelta) -> None:
    """Let the loader's clock go wrong."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + shift

    ledger.datetime = Clock


def child(job: dict[str, Any]) -> None:
    """Run one command, as the console script would."""
    os.environ.update(job.get("environment", {}))
    for limit, value in job.get("limits", {}).items():
        resource.setrlimit(getattr(resource, limit), (value, value))
    database._SETTINGS.update(job.get("settings", {}))
    if "clock" in job:
        set_clock(timedelta(seconds=job["clock"]))
    if job.get("kill") or job.get("trace"):
        trace = job.get("trace")
        sys.setprofile(Steps(job.get("kill"), Path(trace) if trace else None))
    main(job["arguments"], prog_name="eventmart")


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork, run, maybe kill, wait; say how it ended and what it printed."""
    for command in job.get("before", []):
        subprocess.run(command, check=True)
    kill = job.get("kill")
    told, tell = os.pipe()
    started = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = 1
            try:
                if kill and ("step" in kill or "match" in kill) and "after" in kill:
                    kill["tell"] = tell
                child(job)
                code = 0
            except SystemExit as leave:
                code = int(leave.code or 0)
            except BaseException as error:
                os.write(2, f"unforeseen: {error!r}\n".encode())
            finally:
                sys.setprofile(None)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(tell)
        if kill and "after" in kill:
            # An empty answer: it ended before it came to that step.
            if not {"step", "match"} & set(kill) or os.read(told, 1):
                time.sleep(kill["after"])
            os.kill(pid, kill.get("signal", signal.SIGKILL))
        os.close(told)
        _, status, usage = os.wait4(pid, 0)
        out.seek(0)
        err.seek(0)
        return {
            "code": os.waitstatus_to_exitcode(status),
            "out": out.read().decode(),
            "err": err.read().decode(),
            "seconds": time.monotonic() - started,
            "peak_bytes": usage.ru_maxrss * 1024,
        }


if __name__ == "__main__":
    # The first parameter makes DuckDB import others. No thread outlives this.
    with duckdb.connect(config={"threads": 1}) as warm:
        warm.execute("select ?", [1])
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
