"""Deliveries over http: the whole body or nothing, from where it was meant to come."""

import base64
import datetime as dt
import gzip
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from loaders.config import urls
from loaders.errors import UsageError
from loaders.landing import ingest, ledger
from loaders.landing.ingest import Taken
from loaders.landing.ledger import Entry
from loaders.sources import http
from tests.lab import Lab

Labs = Callable[..., Lab]
BODY = b"a,b,c\n" + b"".join(b"%d,two,three\n" % n for n in range(200))
QUICK = http.Limits(read_timeout=1, deadline=20, backoff=0.01, tries=4)


class Server:
    """A server whose every answer is scripted, and that remembers what it was asked.

    An answer is (status, headers, body); the length of the body is sent unless the
    headers say another. Behind the last answer of a path it stays the same.
    """

    def __init__(self, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, list[tuple[Any, ...]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        kind = type("Any", (ThreadingHTTPServer,), {})
        kind.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.server = kind((host, 0), Handler)
        self.server.daemon_threads = True
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        shown = f"[{host}]" if ":" in host else host
        self.base = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,)).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path).path
        headers = {name.title(): value for name, value in handler.headers.items()}
        self.asked.append((handler.path, headers))
        script = self.answers[path]
        status, headers, body = script.pop(0) if len(script) > 1 else script[0]
        pieces = body if isinstance(body, list) else [body]
        handler.send_response(status)
        if status != 304 and "Transfer-Encoding" not in headers:
            headers = {"Content-Length": str(sum(map(len, pieces))), **headers}
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        try:
            for piece in pieces:
                handler.wfile.write(piece)
                handler.wfile.flush()
                if len(pieces) > 1:
                    time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True

    def script(self, path: str, *answers: tuple[Any, ...]) -> str:
        self.answers[path] = list(answers)
        return self.base + path


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose address passes for a public one."""
    made = Server("127.0.0.2")
    honest = http.is_private
    monkeypatch.setattr(
        http, "is_private", lambda found: found != "127.0.0.2" and honest(found)
    )
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with a certificate for 127.0.0.1 that is trusted here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    host = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    monkeypatch.setenv("SSL_CERT_FILE", str(public))
    made = Server(tls=context)
    yield made
    made.server.shutdown()
    made.server.server_close()


Take = Callable[..., Taken]


@pytest.fixture
def take(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Take what is behind a URL into a lab; keeps the lab as `take.lab`."""
    things = lab()

    def run(url: str, limits: http.Limits = QUICK) -> Taken:
        urls.check(url)
        offer = http.Resource(url, limits).offer()
        return ingest.take(things.warehouse, things.feed, offer)

    run.lab = things  # type: ignore[attr-defined]
    return run


def things_of(take: Take) -> Lab:
    found: Lab = take.lab  # type: ignore[attr-defined]
    return found


def only(taken: Taken) -> Entry:
    (entry,) = taken.entries
    return entry


def refusal(take: Take, url: str, **limits: Any) -> tuple[str | None, str]:
    """Take what must not land; return its reason and what is said of it."""
    entry = only(take(url, http.Limits(**{**QUICK.__dict__, **limits})))
    assert entry.status == "failed"
    assert things_of(take).counts() == (0, 0, 0)
    assert len(things_of(take).ledger()) == 1
    assert things_of(take).all("select count(*) from raw.file_stamps") == [(0,)]
    return entry.reason, str(entry.detail)


# ---------------------------------------------------------------- what lands


def test_a_body_lands_under_its_url(take: Take, server: Server) -> None:
    url = server.script("/in/things%202024-03-04.csv", (200, {}, BODY))
    entry = only(take(url + "?day=3&token=hunter2#top"))
    assert (entry.status, entry.n_new) == ("landed", 200)
    assert entry.uri == url + "?day=3&token=***"
    assert f"{entry.as_of:%Y-%m-%d}" == "2024-03-04"
    ((path, headers),) = server.asked
    assert path == "/in/things%202024-03-04.csv?day=3&token=hunter2"
    assert headers["Accept-Encoding"] == "identity"
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert not things_of(take).warehouse.paths.fetched.exists()


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("/things.csv.gz", {}),
        ("/things.csv.gz", {"Content-Encoding": "gzip"}),
        ("/things.csv", {"Content-Encoding": "gzip"}),
    ],
)
def test_a_gzip_is_what_it_is_however_it_is_announced(
    take: Take, server: Server, name: str, headers: dict[str, str]
) -> None:
    entry = only(take(server.script(name, (200, headers, gzip.compress(BODY)))))
    assert (entry.status, entry.n_new, entry.n_bytes) == ("landed", 200, len(BODY))


