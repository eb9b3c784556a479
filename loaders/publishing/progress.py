"""How far a build is, and where its time went, for who waits for it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from loaders.terminal import printable

# Of what took longest, so many are named.
_N_SLOWEST = 5
_KINDS = ("seed", "model", "test")


class Progress:
    """Says on standard error what a build does: a line for each part of it that is over.

    On a terminal one more line is written over and over, with how much is done and how
    many seconds that took.
    """

    def __init__(self, *, is_silent: bool = False) -> None:
        self.is_silent = is_silent
        self.is_watched = sys.stderr.isatty() and not is_silent
        self.seconds: dict[str, float] = {}
        self._nodes: dict[tuple[str, str], float] = {}
        self._phase, self._began = "", 0.0
        self._n_done = self._n_failed = self._n_all = 0
        self._width = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the build, and say so when it is over, however it ends."""
        self._phase, self._began = name, time.monotonic()
        self._n_done = self._n_failed = self._n_all = 0
        self.tick()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - self._began
            if not self.is_silent:
                self._write(self._state(), "\n")
            self._width = 0

    def tick(self) -> None:
        """Say again how far it is, if somebody watches."""
        if self.is_watched:
            self._write(self._state(), "")

    def say(self, text: str, *, err: bool = False) -> None:
        """Say something that is to stay, on a line of its own."""
        if self.is_watched:
            self._write("", "\r")
        click.echo(printable(text), err=err)

    def take(self, event: dict[str, Any]) -> None:
        """Take in what dbt says in its structured log."""
        name, data = event["info"]["name"], event["data"]
        # Of tests it says otherwise of how many this is one.
        n_all = data.get("total") or data.get("num_models")
        if not n_all or "Hook" in name:
            return
        self._n_all = n_all
        if name != "LogStartLine":
            self._n_done += 1
            self._n_failed += event["info"]["level"] == "error"
            node = data["node_info"]
            of = (node["resource_type"], node["node_name"])
            self._nodes[of] = data.get("execution_time", 0.0)
        self.tick()

    def lines(self) -> list[str]:
        """Where the time went, and what took longest."""
        parts = [f"{name} {seconds:.1f}" for name, seconds in self.seconds.items()]
        lines = [f"time: {sum(self.seconds.values()):.1f} s: {', '.join(parts)}"]
        if self._nodes:
            kinds = ", ".join(f"{kind}s {self._total(kind):.1f}" for kind in _KINDS)
            lines[0] += f"; in dbt, two at a time: {kinds}"
            slowest = sorted(self._nodes.items(), key=lambda node: -node[1])[:_N_SLOWEST]
            names = (f"{name} {seconds:.1f}" for (_, name), seconds in slowest)
            lines.append(f"slowest: {', '.join(names)}")
        return lines

    def _total(self, kind: str) -> float:
        return sum(seconds for (of, _), seconds in self._nodes.items() if of == kind)

    def _state(self) -> str:
        done = f"{self._n_done:,} of {self._n_all:,} done, " if self._n_all else ""
        failed = f"{self._n_failed:,} failed, " if self._n_failed else ""
        return f"{self._phase}: {done}{failed}{time.monotonic() - self._began:.0f} s"

    def _write(self, text: str, end: str) -> None:
        text = printable(text)
        if self.is_watched:
            # Blanks cover what is left of a longer line before.
            text, self._width = "\r" + text.ljust(self._width), len(text)
        sys.stderr.write(text + end)
        sys.stderr.flush()
