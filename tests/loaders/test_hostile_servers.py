"""Servers that lie, drip and flood: whole by every count that they give, or nothing."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from loaders import disk
from loaders.errors import DeliveryError, EventmartError
from loaders.landing import ingest
from loaders.landing.ledger import Entry
from loaders.sources import http, postgres, s3
from loaders.sources.base import scratch_file
from loaders.sources.watchdog import Watchdog
from tests.dirty.loopback import Loopback
from tests.lab import Lab, make_feed

Labs = Callable[..., Lab]
BODY = b"a,b,c\n" + b"".join(b"%d,two,three\n" % n for n in range(20))
QUICK = http.Limits(read_timeout=0.5, deadline=1, backoff=0.01, tries=3, max_wait=0.2)
PATIENT = http.Limits(read_timeout=5, deadline=20, backoff=0.01, tries=3)


@pytest.fixture
def server() -> Iterator[Loopback]:
    made = Loopback(lambda _: [])
    yield made
    made.close()


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def counted(body: bytes = BODY, *lines: str) -> bytes:
    return head(f"Content-Length: {len(body)}", *lines) + body


def fetch(
    server: Loopback, folder: Path, limits: http.Limits = PATIENT, last: str | None = None
) -> tuple[bytes | None, str | None]:
    """Fetch what there is; the bytes, and the stamp."""
    found = http.Resource(f"{server.base}/x.csv", limits).fetch(folder, last)
    return (found.path.read_bytes(), found.stamp) if found else (None, last)


# ---------------------------------------------------------------- counts

FIRST = head(f"Content-Length: {len(BODY)}", 'ETag: "1"') + BODY[:50]
FIRST_CHUNKED = (
    head("Transfer-Encoding: chunked", 'ETag: "1"') + b"32\r\n" + BODY[:50] + b"\r\n"
)
N = len(BODY)
# How a part is answered for that begins at byte 50: its headers, and its body.
PARTS: dict[str, tuple[list[str], bytes]] = {
    "short, and says so": ([f"Content-Range: bytes 50-99/{N}"], BODY[50:100]),
    "short, of its end": ([f"Content-Range: bytes 50-99/{100}"], BODY[50:100]),
    "short, without length": ([f"Content-Range: bytes 50-{N - 1}/{N}"], BODY[50:100]),
    "of any whole": (["Content-Range: bytes 50-99/*"], BODY[50:100]),
    "of another whole": ([f"Content-Range: bytes 50-{N}/{N + 1}"], BODY[50:] + b"x"),
    "beyond the whole": ([f"Content-Range: bytes 50-{N}/{N}"], BODY[50:] + b"x"),
    "longer than it says": ([f"Content-Range: bytes 50-99/{N}"], BODY[50:150]),
    "of another file": ([f"Content-Range: bytes 50-{N - 1}/{N}", 'ETag: "2"'], BODY[50:]),
    "of another place": ([f"Content-Range: bytes 5-{N - 1}/{N}"], BODY[5:]),
    "backwards": ([f"Content-Range: bytes 50-49/{N}"], b""),
    "signed": ([f"Content-Range: bytes +50-{N - 1}/{N}"], BODY[50:]),
    "in other digits": ([f"Content-Range: bytes 50-²/{N}"], BODY[50:]),
    "in items": ([f"Content-Range: items 50-{N - 1}/{N}"], BODY[50:]),
    "several": (["Content-Type: byteranges"], b"--x\r\n"),
    "without range": ([], BODY[50:]),
}


# Of chunks that broke off nobody knows how long the whole is.
OF_COUNTED = ("short, of its end", "of another whole")


@pytest.mark.fault("delivery.http_truncated")
@pytest.mark.parametrize(
    ("part", "first"),
    [
        *(pytest.param(part, FIRST, id=f"{part}-counted") for part in PARTS),
        *(
            pytest.param(part, FIRST_CHUNKED, id=f"{part}-chunked")
            for part in PARTS
            if part not in OF_COUNTED
        ),
    ],
)
def test_a_part_is_whole_by_its_own_words_or_nothing(
    server: Loopback, tmp_path: Path, first: bytes, part: str
) -> None:
    lines, body = PARTS[part]
    told = head(*lines, "Connection: close", status="206 Partial Content") + body

    def answer(request: bytes) -> Iterable[bytes]:
        return [told if b"Range: bytes=50-" in request else first]

    server.answer(answer)
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path)
    assert caught.value.reason == "http_truncated"


@pytest.mark.fault("delivery.http_truncated")
@pytest.mark.parametrize("first", [FIRST, FIRST_CHUNKED], ids=["counted", "chunked"])
def test_short_parts_add_up_to_the_whole(
    server: Loopback, tmp_path: Path, first: bytes
) -> None:
    def answer(request: bytes) -> Iterable[bytes]:
        if b"Range: bytes=" not in request:
            return [first]
        start = int(request.partition(b"bytes=")[2].partition(b"-")[0])
        stop = min(start + 120, N)
        told = f"Content-Range: bytes {start}-{stop - 1}/{N}"
        return [head(told, status="206 Partial Content") + BODY[start:stop]]

    server.answer(answer)
    assert fetch(server, tmp_path)[0] == BODY


CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (N, BODY)
LIES: dict[str, tuple[bytes, str]] = {
    "length twice": (counted(BODY, "Content-Length: 5"), "http_malformed"),
    "length in a list": (head(f"Content-Length: {N}, {N + 1}") + BODY, "http_malformed"),
    "length negative": (head("Content-Length: -5") + BODY, "http_malformed"),
    "length signed": (head("Content-Length: +5") + BODY, "http_malformed"),
    "length spaced": (head("Content-Length: 1 000") + BODY, "http_malformed"),
    "length in hex": (head("Content-Length: 0x10") + BODY, "http_malformed"),
    "length superscript": (head("Content-Length: ²") + BODY, "http_malformed"),
    "length of 5,000 digits": (head("Content-Length: " + "9" * 5000), "http_malformed"),
    "length empty": (head("Content-Length: ") + BODY, "http_malformed"),
    "length underscored": (head("Content-Length: 1_0") + BODY, "http_malformed"),
    "length equal twice, short": (
        head(f"Content-Length: {N + 9}, {N + 9}") + BODY,
        "http_truncated",
    ),
    "chunks and another length": (
        head("Transfer-Encoding: chunked", f"Content-Length: {N + 1}") + CHUNKED,
        "http_truncated",
    ),
    "identity": (head("Transfer-Encoding: identity", "X: y") + BODY, "http_encoding"),
    "gzip": (head("Transfer-Encoding: gzip") + BODY, "http_encoding"),
    "gzip, chunked": (head("Transfer-Encoding: gzip, chunked") + CHUNKED, "http_encoding"),
    "chunked twice": (
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + CHUNKED,
        "http_encoding",
    ),
    "odd chunked": (head("Transfer-Encoding: xchunked") + CHUNKED, "http_encoding"),
    "chunk of negative size": (
        head("Transfer-Encoding: chunked") + b"-5\r\nabc\r\n",
        "http_truncated",
    ),
    "last chunk missing": (
        head("Transfer-Encoding: chunked") + CHUNKED[:-5],
        "http_truncated",
    ),
}


@pytest.mark.fault("delivery.http_truncated", "hostile.server")
@pytest.mark.parametrize("lie", LIES)
def test_counts_that_cannot_be_or_disagree_land_nothing(
    server: Loopback, tmp_path: Path, lie: str
) -> None:
    answer, reason = LIES[lie]
    server.answer(lambda _: [answer])
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 300


@pytest.mark.fault("delivery.http_truncated", "hostile.server", "hostile.secrets")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nX: y\r\n", "http_truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "http_malformed"),
        (head("no header", f"Content-Length: {N}") + BODY[:9], "http_malformed"),
        (head(f"Content-Length : {N}") + BODY[:9], "http_malformed"),
        (head(f"Content\x00-Length: {N}") + BODY[:9], "http_malformed"),
        (head(f'"Content-Length": {N}') + BODY[:9], "http_malformed"),
    ],
    ids=["cut", "cut in a name", "no header", "blank", "NUL", "quotes"],
)
def test_a_count_that_is_passed_over_lands_nothing(
    server: Loopback,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    reason: str,
) -> None:
    caplog.set_level("INFO")
    server.answer(lambda _: [answer])
    url = f"{server.base}/x.csv?token=hunter2"
    with pytest.raises(DeliveryError) as caught:
        http.Resource(url, PATIENT).fetch(tmp_path, None)
    assert caught.value.reason == reason
    # Libraries log URLs as they are.
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        counted(),
        counted(BODY, f"Content-Length: {N}"),
        head("Transfer-Encoding: Chunked") + CHUNKED,
        head("Transfer-Encoding: chunked", f"Content-Length: {N}") + CHUNKED,
        head("Connection: close") + BODY,
        head(status="100 Continue") * 3 + counted(),
    ],
    ids=["counted", "twice alike", "chunked", "both", "to the end", "1xx"],
)
def test_what_is_right_is_fetched(server: Loopback, tmp_path: Path, answer: bytes) -> None:
    server.answer(lambda _: [answer])
    assert fetch(server, tmp_path)[0] == BODY


# ---------------------------------------------------------------- odd answers

ODD_DATES = [
    "Fri, 31 Dec 9999 23:59:59 -0100",
    "Mon, 01 Jan 0001 00:00:00 +0100",
    "Mon, 01 Jan 2024 00:00:00 +99999999999999999999",
    "Mon, 01 Jan 99999 00:00:00 GMT",
    "\xff\xfe((((",
    "²",
    "9" * 5000,
]


@pytest.mark.fault("hostile.server")
@pytest.mark.parametrize("date", ODD_DATES, ids=range(len(ODD_DATES)))
def test_odd_dates_of_a_server_are_no_dates(
    server: Loopback, tmp_path: Path, date: str
) -> None:
    today = "Mon, 01 Jan 2024 00:00:00 GMT"
    for named in ({"Last-Modified": date, "Date": today}, {"Date": date}):
        lines = [f"{name}: {value}" for name, value in named.items()]
        server.answer(lambda _, lines=lines: [counted(BODY, *lines)])
        assert fetch(server, tmp_path)[0] == BODY
    busy = head(f"Retry-After: {date}", "Content-Length: 0", status="503 x")
    server.answer(lambda _: [busy])
    with pytest.raises(DeliveryError, match="HTTP 503 Service Unavailable"):
        fetch(server, tmp_path)


@pytest.mark.fault("hostile.server", "hostile.ssrf")
@pytest.mark.parametrize(
    "target",
    [
        *("http://[bad", "http://a\x00b/", "", "http://a b/", "http://" + "a" * 300 + "/"),
        *("http://127.0.0.1:99999999/", "http://\xe4.invalid/", "http://[::1%25x]/", "//"),
        *("http://[v1.x]/", "http://127.0.0.1:²/", "\xff\xfe", "http:", "?" + "x" * 9000),
        *("http://127.0.0.1:port/", "https://", "javascript:alert(1)", "http://a\tb/"),
    ],
    ids=lambda target: repr(target)[:20],
)
def test_a_broken_location_is_one_failure(
    server: Loopback, tmp_path: Path, target: str
) -> None:
    server.answer(lambda _: [head(f"Location: {target}", status="302 x")])
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path)
    assert caught.value.reason in ("http_redirect", "http_unreachable")
    assert len(str(caught.value)) < 700


@pytest.mark.fault("hostile.server")
@pytest.mark.parametrize(
    "etag",
    ['"a\x00b"', '"' + "x" * 10_000 + '"', '"a"\r\n X-Injected: 1', "a", '"ü', "W/W/"],
    ids=range(6),
)
def test_an_odd_tag_is_not_remembered(server: Loopback, tmp_path: Path, etag: str) -> None:
    server.answer(lambda _: [counted(BODY, f"ETag: {etag}")])
    body, stamp = fetch(server, tmp_path)
    assert (body, "etag" in str(stamp)) == (BODY, False)
    assert fetch(server, tmp_path, last=stamp)[0] is None


@pytest.mark.fault("hostile.server", "hostile.terminal")
def test_the_words_of_a_server_are_not_repeated(server: Loopback, tmp_path: Path) -> None:
    server.answer(lambda _: [head(status="404 \x1b[31mcard 4111" + "x" * 5000)])
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path)
    assert str(caught.value) == f"{server.base}/x.csv: HTTP 404 Not Found"


@pytest.mark.fault("hostile.server")
@pytest.mark.parametrize(
    "name", ["\U00020000" * 100, "ä" * 200, "x" * 5000, "..", "/", "\0\r\nX: y", "a/../b"]
)
def test_a_name_from_outside_fits_a_folder(tmp_path: Path, name: str) -> None:
    file = scratch_file(tmp_path, name)
    file.write_bytes(b"")
    assert file.parent == tmp_path
    assert list(tmp_path.iterdir()) == [file]


# ---------------------------------------------------------------- time


def repeated(start: bytes, piece: bytes) -> Callable[[bytes], Iterable[bytes]]:
    return lambda _: itertools.chain([start], itertools.repeat(piece))


CHUNKED_HEAD = head("Transfer-Encoding: chunked")
ENDLESS = {
    "status line": repeated(b"HTTP/1.1 2", b"0"),
    "header": repeated(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "100 Continue": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers of 100 Continue": repeated(b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    "chunk size": repeated(CHUNKED_HEAD + b"5;", b"x"),
    "zeros of a chunk size": repeated(CHUNKED_HEAD, b"0"),
    "trailers": repeated(CHUNKED_HEAD + b"5\r\nab,cd\r\n0\r\n", b"X: y\r\n"),
    "body": repeated(head("Content-Length: 100000"), b"x"),
    "body of chunks": repeated(CHUNKED_HEAD, b"1\r\nx\r\n"),
    "body to the end": repeated(head("Connection: close"), b"x"),
    "silence": repeated(b"", b""),
    "silence in the body": repeated(head("Content-Length: 9") + b"x", b""),
}


@pytest.mark.fault("delivery.http_retry", "hostile.server")
@pytest.mark.parametrize("part", ENDLESS)
def test_the_deadline_holds_in_every_part_of_an_answer(tmp_path: Path, part: str) -> None:
    server = Loopback(ENDLESS[part], pause=0.02)
    began = time.monotonic()
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path, QUICK)
    server.close()
    assert time.monotonic() - began < 5
    assert caught.value.reason in ("http_too_slow", "http_timeout")
    assert not [t for t in threading.enumerate() if "_watch" in t.name]


@pytest.mark.fault("delivery.http_retry", "hostile.server")
def test_a_handshake_that_drips_meets_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    # A record of 16,000 bytes is announced, and comes byte by byte.
                    connection.sendall(b"\x16\x03\x03\x3e\x80")
                    for _ in range(100):
                        connection.sendall(b"\x02")
                        time.sleep(0.05)

        threading.Thread(target=drip, daemon=True).start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/x.csv"
        began = time.monotonic()
        with pytest.raises(DeliveryError, match=r"sent nothing|takes more"):
            http.Resource(url, QUICK).fetch(tmp_path, None)
        assert time.monotonic() - began < 5


@pytest.mark.fault("delivery.http_retry")
def test_a_slow_body_that_keeps_coming_is_waited_for(tmp_path: Path) -> None:
    pieces = [head(f"Content-Length: {N}"), *(BODY[n : n + 10] for n in range(0, N, 10))]
    server = Loopback(lambda _: pieces, pause=0.05)
    limits = http.Limits(read_timeout=0.6, deadline=30, tries=1)
    assert fetch(server, tmp_path, limits)[0] == BODY
    server.close()


# ---------------------------------------------------------------- room


@pytest.mark.fault("hostile.server", "process.disk_full")
def test_what_is_announced_too_large_is_not_begun(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer(lambda _: [head("Content-Length: 50000000000")])
    with pytest.raises(DeliveryError) as caught:
        fetch(server, tmp_path)
    assert (caught.value.reason, server.n_asked) == ("http_too_large", 1)
    server.answer(lambda _: [head("Content-Length: 5000000000")])
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=2 << 30))  # type: ignore[attr-defined]
    with pytest.raises(DeliveryError, match="needs about 5,000,000,000 bytes") as caught:
        fetch(server, tmp_path)
    assert (caught.value.reason, server.n_asked) == ("no_space", 2)


@pytest.mark.fault("hostile.server", "process.disk_full")
@pytest.mark.parametrize(
    ("free", "kind"), [(2 << 30, DeliveryError), ((1 << 30) - 1, EventmartError)]
)
def test_room_is_asked_for_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, kind: type[Exception]
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))  # type: ignore[attr-defined]
    taken: list[int] = []
    chunks = disk.spaced(itertools.repeat(bytes(1 << 20)), tmp_path, "x")
    with pytest.raises(kind) as caught:
        taken.extend(map(len, chunks))
    assert type(caught.value) is kind
    # As much again as has come must be free.
    assert free - 2 * disk.STEP < sum(taken) < free + disk.STEP


# ---------------------------------------------------------------- S3

ITEM = (
    "<Contents><Key>{key}</Key><ETag>{etag}</ETag><Size>{size}</Size>"
    "<LastModified>{when}</LastModified></Contents>"
)


def item(key: str = "in/1.csv", **changed: object) -> str:
    good = {"key": key, "etag": '"e"', "size": N, "when": "2024-01-01T00:00:00.000Z"}
    return ITEM.format(**{**good, **changed})


def page(*items: str, token: str | None = None) -> bytes:
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    text = (
        '<?xml version="1.0"?><ListBucketResult>'
        f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}{''.join(items)}"
        "</ListBucketResult>"
    )
    return counted(text.encode(), "Connection: close")


@pytest.fixture
def bucket(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """A server that says it is S3."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.base,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "TRIES", 1)
    return server