@pytest.mark.parametrize("path", ["", "/", "/a%2Fb.csv", "/a b"])
def test_a_path_is_asked_for_as_it_is_written(
    take: Take, server: Server, path: str
) -> None:
    shown = path.replace(" ", "%20") or "/"
    server.script(urlsplit("http://h" + shown).path, (200, {}, BODY))
    assert only(take(f"{server.base}{path}?x=1&y=ü")).status == "landed"
    assert server.asked[0][0] == f"{shown}?x=1&y=%C3%BC"


def test_an_address_of_version_six_is_reached(take: Take) -> None:
    server = Server("::1")
    url = server.script("/x.csv", (200, {}, BODY))
    assert only(take(url)).status == "landed"
    assert server.asked[0][1]["Host"] == f"[::1]:{server.port}"
    server.server.shutdown()
    server.server.server_close()


def test_the_next_address_of_a_host_is_tried(
    take: Take, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.script("/x.csv", (200, {}, BODY))
    monkeypatch.setattr(http, "_resolve", lambda *_: ("127.0.0.3", "127.0.0.1"))
    assert only(take(url)).status == "landed"


def test_an_encoding_nobody_asked_for_is_refused(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (200, {"Content-Encoding": "br"}, BODY))
    assert refusal(take, url) == ("http_encoding", f"{url}: is sent as br, not as asked")


def test_a_body_in_chunks_lands(take: Take, server: Server) -> None:
    chunk = b"%x\r\n%s\r\n" % (len(BODY), BODY)
    headers = {"Transfer-Encoding": "chunked"}
    url = server.script("/x.csv", (200, headers, chunk + b"0\r\n\r\n"))
    assert only(take(url)).n_new == 200


@pytest.mark.fault("delivery.empty")
def test_an_empty_body_is_empty(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (200, {"ETag": '"1"'}, b""), (304, {}, b""))
    assert (only(take(url)).status, only_reason(take)) == ("empty", "no_bytes")
    assert take(url).entries == []


def only_reason(take: Take) -> str:
    ((reason,),) = things_of(take).all("select reason from raw.deliveries")
    return str(reason)


# ---------------------------------------------------------------- not modified


@pytest.mark.fault("delivery.http_not_modified")
@pytest.mark.parametrize(
    ("validators", "question"),
    [
        ({"ETag": '"v1"'}, ("If-None-Match", '"v1"')),
        ({"ETag": 'W/"v1"'}, ("If-None-Match", 'W/"v1"')),
        (
            {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
            ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ),
    ],
)
def test_what_has_not_changed_is_neither_sent_nor_entered(
    take: Take, server: Server, validators: dict[str, str], question: tuple[str, str]
) -> None:
    url = server.script(
        "/x.csv", (200, validators, BODY), (304, {}, b""), (200, {}, BODY + b"9,9,9\n")
    )
    assert only(take(url)).status == "landed"
    # A Last-Modified says nothing of what the delivery speaks for.
    assert things_of(take).all("select as_of_source from raw.deliveries") == [("arrival",)]
    assert take(url) == Taken([], is_new=False)
    assert question in server.asked[1][1].items()
    assert len(things_of(take).ledger()) == 1
    assert only(take(url)).n_new == 1


@pytest.mark.fault("delivery.http_not_modified")
def test_the_same_body_is_unchanged_whatever_the_server_says(
    take: Take, server: Server
) -> None:
    url = server.script(
        "/x.csv", (200, {"ETag": '"1"'}, BODY), (200, {"ETag": '"2"'}, BODY)
    )
    take(url)
    assert take(url) == Taken([], is_new=False)
    assert len(things_of(take).ledger()) == 1


@pytest.mark.fault("delivery.http_not_modified")
def test_a_fresh_time_without_an_etag_is_not_relied_on(take: Take, server: Server) -> None:
    now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    url = server.script("/x.csv", (200, {"Last-Modified": now}, BODY))
    take(url)
    take(url)
    assert not {"If-Modified-Since", "If-None-Match"} & set(server.asked[1][1])


@pytest.mark.fault("delivery.http_not_modified")
def test_urls_that_are_shown_alike_share_no_validators(take: Take, server: Server) -> None:
    url = server.script(
        "/x.csv", (200, {"ETag": '"1"'}, BODY), (200, {"ETag": '"1"'}, b"a\n5\n")
    )
    take(f"{url}?key=one")
    assert only(take(f"{url}?key=two")).status == "landed"
    assert "If-None-Match" not in server.asked[1][1]


@pytest.mark.fault("delivery.http_not_modified")
def test_a_refused_body_is_read_again_but_entered_once(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (200, {"ETag": '"1"'}, b"x,y\n1,2\n"))
    first, again = take(url), take(url)
    assert (only(first).status, first.is_new) == ("held", True)
    assert (only(again).delivery_seq, again.is_new) == (1, False)
    assert len(things_of(take).ledger()) == 1
    server.script("/x.csv", (200, {"ETag": '"2"'}, BODY))
    assert only(take(url)).status == "landed"


def test_a_304_that_was_not_asked_for_fails(take: Take, server: Server) -> None:
    reason, detail = refusal(take, server.script("/x.csv", (304, {}, b"")))
    assert (reason, "HTTP 304" in detail) == ("http_status", True)


@pytest.mark.fault("delivery.http_not_modified")
def test_what_failed_and_is_as_before_is_well_again_once(
    take: Take, server: Server
) -> None:
    answers = [(200, {"ETag": '"1"'}, BODY), (404, {}, b""), (304, {}, b"")]
    url = server.script("/x.csv", *answers)
    statuses = [[entry.status for entry in take(url).entries] for _ in range(4)]
    assert statuses == [["landed"], ["failed"], ["seen_again"], []]
    assert ledger.refused(things_of(take).landing) == []


# ---------------------------------------------------------------- faults


@pytest.mark.fault("delivery.http_error_page")
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b"a,b,c\nSorry,we are,closed\n"),
        ({"Content-Type": "application/xhtml+xml"}, b"<x/>"),
        ({"Content-Type": "text/csv"}, b"\n <!DOCTYPE HTML><title>Log in</title>"),
        ({}, b"\xef\xbb\xbf<html>\na,b,c\n"),
    ],
)
def test_a_page_of_html_never_lands(
    take: Take, server: Server, headers: dict[str, str], body: bytes
) -> None:
    reason, detail = refusal(take, server.script("/x.csv", (200, headers, body)))
    assert (reason, "an HTML page" in detail) == ("http_not_csv", True)
    assert len(server.asked) == 1


