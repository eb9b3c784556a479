"""Addresses of remote sources: what they may be, and how they may be shown."""

import re
from urllib.parse import unquote_plus, urlsplit

from loaders.errors import UsageError

SCHEMES = ("https", "http", "s3")
_SECRET = re.compile(
    r"sig|token|key|secret|pass|pwd|auth|cred|session|jwt|\bcode\b|\bsas\b", re.IGNORECASE
)


def scheme(source: str) -> str | None:
    """The scheme of a URL in lower case; None for anything else, such as a path."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", source)
    return found[1].lower() if found else None


def check(source: str) -> None:
    """Check the address of a remote source.

    Raises:
        UsageError: if its kind is not fetched, it names no host or bucket, or it holds
            credentials.
    """
    kind = scheme(source)
    if kind not in SCHEMES:
        raise UsageError(
            f"{masked(source)}: {kind}:// is not supported; give a path, or one of "
            f"{', '.join(f'{name}://' for name in SCHEMES)}"
        )
    if kind == "s3":
        bucket, _, key = source[5:].partition("/")
        if not bucket or not key:
            raise UsageError(f"{source}: expected s3://bucket/key or s3://bucket/prefix/")
        return
    try:
        parts = urlsplit(source)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{kind}://...: is not a URL: {error}") from error
    if "@" in parts.netloc:
        raise UsageError(
            f"{masked(source)}: holds credentials; put them into ~/.netrc, or into a "
            "file that $NETRC names"
        )
    if not host:
        raise UsageError(f"{masked(source)}: has no host")


def masked(url: str) -> str:
    """A URL without what may be a secret: user, fragment, values of telling names."""
    start, _, rest = url.partition("://")
    rest = rest.partition("#")[0]
    place, mark, query = rest.partition("?")
    host, slash, path = place.partition("/")
    host = host.rpartition("@")[2]
    fields = [_field(text) for text in query.split("&")]
    return f"{start}://{host}{slash}{path}{mark}{'&'.join(fields)}"


def _field(text: str) -> str:
    name, equals, _ = text.partition("=")
    return f"{name}=***" if equals and _SECRET.search(unquote_plus(name)) else text
