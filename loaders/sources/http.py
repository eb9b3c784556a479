"""One resource behind http:// or https://, fetched with care.

What is kept are the bytes of the wire: whole, by the server's own count, or nothing.
"""

import hashlib
import ipaddress
import json
import logging
import random
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from requests.utils import get_netrc_auth, requote_uri
from urllib3.response import BaseHTTPResponse

from loaders import __version__
from loaders.config import urls
from loaders.disk import spaced
from loaders.errors import DeliveryError, UsageError
from loaders.sources.base import Fetched, Offer, scratch_file
from loaders.sources.watchdog import Watchdog

# Its warnings quote URLs, secrets and all; what is wrong is said by us.
logging.getLogger("urllib3").setLevel(logging.ERROR)
CHUNK = 1 << 18
MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_AGAIN = (408, 429, 500, 502, 503, 504)
# A server's clock ticks in seconds: a resource that changed this recently may change
# again without its Last-Modified saying so.
_TICK = timedelta(seconds=60)
# Numbers and tags as the standard has them, and no longer than anybody needs them.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COUNT = re.compile("[0-9]{1,18}")
_RANGE = re.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|[*])")
_ETAG = re.compile(r'(?:W/)?"[!#-~\x80-\xff]{0,200}"')
# Of IPv6 only this is given out; what of it, and of IPv4, is nobody's server all the same.
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_NO_SERVERS = [
    ipaddress.ip_network(text) for text in ("3fff::/20", "192.0.0.0/24", "192.88.99.0/24")
]


@dataclass(frozen=True)
class Limits:
    """How patient a fetch is: seconds, bytes, tries."""

    read_timeout: float = 60
    deadline: float = 3600
    max_bytes: int = 20 << 30
    tries: int = 5
    # The first wait; each one is twice as long as the one before.
    backoff: float = 1
    max_wait: float = 60


LIMITS = Limits()


class _TryAgainError(Exception):
    """What may go better the next time."""

    def __init__(self, reason: str, detail: str, wait: float | None = None) -> None:
        super().__init__(detail)
        self.reason, self.detail, self.wait = reason, detail, wait


@dataclass
class _Partial:
    """What has arrived so far, the ETag that says of what, and how much that is."""

    path: Path
    n_bytes: int = 0
    etag: str | None = None
    whole: int | None = None