@pytest.mark.fault("delivery.http_error_page")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 206, 204])
def test_an_answer_that_is_no_file_fails_at_once(
    take: Take, server: Server, status: int
) -> None:
    url = server.script("/x.csv", (status, {}, b"" if status == 204 else BODY))
    reason, detail = refusal(take, url)
    assert reason == "http_status"
    assert detail.startswith(f"{url}: HTTP {status}")
    assert len(server.asked) == 1


@pytest.mark.fault("delivery.http_truncated")
@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Length": str(len(BODY))}, BODY[:1000]),
        (200, {"Transfer-Encoding": "chunked"}, b"3e8\r\n" + BODY[:1000] + b"\r\n"),
        (200, {"Transfer-Encoding": "chunked"}, b"3e8\r\n" + BODY[:100]),
        (200, {"Content-Length": "1000"}, b""),
    ],
)
def test_a_body_cut_short_never_lands(
    take: Take, server: Server, answer: tuple[Any, ...]
) -> None:
    reason, detail = refusal(take, server.script("/x.csv", answer))
    assert reason == "http_truncated"
    assert "(4 tries)" in detail
    assert len(server.asked) == 4
    assert not any("Range" in headers for _, headers in server.asked)


@pytest.mark.fault("delivery.http_truncated")
def test_a_body_cut_short_is_resumed_where_it_broke_off(take: Take, server: Server) -> None:
    strong = {"ETag": '"v1"'}
    url = server.script(
        "/x.csv",
        (200, {**strong, "Content-Length": str(len(BODY))}, BODY[:1000]),
        (503, {}, b""),
        (
            206,
            {
                **strong,
                "Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}",
                "Content-Length": str(len(BODY) - 1000),
            },
            BODY[1000:1500],
        ),
        (
            206,
            {**strong, "Content-Range": f"bytes 1500-{len(BODY) - 1}/{len(BODY)}"},
            BODY[1500:],
        ),
    )
    entry = only(take(url))
    assert (entry.status, entry.n_bytes) == ("landed", len(BODY))
    asked = [headers.get("Range") for _, headers in server.asked]
    assert asked == [None, "bytes=1000-", "bytes=1000-", "bytes=1500-"]
    assert server.asked[1][1]["If-Range"] == '"v1"'