def reconcile(things: Lab) -> list[Entry]:
    """Take what the server lists: whatever it does, this ends, and raises nothing."""
    return [
        entry
        for offer in ingest.remote("s3://drops/in/")
        for entry in ingest.take(things.warehouse, things.feed, offer).entries
    ]


def objects(listing: bytes, answer: bytes) -> Callable[[bytes], Iterable[bytes]]:
    return lambda request: [listing if b"list-type=2" in request else answer]


@pytest.mark.fault("hostile.s3_server")
@pytest.mark.parametrize(
    "changed",
    [
        {"key": "out/1.csv"},
        {"key": "in/" + "k" * 1100},
        {"size": -1},
        {"size": "²"},
        {"size": "9" * 5000},
        {"size": ""},
        {"etag": '"' + "e" * 1000 + '"'},
        {"when": "0000-13-45"},
        {"when": "9" * 400},
        {"when": ""},
        {"key": ""},
    ],
    ids=lambda changed: repr(changed)[:25],
)
def test_a_listing_of_what_cannot_be_is_one_failure(
    lab: Labs, bucket: Loopback, changed: dict[str, object]
) -> None:
    bucket.answer(objects(page(item(), item(**changed)), counted()))  # type: ignore[arg-type]
    things = lab()
    (entry,) = reconcile(things)
    assert (entry.status, entry.uri) == ("failed", "s3://drops/in/")
    assert things.counts() == (0, 0, 0)
    assert len(str(entry.detail)) < 700


