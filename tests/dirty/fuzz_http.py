"""Lie to the HTTP client, for as long as asked: `python -m tests.dirty.fuzz_http`.

Whatever a server sends, a fetch must end in time, with the file, with nothing new, or with
one DeliveryError; and what it takes for a file must be as long as every count says that
the server gave for it, and a piece of no other answer.
"""

import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from loaders.errors import DeliveryError
from loaders.sources.http import Limits, Resource
from tests.dirty.loopback import Loopback
from tests.dirty.tries import fuzz

LIMITS = Limits(
    read_timeout=0.3, deadline=1, max_bytes=100_000, tries=3, backoff=0.001, max_wait=0.01
)
# How much later than its deadline a fetch may end, on a busy machine.
SLACK = 10
BODY = b"a,b,c\n" + b"".join(b"%d,two,three\n" % n for n in range(40))
DATES = [
    *("Mon, 01 Jan 2024 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -0100", "now", "-1"),
    *("Mon, 01 Jan 0001 00:00:00 +0100", "1 1 1 1 1", "Mon, 01 Jan 2024", "²", "9" * 400),
    *("Mon, 01 Jan 2024 00:00:00 +99999999999", "32 Foo 99 99:99:99 XYZ", ",,,:::", "\xff"),
]
NUMBERS = ["0", "1", "-1", "+5", "²", "9" * 30, "9" * 5000, "", " 7 ", "0x10", "1e3", "1_0"]
PLACES = [
    *("/x.csv", "", "//", "http://[bad", "http://127.0.0.1:99999/", "file:///etc/passwd"),
    *("http://a\x00b/", "http://" + "a" * 300, "http://[::1]/", "?", "#", "\xe4", "http:"),
    *("http://[fe80::1%25eth0]/", "https://127.0.0.1:1/", "x" * 9000, "http://0x7f.1/"),
]
TOKENS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"\r\n\r\n", b"\xff", b"\x85", b"1"),
    *(b"HTTP/1.1 ", b"HTTP/1.1 100 Continue\r\n\r\n", b"chunked", b"Content-Length: 5\r\n"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"0\r\n\r\n",
        b"-",
        b";",
        b",",
        b"identity",
        b"=?",
    ),
]