@dataclass(frozen=True)
class _Hop:
    """One address on the way to the resource, and who answers there."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def is_private(self) -> bool:
        return any(is_private(found) for found in self.addresses)


@dataclass(frozen=True)
class Resource:
    """One resource, by its URL, which `address.check` finds right."""

    url: str
    limits: Limits = LIMITS

    @property
    def uri(self) -> str:
        """The URL, fit to be shown."""
        return urls.masked(self.url)

    def offer(self) -> Offer:
        """What it has; only the server can tell whether that is new."""
        return Offer(self.uri, None, self.fetch)

    def fetch(self, folder: Path, last: str | None) -> Fetched | None:
        """Fetch it whole into a folder, or return None if it has not changed.

        Args:
            folder: a scratch folder.
            last: the stamp of the version fetched and processed before.

        Raises:
            DeliveryError: if it cannot be had, or is no file of data.
        """
        known = json.loads(last) if last else {}
        partial = _Partial(scratch_file(folder, unquote(urlsplit(self.url).path)))
        deadline = time.monotonic() + self.limits.deadline
        for tried in range(self.limits.tries):
            try:
                headers = self._get(partial, known, deadline, tried)
            except _TryAgainError as error:
                self._wait(error, tried, deadline)
            else:
                return self._fetched(partial, headers, known) if headers else None
        raise AssertionError("the last try raises")

    def _fetched(
        self, partial: _Partial, headers: Mapping[str, str], known: dict[str, str]
    ) -> Fetched | None:
        self._check_content(partial.path, headers)
        with partial.path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if sha256 == known.get("sha256"):
            return None
        return Fetched(
            partial.path, json.dumps({"sha256": sha256, **self._validators(headers)})
        )

    def _validators(self, headers: Mapping[str, str]) -> dict[str, str]:
        """By what to ask the server next time whether the resource has changed."""
        # URLs that differ only in what is not shown share a stamp, but no validators.
        if self.uri != self.url.partition("#")[0]:
            return {}
        if _ETAG.fullmatch(etag := headers.get("ETag", "")):
            return {"etag": etag}
        modified, sent = (_moment(headers.get(n)) for n in ("Last-Modified", "Date"))
        if modified and sent and sent - modified >= _TICK:
            return {"modified": format_datetime(modified, usegmt=True)}
        return {}

    # ------------------------------------------------------------ one try

    def _get(
        self, partial: _Partial, known: dict[str, str], deadline: float, tried: int
    ) -> Mapping[str, str] | None:
        """Fetch what is missing; return the headers, or None if nothing has changed."""
        hop = self._hop(self.url, None)
        dog = Watchdog(self.limits.read_timeout)
        for _ in range(MAX_REDIRECTS + 1):
            headers = self._headers(partial, known)
            with dog.watching(deadline), self._answer(hop, headers, tried, dog) as answer:
                if answer.status not in _REDIRECTS:
                    return self._take(answer, partial, known, dog)
                target = answer.headers.get("Location", "")
            try:
                url = requote_uri(urljoin(hop.url, target))
            except ValueError as error:
                raise DeliveryError(
                    "http_redirect", f"{self.uri}: redirects to something that is not a URL"
                ) from error
            hop = self._hop(url, hop)
        raise DeliveryError(
            "http_redirect", f"{self.uri}: more than {MAX_REDIRECTS} redirects"
        )

    def _hop(self, url: str, before: _Hop | None) -> _Hop:
        """Where a URL leads to, if it may lead there from the hop before."""
        shown = urls.masked(url)[:200]
        try:
            urls.check(url)
        except UsageError as error:
            raise DeliveryError(
                "http_redirect", f"{self.uri}: redirects: {str(error)[:300]}"
            ) from error
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise DeliveryError("http_redirect", f"{self.uri}: redirects to {shown}")
        if before and before.url.startswith("https:") and parts.scheme == "http":
            raise DeliveryError(
                "http_redirect", f"{self.uri}: redirects to unencrypted {shown}"
            )
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        hop = _Hop(url, host, port, _resolve(host, port))
        # A caller who names a private address means it; a server that sends us there does
        # not get our place in that network.
        at_home = (
            before and before.is_private and (before.host, before.port) == (host, port)
        )
        if before and hop.is_private and not at_home:
            raise DeliveryError(
                "http_redirect",
                f"{self.uri}: redirects to {shown}, inside a private network; if that is "
                "right, name that address yourself",
            )
        return hop

    @contextmanager
    def _answer(
        self, hop: _Hop, headers: dict[str, str], tried: int, dog: Watchdog
    ) -> Iterator[BaseHTTPResponse]:
        """The answer of the very address that was checked, by the name of its host."""
        parts = urlsplit(hop.url)
        where = hop.addresses[tried % len(hop.addresses)]
        patience = self.limits.read_timeout
        timeout = urllib3.Timeout(connect=min(20, patience), read=patience)
        pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            pool = urllib3.HTTPSConnectionPool(
                where, hop.port, server_hostname=hop.host, assert_hostname=hop.host
            )
        else:
            pool = urllib3.HTTPConnectionPool(where, hop.port)
        pool.ConnectionCls = dog.guarded(pool.ConnectionCls)
        headers = {"Host": parts.netloc.encode("idna").decode(), **headers}
        is_named = hop.host == urlsplit(self.url).hostname
        if is_named and (login := get_netrc_auth(hop.url)):
            headers |= urllib3.make_headers(basic_auth=":".join(login))
        query = f"?{parts.query}" if parts.query else ""
        with pool:
            try:
                answer = pool.urlopen(
                    "GET",
                    requote_uri(f"{parts.path or '/'}{query}"),
                    headers=headers,
                    timeout=timeout,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                    # The length is checked below, where it counts what came before.
                    enforce_content_length=False,
                )
                dog.feed()
                self._check_headers(answer)
                yield answer
            except urllib3.exceptions.HTTPError as error:
                self._check_time(dog, error)
                raise _TryAgainError(*self._complaint(error)) from error

    def _check_headers(self, answer: BaseHTTPResponse) -> None:
        """Raise DeliveryError for headers of which some would be passed over."""
        message = cast(Any, answer)._original_response.msg
        if message.defects or not all(map(_TOKEN.fullmatch, message.keys())):
            raise DeliveryError(
                "http_malformed", f"{self.uri}: sends a header that cannot be read"
            )

    def _headers(self, partial: _Partial, known: dict[str, str]) -> dict[str, str]:
        # Any encoding on the way would make bytes of it that nobody has counted.
        headers = {
            "User-Agent": f"eventmart/{__version__}",
            "Accept-Encoding": "identity",
        }
        if partial.n_bytes and partial.etag:
            return headers | {
                "Range": f"bytes={partial.n_bytes}-",
                "If-Range": partial.etag,
            }
        if "etag" in known:
            headers["If-None-Match"] = known["etag"]
        elif "modified" in known:
            headers["If-Modified-Since"] = known["modified"]
        return headers

    def _take(
        self,
        answer: BaseHTTPResponse,
        partial: _Partial,
        known: dict[str, str],
        dog: Watchdog,
    ) -> Mapping[str, str] | None:
        """Read the body, or what is missing of it; None if nothing has changed."""
        is_resumed = partial.n_bytes > 0 and partial.etag is not None
        if answer.status == 304 and not is_resumed and known.keys() & {"etag", "modified"}:
            return None
        if answer.status != 200 and not (is_resumed and answer.status in (206, 416)):
            raise self._refusal(answer)
        headers = answer.headers
        length = self._length(headers)
        if answer.status == 200:
            partial.n_bytes, partial.whole = 0, length
            # A weak one does not promise the same bytes.
            etag = headers.get("ETag", "")
            is_strong = etag.startswith('"') and _ETAG.fullmatch(etag)
            partial.etag = etag if is_strong else None
            end = length
        else:
            end = self._end_of_part(answer, partial)
        encoding = headers.get("Content-Encoding", "identity").lower()
        # A gzip is landed as what it is; of others the file inside is not known.
        if encoding not in ("identity", "", "gzip", "x-gzip"):
            raise DeliveryError(
                "http_encoding", f"{self.uri}: is sent as {encoding[:40]}, not as asked"
            )
        self._check_size(partial.whole or 0)
        began = partial.n_bytes
        self._read(answer, partial, dog, (end or 0) - began)
        if length is None and not partial.n_bytes and "Transfer-Encoding" not in headers:
            # So looks an answer that breaks off in its headers, too.
            raise _TryAgainError(
                "http_truncated", f"{self.uri}: sends an empty answer without a length"
            )
        # Each count that the server gives, for the part and for the whole.
        sent = began + length if length is not None else None
        for expected in (end, sent, partial.whole):
            if expected is not None and partial.n_bytes != expected:
                n_bytes = partial.n_bytes
                if n_bytes > expected:
                    partial.etag = None
                raise _TryAgainError(
                    "http_truncated",
                    f"{self.uri}: breaks off after {n_bytes:,} of {expected:,} bytes"
                    if n_bytes < expected
                    else f"{self.uri}: sends {n_bytes:,} bytes, and says {expected:,}",
                )
        return headers

    def _refusal(self, answer: BaseHTTPResponse) -> DeliveryError | _TryAgainError:
        """What a status says. The server's own words for it are not repeated."""
        known = {status.value: status.phrase for status in HTTPStatus}
        detail = f"{self.uri}: HTTP {answer.status} {known.get(answer.status, '')}".rstrip()
        if answer.status in _AGAIN:
            return _TryAgainError("http_status", detail, _retry_after(answer.headers))
        return DeliveryError("http_status", detail)

    def _length(self, headers: Mapping[str, str]) -> int | None:
        """How many bytes the server says it sends; None if it does not."""
        coding = headers.get("Transfer-Encoding", "chunked").strip().lower()
        if coding != "chunked":
            raise DeliveryError(
                "http_encoding",
                f"{self.uri}: is transferred as {coding[:40]!r}, not as asked",
            )
        text = headers.get("Content-Length")
        if text is None:
            return None
        lengths = {length.strip() for length in text.split(",")}
        length = lengths.pop()
        if lengths or not _COUNT.fullmatch(length):
            raise DeliveryError(
                "http_malformed",
                f"{self.uri}: {text[:40]!r} is not a length that can be checked",
            )
        return int(length)

    def _end_of_part(self, answer: BaseHTTPResponse, partial: _Partial) -> int:
        """How many bytes there are by the end of the part that was asked for."""
        again = f"{self.uri}: cannot be resumed"
        if answer.status == 206:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            first, last, whole = found.groups() if found else ("-1", "-1", "*")
            if partial.whole is None and whole != "*":
                partial.whole = int(whole)
            if (
                int(first) == partial.n_bytes <= int(last)
                and partial.whole is not None
                and int(last) < partial.whole
                and whole in ("*", str(partial.whole))
                and answer.headers.get("ETag", partial.etag) == partial.etag
            ):
                return int(last) + 1
            again = f"{self.uri}: sends another part than asked for"
        partial.etag = None
        raise _TryAgainError("http_truncated", again)

    def _read(
        self, answer: BaseHTTPResponse, partial: _Partial, dog: Watchdog, expected: int
    ) -> None:
        """Append the body to what has arrived, as far as it comes."""
        # As it comes, not in full chunks: else a drip would look like silence.
        chunks = iter(lambda: answer.read1(CHUNK), b"")
        with partial.path.open("r+b" if partial.n_bytes else "wb") as target:
            target.seek(partial.n_bytes)
            for chunk in spaced(chunks, partial.path.parent, self.uri, expected):
                dog.feed()
                target.write(chunk)
                partial.n_bytes += len(chunk)
                self._check_size(partial.n_bytes)
        # A connection that was shut may look like the end of the body.
        self._check_time(dog, None)

    def _check_size(self, n_bytes: int) -> None:
        """Raise DeliveryError if it is, or is announced as, more than is allowed."""
        if n_bytes > self.limits.max_bytes:
            raise DeliveryError(
                "http_too_large", f"{self.uri}: more than {self.limits.max_bytes:,} bytes"
            )

    def _check_time(self, dog: Watchdog, error: Exception | None) -> None:
        if not dog.has_bitten:
            return
        if dog.is_late:
            raise DeliveryError("http_too_slow", self._too_slow()) from error
        raise _TryAgainError("http_timeout", self._silence()) from error

    def _check_content(self, path: Path, headers: Mapping[str, str]) -> None:
        """Raise DeliveryError for a page of HTML, whatever it calls itself."""
        with path.open("rb") as stream:
            start = stream.read(1024)
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        if start and (
            kind in ("text/html", "application/xhtml+xml")
            or text.startswith((b"<!doctype html", b"<html"))
        ):
            raise DeliveryError(
                "http_not_csv",
                f"{self.uri}: answers with an HTML page instead of a file; open it in a "
                "browser to read it",
            )

    # ------------------------------------------------------------ trying again

    def _wait(self, error: _TryAgainError, tried: int, deadline: float) -> None:
        """Sleep before the next try; raise DeliveryError if there is to be none."""
        # Not all at once again, when many wait for one server.
        wait = self.limits.backoff * 2**tried * random.uniform(0.5, 1)  # noqa: S311
        wait = min(wait, self.limits.max_wait) if error.wait is None else error.wait
        detail = error.detail
        if tried + 1 >= self.limits.tries:
            detail = f"{detail} ({self.limits.tries} tries)"
        elif wait > self.limits.max_wait:
            detail = f"{detail}; it asks to wait {wait:.0f} seconds"
        elif time.monotonic() + wait > deadline:
            detail = f"{detail}; {self._too_slow()}"
        else:
            time.sleep(wait)
            return
        raise DeliveryError(error.reason, detail) from error

    def _too_slow(self) -> str:
        return f"{self.uri}: takes more than {self.limits.deadline:g} seconds"

    def _silence(self) -> str:
        return f"{self.uri}: sent nothing for {self.limits.read_timeout:g} seconds"

    def _complaint(self, error: urllib3.exceptions.HTTPError) -> tuple[str, str]:
        """A reason and a message, without what a URL may hide."""
        match error:
            case urllib3.exceptions.ReadTimeoutError():
                return "http_timeout", self._silence()
            case urllib3.exceptions.InvalidHeader():
                return "http_malformed", f"{self.uri}: sends lengths that disagree"
            case urllib3.exceptions.ProtocolError():
                return "http_truncated", f"{self.uri}: the connection broke off"
            case urllib3.exceptions.SSLError():
                why = re.sub(r"\s+", " ", str(error))[:200]
                return "http_unreachable", f"{self.uri}: no secure connection: {why}"
        return "http_unreachable", f"{self.uri}: cannot be reached"


# ---------------------------------------------------------------- helpers


def is_private(where: str) -> bool:
    """Whether an IP address is any but a public one, also in a wrapping."""
    found = ipaddress.ip_address(where)
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside:
            return is_private(str(inside))
        if found not in _GIVEN_OUT:
            return True
    is_special = any(found in network for network in _NO_SERVERS)
    return is_special or not found.is_global or found.is_multicast


def _resolve(host: str, port: int) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        raise _TryAgainError("http_unreachable", f"{host[:100]}: no such host") from error
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _moment(text: str | None) -> datetime | None:
    """A date of a header, in UTC."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone for."""
    text = headers.get("Retry-After", "")
    if _COUNT.fullmatch(text):
        return float(text)
    moment = _moment(text)
    return max(0, (moment - datetime.now(UTC)).total_seconds()) if moment else None