@pytest.mark.fault("hostile.s3_server")
def test_hostile_keys_are_names_and_no_paths(lab: Labs, bucket: Loopback) -> None:
    keys = ["in/../../../etc/x.csv", "in/\U00020000" * 60, "in/%2e%2e%2fx.csv", "in/' or 1"]
    bucket.answer(objects(page(*map(item, keys)), counted()))
    things = lab()
    entries = reconcile(things)
    assert [entry.uri for entry in entries] == [f"s3://drops/{key}" for key in sorted(keys)]
    assert [entry.status for entry in entries] == ["landed"] + ["seen_again"] * 3
    assert not things.warehouse.paths.fetched.exists()


@pytest.mark.fault("hostile.s3_server")
@pytest.mark.parametrize("items", [[], [item()]], ids=["empty", "the same"])
def test_a_listing_without_end_is_given_up(
    lab: Labs, bucket: Loopback, monkeypatch: pytest.MonkeyPatch, items: list[str]
) -> None:
    monkeypatch.setattr(s3, "MAX_PAGES", 20)
    tokens = map(str, itertools.count())
    bucket.answer(lambda _: [page(*items, token=next(tokens))])
    (entry,) = reconcile(lab())
    assert (entry.reason, bucket.n_asked) == ("s3_too_many", 21), entry.detail


