"""Objects of S3, or of anything that speaks like it.

What is there is found by listing, never by what events say. Credentials, region and
endpoint come from the environment, as boto3 reads it.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loaders.disk import spaced
from loaders.errors import DeliveryError
from loaders.sources.base import Fetched, Offer, failing, scratch_file
from loaders.sources.watchdog import Watchdog

CHUNK = 1 << 16
TRIES = 3
# Seconds without a page or a chunk, and for a listing or an object as a whole.
PATIENCE, DEADLINE = 60, 3600
# A page of a listing has a thousand keys of 1,024 bytes at most, by default.
MAX_ANSWER_BYTES = 16 << 20
MAX_OBJECTS, MAX_PAGES = 200_000, 2_000
# What S3 answers, as we say it and with what to do about it.
_CODES = {
    "NoSuchBucket": ("s3_no_bucket", "there is no such bucket at this endpoint"),
    "NoSuchKey": ("s3_no_key", "there is no such object"),
    "404": ("s3_no_key", "there is no such bucket or object"),
    "PreconditionFailed": ("being_written", "it was replaced while it was fetched"),
    "412": ("being_written", "it was replaced while it was fetched"),
} | dict.fromkeys(
    (
        "AccessDenied",
        "403",
        "Forbidden",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
    ),
    ("s3_denied", "these credentials may not read it; check AWS_* in the environment"),
)


@dataclass(frozen=True)
class _Object:
    """One object, as it is listed."""

    key: str
    etag: str
    size: int
    modified: str


def offers(source: str) -> Iterator[Offer]:
    """The object `s3://bucket/key`, or all below `s3://bucket/prefix/`, in key order."""
    bucket, _, key = source.partition("://")[2].partition("/")
    dog = Watchdog(PATIENCE)
    try:
        with _failures_named(source, dog):
            client = _client(dog)
            found = _listed(client, bucket, key, dog)
    except DeliveryError as error:
        yield failing(source, error)
        return
    for item in found:
        yield _offer(client, bucket, item, dog)


def _client(dog: Watchdog) -> Any:
    # Most landings need no S3, and boto3 takes a while to import.
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": TRIES}
    client = boto3.client(
        "s3", config=Config(retries=retries, connect_timeout=20, read_timeout=PATIENCE)
    )
    # Nothing public of boto3 says how long or how large an answer may be.
    pools = client._endpoint.http_session._pool_classes_by_scheme
    for scheme, pool in pools.items():
        guarded = _bounded(dog.guarded(pool.ConnectionCls))
        pools[scheme] = type("Guarded", (pool,), {"ConnectionCls": guarded})
    return client


def _bounded(kind: type[Any]) -> type[Any]:
    """A class of connections whose answers are not too large to be read whole.

    boto3 reads those whole that are no object: listings, errors.
    """

    class Bounded(kind):  # type: ignore[misc]
        def getresponse(self) -> Any:
            answer = super().getresponse()
            honest = answer.stream

            def stream(*arguments: Any, **more: Any) -> Iterator[bytes]:
                n_bytes = 0
                for chunk in honest(*arguments, **more):
                    n_bytes += len(chunk)
                    if n_bytes > MAX_ANSWER_BYTES:
                        raise ValueError(f"answers with over {MAX_ANSWER_BYTES:,} bytes")
                    yield chunk

            answer.stream = stream
            return answer

    return Bounded


def _listed(client: Any, bucket: str, key: str, dog: Watchdog) -> list[_Object]:
    if not key.endswith("/"):
        head = client.head_object(Bucket=bucket, Key=key)
        return [_object({**head, "Key": key, "Size": head.get("ContentLength")}, key)]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found: dict[str, _Object] = {}
    for number, page in enumerate(pages, start=1):
        dog.feed()
        # Any answer that is XML, or has no body at all, would be a list of nothing.
        if not isinstance(page.get("IsTruncated"), bool):
            raise ValueError("the server's answer is not a listing")
        for item in page.get("Contents", []):
            one = _object(item, key)
            found[one.key] = one
        if len(found) > MAX_OBJECTS or number > MAX_PAGES:
            raise DeliveryError(
                "s3_too_many",
                f"s3://{bucket}/{key}: lists over {MAX_OBJECTS:,} objects or "
                f"{MAX_PAGES:,} pages; name longer prefixes, with fewer objects",
            )
    # Consoles make folders of objects without bytes.
    return [found[name] for name in sorted(found) if not name.endswith("/")]


def _object(item: dict[str, Any], prefix: str) -> _Object:
    """What a server says of an object, if that can be."""
    match item:
        case {"Key": str(key), "ETag": str(etag), "Size": int(size), "LastModified": when}:
            is_short = len(key.encode()) <= 1024 and len(etag) <= 200
            if key.startswith(prefix) and is_short and size >= 0:
                return _Object(key, etag, size, when.isoformat())
    raise ValueError("the server lists something that cannot be an object here")


def _offer(client: Any, bucket: str, item: _Object, dog: Watchdog) -> Offer:
    uri = f"s3://{bucket}/{item.key}"
    # A listing does not tell versions; the time tells one from the next.
    stamp = json.dumps([item.etag, item.size, item.modified])

    def fetch(folder: Path, _last: str | None) -> Fetched:
        target = scratch_file(folder, item.key)
        n_bytes = 0
        with _failures_named(uri, dog):
            for _ in range(TRIES):
                answer = client.get_object(Bucket=bucket, Key=item.key, IfMatch=item.etag)
                n_bytes = _save(answer["Body"], target, uri, item.size, dog)
                if n_bytes == item.size:
                    return Fetched(target, stamp)
        told = "breaks off after" if n_bytes < item.size else "sends"
        raise DeliveryError(
            "s3_truncated", f"{uri}: {told} {n_bytes:,} of {item.size:,} bytes"
        )

    return Offer(uri, stamp, fetch)


def _save(body: Any, target: Path, uri: str, size: int, dog: Watchdog) -> int:
    """Write a body to a file as far as it comes; return how many bytes came."""
    from botocore import exceptions

    n_bytes = 0
    with (
        target.open("wb") as stream,
        suppress(
            exceptions.IncompleteReadError,
            exceptions.ReadTimeoutError,
            exceptions.ResponseStreamingError,
        ),
    ):
        for chunk in spaced(body.iter_chunks(CHUNK), target.parent, uri, size):
            dog.feed()
            n_bytes += stream.write(chunk)
            if n_bytes > size:
                break
    return n_bytes


@contextmanager
def _failures_named(uri: str, dog: Watchdog) -> Iterator[None]:
    """Turn what boto3 raises, or waits for, into one failure with what to do.

    It has no secrets.
    """
    from botocore import exceptions

    # What was cut short may look like anything, even like the end.
    late = DeliveryError(
        "s3_too_slow",
        f"{uri}: sent nothing for {PATIENCE} seconds, or takes more than {DEADLINE}",
    )
    try:
        with dog.watching(time.monotonic() + DEADLINE):
            try:
                yield
            except Exception as error:
                if dog.has_bitten:
                    raise late from error
                raise
            if dog.has_bitten:
                raise late
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))[:60]
        reason, why = _CODES.get(code, ("s3_error", f"S3 refuses it: {code}"))
        raise DeliveryError(reason, f"{uri}: {why}") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise DeliveryError(
            "s3_no_credentials",
            f"{uri}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or give this machine a role",
        ) from error
    except (exceptions.BotoCoreError, ValueError, RuntimeError) as error:
        # Also a bucket's name or an endpoint that can be none.
        why = " ".join(str(error).split())[:200]
        raise DeliveryError("s3_unreachable", f"{uri}: {why}") from error
