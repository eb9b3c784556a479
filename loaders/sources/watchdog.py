"""An end to the time that a server may take, whatever it is about to send."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Watchdog:
    """Shuts connections down that bring nothing for too long, or are not done in time.

    A time-out of a socket does not stop a sender of a byte now and then: in headers, in
    `100 Continue`, in the sizes of chunks, in trailers. What counts here is what is fed.

    Attributes:
        patience: how many seconds may pass without food.
        has_bitten: whether it has shut the connections down, in the watch that is on.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.has_bitten = False
        self._deadline = self._fed = 0.0
        self._twins: list[socket.socket] = []
        self._lock = threading.Lock()

    @property
    def is_late(self) -> bool:
        """Whether all of it should be done by now."""
        return time.monotonic() >= self._deadline

    @contextmanager
    def watching(self, deadline: float) -> Iterator[None]:
        """Watch over the connections that are made or used in the block.

        Args:
            deadline: when all of it is to be done, by `time.monotonic`.
        """
        self.has_bitten, self._deadline = False, deadline
        self.feed()
        done = threading.Event()
        thread = threading.Thread(target=self._watch, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            while self._twins:
                self._twins.pop().close()

    def feed(self) -> None:
        """Note that some of the wanted bytes have arrived."""
        self._fed = time.monotonic()

    def guard(self, handle: int) -> None:
        """Watch over the connection of an open handle, too."""
        # A second handle: the first may be wrapped for TLS, or be closed any time.
        with self._lock:
            self._twins.append(socket.socket(fileno=os.dup(handle)))
            if self.has_bitten:
                self._shut()

    def guarded(self, kind: type[Any]) -> type[Any]:
        """A class of connections of urllib3 over which this watches.

        It is told before TLS begins, and again when a kept connection is used.
        """
        dog = self

        class Guarded(kind):  # type: ignore[misc]
            def _new_conn(self) -> Any:
                made = super()._new_conn()
                dog.guard(made.fileno())
                return made

            def request(self, *arguments: Any, **more: Any) -> None:
                if self.sock is not None:
                    dog.guard(self.sock.fileno())
                super().request(*arguments, **more)

        return Guarded

    def _due(self) -> float:
        return min(self._deadline, self._fed + self.patience)

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(max(0, self._due() - time.monotonic())):
            if time.monotonic() >= self._due():
                with self._lock:
                    self.has_bitten = True
                    self._shut()
                return

    def _shut(self) -> None:
        for twin in self._twins:
            with suppress(OSError):  # It was closed by the other side.
                twin.shutdown(socket.SHUT_RDWR)