@pytest.mark.fault("hostile.s3_server")
def test_a_listing_of_too_many_is_given_up(
    lab: Labs, bucket: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "MAX_OBJECTS", 50)
    keys = iter(range(10**9))
    bucket.answer(
        lambda _: [
            page(*(item(f"in/{next(keys)}") for _ in range(30)), token=f"t{next(keys)}")
        ]
    )
    (entry,) = reconcile(lab())
    assert (entry.reason, bucket.n_asked) == ("s3_too_many", 2)


@pytest.mark.fault("hostile.s3_server")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (head("Connection: close") + b"<x>" * 2_000_000, "answers with over 1,000,000"),
        (head("Connection: close", status="403 x") + b"x" * 6_000_000, "answers with over"),
        (counted(b"<a>" * 300_000), "s3_"),
        (counted(b"no XML"), "s3_error"),
        (b"\xff\xfe", "s3_unreachable"),
        (head("Location: http://127.0.0.1:9/", status="301 x"), "s3_"),
        (page(item(), token=""), "s3"),
        (counted(b"<html/>"), "not a listing"),
        (counted(b"<ListBucketResult/>"), "not a listing"),
        (counted(b""), "s3_"),
        (head("Connection: close", status="103 Early Hints"), "s3_"),
    ],
    ids=[
        *("flood", "flood of errors", "deep", "text", "noise", "redirect", "no token"),
        *("other XML", "nothing listed", "no body", "early hints"),
    ],
)
def test_a_listing_that_is_none_is_one_failure(
    lab: Labs, bucket: Loopback, monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    monkeypatch.setattr(s3, "MAX_ANSWER_BYTES", 1_000_000)
    bucket.answer(objects(answer, b""))
    (entry,) = reconcile(lab())
    assert entry.status == "failed"
    assert said in f"{entry.reason} {entry.detail}"


@pytest.mark.fault("hostile.s3_server", "delivery.http_truncated")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (counted(BODY[:100]), "s3_truncated"),
        (counted(BODY * 2), "s3_truncated"),
        (head(f"Content-Length: {N}") + BODY[:100], "s3_truncated"),
        (CHUNKED_HEAD + CHUNKED[:100], "s3_truncated"),
        (head("Content-Length: ²") + BODY[:9], "s3_unreachable"),
        (b"", "s3_unreachable"),
        (head(status="500 x"), "s3_error"),
    ],
    ids=["short", "long", "cut", "cut chunks", "superscript", "nothing", "error"],
)
def test_an_object_is_whole_as_listed_or_nothing(
    lab: Labs, bucket: Loopback, answer: bytes, reason: str
) -> None:
    bucket.answer(objects(page(item()), answer))
    things = lab()
    (entry,) = reconcile(things)
    assert (entry.status, entry.reason) == ("failed", reason)
    assert things.counts() == (0, 0, 0)