@pytest.mark.fault("delivery.http_truncated")
@pytest.mark.parametrize(
    "second",
    [
        (200, {"ETag": '"v2"'}, BODY),
        (206, {"Content-Range": "bytes 7-9/10"}, BODY),
        (416, {}, b""),
    ],
)
def test_what_cannot_be_resumed_is_fetched_from_its_start(
    take: Take, server: Server, second: tuple[Any, ...]
) -> None:
    first = (200, {"ETag": '"v1"', "Content-Length": "5000"}, b"old,b,c\n")
    url = server.script("/x.csv", first, second, (200, {}, BODY))
    entry = only(take(url))
    assert (entry.status, entry.n_bytes) == ("landed", len(BODY))


@pytest.mark.fault("delivery.http_truncated")
def test_a_weak_etag_is_not_resumed(take: Take, server: Server) -> None:
    first = (200, {"ETag": 'W/"v1"', "Content-Length": "5000"}, b"old,b,c\n")
    take(server.script("/x.csv", first, (200, {}, BODY)))
    assert "Range" not in server.asked[1][1]


@pytest.mark.fault("delivery.http_retry")
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(take: Take, server: Server, status: int) -> None:
    url = server.script("/x.csv", (status, {}, b"later"), (200, {}, BODY))
    assert only(take(url)).status == "landed"
    assert len(server.asked) == 2


@pytest.mark.fault("delivery.http_retry")
def test_a_lasting_failure_is_given_up_and_entered_once(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (500, {}, b"<html>"))
    reason, detail = refusal(take, url)
    assert reason == "http_status"
    assert detail == f"{url}: HTTP 500 Internal Server Error (4 tries)"
    assert not take(url).is_new
    assert len(things_of(take).ledger()) == 1
    server.script("/x.csv", (404, {}, b""))
    assert take(url).is_new


@pytest.mark.fault("delivery.http_retry")
def test_waits_double_and_heed_what_the_server_asks(
    take: Take, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waits.append)  # type: ignore[attr-defined]
    monkeypatch.setattr(http.random, "uniform", lambda _low, high: high)  # type: ignore[attr-defined]
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
    url = server.script(
        "/x.csv",
        (503, {}, b""),
        (429, {"Retry-After": "7"}, b""),
        (503, {"Retry-After": f"{soon:%a, %d %b %Y %H:%M:%S} GMT"}, b""),
        (503, {}, b""),
        (200, {}, BODY),
    )
    assert only(take(url, http.Limits(backoff=1, tries=5))).status == "landed"
    assert waits[:2] == [1, 7]
    assert 20 < waits[2] <= 30
    assert waits[3] == 8


@pytest.mark.fault("delivery.http_retry")
def test_a_server_that_asks_for_hours_is_left_alone(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (429, {"Retry-After": "7200"}, b""))
    _, detail = refusal(take, url)
    assert detail.endswith("HTTP 429 Too Many Requests; it asks to wait 7200 seconds")
    assert len(server.asked) == 1


@pytest.mark.fault("delivery.http_retry")
def test_silence_is_given_up(take: Take, server: Server) -> None:
    slow = [BODY[:10], *[b""] * 20, BODY[10:]]
    url = server.script("/x.csv", (200, {}, slow))
    reason, detail = refusal(take, url, read_timeout=0.2, tries=2)
    assert reason == "http_timeout"
    assert "sent nothing for 0.2 seconds (2 tries)" in detail


@pytest.mark.fault("delivery.http_retry")
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_drip_meets_the_deadline(take: Take, server: Server, is_chunked: bool) -> None:
    drip: tuple[Any, ...] = (200, {}, [b"a"] * 100)
    if is_chunked:
        drip = (200, {"Transfer-Encoding": "chunked"}, [b"1\r\na\r\n"] * 100)
    began = time.monotonic()
    reason, detail = refusal(take, server.script("/x.csv", drip), deadline=0.5)
    assert time.monotonic() - began < 3
    assert reason == "http_too_slow"
    assert "takes more than 0.5 seconds" in detail


@pytest.mark.fault("delivery.http_retry")
def test_a_server_that_is_not_there_is_tried_again(take: Take, server: Server) -> None:
    server.server.shutdown()
    server.server.server_close()
    reason, detail = refusal(take, f"{server.base}/x.csv")
    assert reason == "http_unreachable"
    assert detail == f"{server.base}/x.csv: cannot be reached (4 tries)"
    server.server.serve_forever = lambda *_: None  # type: ignore[method-assign]


