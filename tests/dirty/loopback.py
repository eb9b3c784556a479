"""A server on loopback that says to each connection what it is told to, byte by byte."""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

Answer = Callable[[bytes], Iterable[bytes]]


class Loopback:
    """Reads one request from each connection, and sends what is made of it."""

    def __init__(self, answer: Answer, pause: float = 0) -> None:
        """Serve until `close`, with a pause between the pieces of an answer."""
        self._answer, self._pause = answer, pause
        self._server = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._server.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        self.n_asked = 0
        self._is_open = True
        threading.Thread(target=self._serve, daemon=True).start()

    def answer(self, answer: Answer) -> None:
        """Say something else from now on."""
        self._answer = answer

    def close(self) -> None:
        self._is_open = False
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _serve(self) -> None:
        while self._is_open:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(10)
            request = b""
            while b"\r\n\r\n" not in request and (piece := connection.recv(1 << 16)):
                request += piece
            self.n_asked += 1
            for piece in self._answer(request):
                if not self._is_open:
                    return
                connection.sendall(piece)
                time.sleep(self._pause)
            # What is still unread would turn the end into a reset.
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