@pytest.mark.fault("hostile.s3_server", "process.disk_full")
def test_an_object_that_does_not_end_is_not_kept(lab: Labs, bucket: Loopback) -> None:
    sent = itertools.count()

    def flood(request: bytes) -> Iterable[bytes]:
        if b"list-type=2" in request:
            return [page(item())]
        body = (bytes(1 << 16) for _ in sent)
        return itertools.chain([head("Connection: close")], itertools.islice(body, 2000))

    bucket.answer(flood)
    (entry,) = reconcile(lab())
    assert entry.reason == "s3_truncated"
    assert next(sent) < 1000


@pytest.mark.fault("hostile.s3_server")
@pytest.mark.parametrize("part", [*ENDLESS, "of the object"])
def test_the_deadline_holds_for_s3_too(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, part: str, bucket: Loopback
) -> None:
    monkeypatch.setattr(s3, "PATIENCE", 0.5)
    monkeypatch.setattr(s3, "DEADLINE", 1)
    bucket._pause = 0.02
    if part in ENDLESS:
        bucket.answer(ENDLESS[part])
    else:
        drip = ENDLESS["body"]
        bucket.answer(lambda r: [page(item())] if b"list-type=2" in r else drip(r))
    began = time.monotonic()
    (entry,) = reconcile(lab())
    assert time.monotonic() - began < 8
    assert entry.status == "failed"
    # Too many headers are refused before it is late.
    # Too many headers, and silence, may be refused before it is late.
    assert entry.reason in ("s3_too_slow", "s3_unreachable")