def test_a_host_that_does_not_exist_is_said(take: Take) -> None:
    reason, detail = refusal(take, "http://nowhere.invalid/x.csv", tries=1)
    assert (reason, "nowhere.invalid: no such host" in detail) == ("http_unreachable", True)


def test_a_body_without_end_is_cut_off(take: Take, server: Server) -> None:
    url = server.script("/x.csv", (200, {}, BODY))
    reason, detail = refusal(take, url, max_bytes=1000)
    assert (reason, "more than 1,000 bytes" in detail) == ("http_too_large", True)
    assert len(server.asked) == 1


# ---------------------------------------------------------------- redirects and secrets


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(take: Take, server: Server, status: int) -> None:
    url = server.script("/x.csv", (status, {"Location": "y/naïve%20z.csv"}, b"moved"))
    server.script("/y/na%C3%AFve%20z.csv", (200, {}, BODY))
    entry = only(take(url))
    assert (entry.status, entry.uri) == ("landed", url)


@pytest.mark.fault("hostile.ssrf")
@pytest.mark.parametrize("n_redirects", [5, 6])
def test_five_redirects_are_enough(take: Take, server: Server, n_redirects: int) -> None:
    for n in range(n_redirects):
        server.script(f"/{n}", (302, {"Location": f"/{n + 1}"}, b""))
    server.script(f"/{n_redirects}", (200, {}, BODY))
    entry = only(take(f"{server.base}/0"))
    assert entry.reason == (None if n_redirects == 5 else "http_redirect")


@pytest.mark.fault("hostile.ssrf")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://127.0.0.1:{port}/secret", "inside a private network"),
        ("http://localhost:{port}/secret", "inside a private network"),
        ("http://2130706433:{port}/secret", "inside a private network"),
        ("http://[::1]:{port}/secret", "inside a private network"),
        ("http://[::ffff:127.0.0.1]:{port}/secret", "inside a private network"),
        ("http://169.254.169.254/latest/meta-data", "inside a private network"),
        ("http://10.0.0.1/", "inside a private network"),
        ("//127.0.0.1:{port}/secret", "inside a private network"),
        ("file:///etc/passwd", "file:// is not supported"),
        ("ftp://example.org/x", "ftp:// is not supported"),
        ("s3://bucket/key", "redirects to s3://bucket/key"),
        ("http://ann:hunter2@127.0.0.1/", "holds credentials"),
    ],
)
def test_a_redirect_does_not_lead_inside_or_elsewhere(
    take: Take, server: Server, outside: Server, target: str, message: str
) -> None:
    server.script("/secret", (200, {}, BODY))
    location = target.format(port=server.port)
    url = outside.script("/x.csv", (302, {"Location": location}, b""))
    reason, detail = refusal(take, url)
    assert reason == "http_redirect"
    assert message in detail
    assert "hunter2" not in detail
    assert server.asked == []


@pytest.mark.fault("hostile.ssrf")
def test_a_private_server_does_not_lead_to_another(take: Take, server: Server) -> None:
    other = Server()
    other.script("/secret", (200, {}, BODY))
    url = server.script("/x.csv", (302, {"Location": f"{other.base}/secret"}, b""))
    assert refusal(take, url)[0] == "http_redirect"
    assert other.asked == []
    other.server.shutdown()
    other.server.server_close()


@pytest.mark.fault("hostile.ssrf")
def test_a_way_home_through_a_public_server_is_no_way(
    take: Take, server: Server, outside: Server
) -> None:
    url = server.script("/x.csv", (302, {"Location": f"{outside.base}/back"}, b""))
    outside.script("/back", (302, {"Location": f"{server.base}/secret"}, b""))
    assert refusal(take, url)[0] == "http_redirect"
    assert [path for path, _ in server.asked] == ["/x.csv"]


@pytest.mark.fault("hostile.ssrf")
def test_a_public_name_that_turns_private_is_not_followed(
    take: Take, server: Server, monkeypatch: pytest.MonkeyPatch, outside: Server
) -> None:
    """The name of the server leads outside at first, and inside when asked again."""
    leads = iter(["127.0.0.2", "127.0.0.1"])
    monkeypatch.setattr(http, "_resolve", lambda _host, _port: (next(leads),))
    again = f"http://evil.example:{outside.port}/x.csv"
    outside.script("/x.csv", (302, {"Location": again}, b""))
    reason, detail = refusal(take, again)
    assert (reason, "private" in detail) == ("http_redirect", True)
    # The one connection went to the address that was looked at.
    assert outside.asked[0][1]["Host"] == f"evil.example:{outside.port}"