@dataclass
class Liar:
    """Makes answers up, and remembers by what counts the last of them is to be judged."""

    rng: random.Random
    is_noisy: bool = False
    counts: list[int | None] = field(default_factory=list)
    is_part: bool = False

    def answer(self, request: bytes) -> Iterable[bytes]:
        """An answer, as a whole, in pieces, or cut short."""
        sent = self._made(request)
        if self.is_noisy:
            sent = self._mutated(sent)
        if self.rng.random() < 0.2:
            sent = sent[: self.rng.randrange(len(sent) + 1)]
        if self.rng.random() < 0.02:
            # Nothing more comes, or noise; and the end does not come either.
            self.is_noisy = True
            yield sent
            for _ in range(20):
                time.sleep(0.1)
                yield b"" if self.rng.random() < 0.5 else b"1"
            return
        while sent:
            n_bytes = self.rng.choice([1, 7, 100, 10_000])
            yield sent[:n_bytes]
            sent = sent[n_bytes:]

    def _made(self, request: bytes) -> bytes:
        """An honest answer with a few lies in it."""
        rng = self.rng
        start = 0
        wants_part = b"Range: bytes=" in request
        if wants_part:
            start = int(request.partition(b"bytes=")[2].partition(b"-")[0])
            start = min(start, len(BODY))
        stop = rng.choice([len(BODY), len(BODY), rng.randrange(start, len(BODY) + 1)])
        self.is_part = wants_part and rng.random() < 0.9
        body = BODY[start:stop] if self.is_part else BODY[:stop]
        status = "206 x" if self.is_part else "200 OK"
        if rng.random() < 0.15:
            status = rng.choice(
                ["302 x", "304 x", "404 x", "416 x", "429 x", "503 x", "206 x", "999 x"]
            )
        lines = ['ETag: "1"' if rng.random() < 0.8 else f'ETag: "{rng.randrange(3)}"']
        self.counts = []
        if self.is_part or rng.random() < 0.05:
            whole = rng.choice([str(len(BODY))] * 8 + ["*", str(stop), str(len(BODY) + 1)])
            first, last = start + rng.choice([0] * 9 + [1]), stop - 1
            lines.append(f"Content-Range: bytes {first}-{last}/{whole}")
            # Of what is no part it says nothing.
            if self.is_part:
                self.counts.append(int(whole) if whole.isdigit() else len(BODY))
                self.counts.append(last + 1)
        before = start if self.is_part else 0
        is_chunked = rng.random() < 0.4
        if is_chunked:
            lines.append(f"Transfer-Encoding: {rng.choice(['chunked'] * 9 + ['gzip', ''])}")
            body = self._chunks(body)
        if not is_chunked or rng.random() < 0.2:
            for _ in range(rng.choice([1] * 9 + [0, 2])):
                count = rng.choice([stop - before] * 9 + [len(BODY), 7])
                text = rng.choice([str(count)] * 19 + [rng.choice(NUMBERS)])
                lines.append(f"Content-Length: {text}")
                said = text.strip()
                is_count = said.isascii() and said.isdigit() and len(said) < 19
                self.counts.append(before + int(said) if is_count else None)
        for name, values in {
            "Last-Modified": DATES,
            "Date": DATES,
            "Retry-After": DATES + NUMBERS,
            "Location": PLACES,
            "Content-Encoding": ["identity", "gzip", "br", "\xff"],
            "Content-Type": ["text/csv", "text/html", ";", "\xff/\0"],
        }.items():
            if rng.random() < (0.9 if name == "Location" and status[0] == "3" else 0.1):
                lines.append(f"{name}: {rng.choice(values)}")
        rng.shuffle(lines)
        early = b"HTTP/1.1 100 Continue\r\n\r\n" * (rng.random() < 0.1)
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines, "Connection: close", "", ""])
        return early + head.encode("latin-1", "replace") + body

    def _chunks(self, body: bytes) -> bytes:
        pieces = []
        while body:
            n_bytes = self.rng.choice([1, 50, 200, 5000])
            piece, body = body[:n_bytes], body[n_bytes:]
            pieces.append(b"%x\r\n%s\r\n" % (len(piece), piece))
        return (
            b"".join(pieces) + b"0\r\n" + b"X: y\r\n" * self.rng.choice([0, 0, 2]) + b"\r\n"
        )

    def _mutated(self, sent: bytes) -> bytes:
        """The same bytes with a few things done to them."""
        found = bytearray(sent)
        for _ in range(self.rng.choice([1, 1, 2, 3, 8])):
            at = self.rng.randrange(min(len(found), 400) + 1)
            end = min(len(found), at + self.rng.choice([1, 2, 5, 40]))
            match self.rng.randrange(5):
                case 0:
                    found[at:at] = self.rng.choice(TOKENS)
                case 1:
                    found[at:end] = self.rng.choice(TOKENS)
                case 2:
                    del found[at:end]
                case 3:
                    found[at:at] = found[end : end + self.rng.randrange(60)]
                case _:
                    found[at:end] = self.rng.randbytes(end - at)
        return bytes(found)


def try_one(server: Loopback, liar: Liar) -> str:
    """Fetch twice, as it comes again, and check the laws; return what became of it."""
    began = time.monotonic()
    outcome, last, said = "unchanged", None, ""
    try:
        for _ in range(2):
            with TemporaryDirectory() as folder:
                url = f"{server.base}/x.csv?token=secret"
                got = Resource(url, LIMITS).fetch(Path(folder), last)
                if got:
                    outcome, last = "fetched", got.stamp
                    check(got.path.read_bytes(), liar)
    except DeliveryError as error:
        outcome, said = error.reason, error.detail
    assert len(said) < 1500, "a message without end"
    assert "secret" not in said, "a secret that is told"
    assert time.monotonic() - began < 2 * LIMITS.deadline + SLACK, "the deadline is passed"
    return outcome


def check(found: bytes, liar: Liar) -> None:
    """What was taken for a file: as long as each count says, and of one body."""
    if liar.is_noisy:
        return
    assert None not in liar.counts, "a count that is none"
    assert set(liar.counts) <= {len(found)}, f"{len(found)} bytes, by counts {liar.counts}"
    assert BODY.startswith(found), "pieces that do not belong together"


def main() -> int:
    """Fuzz until the time is over; say which inputs broke a law."""
    server = Loopback(lambda _: [])

    def try_next(rng: random.Random) -> str:
        liar = Liar(rng, is_noisy=rng.random() < 0.5)
        server.answer(liar.answer)
        return try_one(server, liar)

    try:
        return fuzz(__doc__, try_next)
    finally:
        server.close()


if __name__ == "__main__":
    sys.exit(main())