# ---------------------------------------------------------------- PostgreSQL


@pytest.mark.fault("hostile.server")
@pytest.mark.parametrize("greeting", [b"", b"R\0\0\0\x08\0\0\0\0", b"\xff" * 50])
def test_a_database_that_never_answers_is_given_up(
    lab: Labs, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    # What it is asked has no end of an HTTP request: it is never answered.
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            kept = []
            while True:
                kept.append(server.accept()[0])
                kept[-1].sendall(greeting)

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(postgres, "CONNECT_TIMEOUT", 2)
    dsn = f"host=127.0.0.1 port={server.getsockname()[1]} dbname=x user=x sslmode=disable"
    monkeypatch.setenv("A_DSN", dsn)
    query = {"dsn_env": "A_DSN", "sql": "select 1 as a", "cursor": "a"}
    things = lab(make_feed(query=query))
    began = time.monotonic()
    (offer,) = ingest.configured(things.feed, things.files)
    (entry,) = ingest.take(things.warehouse, things.feed, offer).entries
    server.close()
    assert time.monotonic() - began < 10
    assert (entry.status, entry.reason) == ("failed", "postgres_failed")


@pytest.mark.fault("hostile.server")
def test_a_query_without_end_is_given_up(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database lets one in, and then says nothing any more."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = server.accept()
            connection.recv(1000)
            ready = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
            settings = b"".join(
                b"S%s%s\0%s\0" % ((len(k + v) + 6).to_bytes(4, "big"), k, v)
                for k, v in [(b"server_version", b"16.0"), (b"client_encoding", b"UTF8")]
            )
            connection.sendall(ready[:9] + settings + ready[9:])
            while connection.recv(1000):
                pass

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(postgres, "DEADLINE", 0.5)
    dsn = f"host=127.0.0.1 port={server.getsockname()[1]} dbname=x user=x sslmode=disable"
    monkeypatch.setenv("A_DSN", dsn)
    things = lab(make_feed(query={"dsn_env": "A_DSN", "sql": "select 1", "cursor": "a"}))
    began = time.monotonic()
    (offer,) = ingest.configured(things.feed, things.files)
    (entry,) = ingest.take(things.warehouse, things.feed, offer).entries
    server.close()
    assert time.monotonic() - began < 10
    assert (entry.status, entry.reason) == ("failed", "postgres_too_slow")


def test_listing_fails_for_one_source_alone(
    lab: Labs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offers(_: str) -> Iterator[Any]:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(s3, "offers", offers)
    (entry,) = reconcile(lab())
    assert (entry.status, entry.reason) == ("failed", "unexpected_error")


@pytest.mark.parametrize(("patience", "seconds"), [(0.05, 60), (60, 0.05)])
def test_a_watchdog_bites_at_the_deadline_or_when_nothing_comes(
    patience: float, seconds: float
) -> None:
    dog = Watchdog(patience)
    with dog.watching(time.monotonic() + seconds):
        time.sleep(1)
        assert dog.has_bitten