@pytest.mark.fault("hostile.ssrf")
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("64:ff9b::808:808", False),
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("224.0.0.1", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("fd00::1", True),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a00:1", True),
        ("2002:a00:1::", True),
    ],
)
def test_private_addresses_are_known(where: str, expected: bool) -> None:
    assert http.is_private(where) is expected


def test_an_encrypted_answer_lands(take: Take, tls_server: Server) -> None:
    entry = only(take(tls_server.script("/x.csv", (200, {}, BODY))))
    assert (entry.status, entry.detail) == ("landed", None)


def test_a_certificate_that_is_not_trusted_or_for_another_is_refused(
    take: Take, tls_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tls_server.script("/x.csv", (200, {}, BODY))
    reason, detail = refusal(take, url.replace("127.0.0.1", "localhost"), tries=1)
    assert (reason, "no secure connection" in detail) == ("http_unreachable", True)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "no secure connection" in str(only(take(url)).detail)
    assert tls_server.asked == []


@pytest.mark.fault("hostile.ssrf")
def test_a_redirect_never_leaves_encryption(
    take: Take, tls_server: Server, server: Server
) -> None:
    target = server.script("/y.csv", (200, {}, BODY))
    url = tls_server.script("/x.csv", (302, {"Location": target}, b""))
    reason, detail = refusal(take, url)
    assert (reason, "redirects to unencrypted" in detail) == ("http_redirect", True)
    assert server.asked == []


@pytest.mark.fault("hostile.ssrf", "hostile.secrets")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "file:///etc/passwd: file:// is not supported; give a path"),
        ("ftp://example.org/x", "ftp:// is not supported"),
        ("gopher://x/", "gopher:// is not supported"),
        ("https://ann:hunter2@example.org/x.csv", "https://example.org/x.csv: holds cred"),
        ("https://hunter2@example.org/x.csv", "put them into ~/.netrc"),
        ("ftp://ann:hunter2@example.org/x", "ftp://example.org/x: ftp:// is not"),
        ("https:///x.csv", "has no host"),
        ("http://example.org:port/", "is not a URL"),
        ("http://[::1/", "is not a URL"),
        ("s3://bucket", "expected s3://bucket/key"),
    ],
)
def test_a_url_that_cannot_be_fetched_is_refused_without_its_secret(
    url: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        list(ingest.remote(url))
    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.fault("hostile.secrets")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("day=3&X-Amz-Signature=hunter2&x=1", "day=3&X-Amz-Signature=***&x=1"),
        ("sig=hunter2%26", "sig=***"),
        ("API%5FKEY=hunter2", "API%5FKEY=***"),
        ("access_token=hunter2&token", "access_token=***&token"),
        ("a=1#token=hunter2", "a=1"),
        ("country_code=us", "country_code=us"),
    ],
)
def test_what_looks_secret_is_masked(query: str, shown: str) -> None:
    assert urls.masked(f"https://h.org/x.csv?{query}") == f"https://h.org/x.csv?{shown}"


@pytest.mark.fault("hostile.secrets")
def test_a_secret_goes_to_the_server_and_nowhere_else(take: Take, server: Server) -> None:
    things = things_of(take)
    for status, body in ((200, BODY), (404, b""), (500, b""), (302, b"")):
        headers = {"Location": "ftp://x/?token=hunter2"} if status == 302 else {}
        url = server.script(f"/{status}.csv", (status, headers, body))
        take(f"{url}?password=hunter2", QUICK)
    assert all("hunter2" in path for path, _ in server.asked)
    for table in ("deliveries", "file_stamps", "things"):
        assert "hunter2" not in str(things.all(f"from raw.{table}"))
    assert len(things.ledger()) == 4


@pytest.mark.fault("hostile.secrets")
def test_credentials_come_from_a_netrc_and_stay_with_their_host(
    take: Take,
    server: Server,
    outside: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(
        "machine 127.0.0.1 login ann password hunter2\ndefault login bob password hunter3\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    target = outside.script("/y.csv", (200, {}, BODY))
    url = server.script("/x.csv", (302, {"Location": target}, b""))
    assert only(take(url)).status == "landed"
    basic = base64.b64encode(b"ann:hunter2").decode()
    assert server.asked[0][1]["Authorization"] == f"Basic {basic}"
    assert "Authorization" not in outside.asked[0][1]
    assert "hunter2" not in json.dumps(things_of(take).all("from raw.file_stamps"))
