"""Objects of S3, or of anything that speaks like it.

What is there is found by listing, never by what events say. Credentials, region and
endpoint come from the environment, as boto3 reads it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from loaders.errors import DeliveryError
from loaders.sources.offer import Fetched, Offer, failing, scratch_file

CHUNK = 1 << 20
TRIES = 3
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


def offers(source: str) -> Iterator[Offer]:
    """The object `s3://bucket/key`, or all below `s3://bucket/prefix/`, in key order."""
    bucket, _, key = source.partition("://")[2].partition("/")
    try:
        with _failures_named(source):
            client = _client()
            found = _listed(client, bucket, key)
    except DeliveryError as error:
        yield failing(source, error)
        return
    for item in found:
        yield _offer(client, bucket, item)


def _client() -> Any:
    # Most landings need no S3, and boto3 takes a while to import.
    import boto3
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": TRIES}
    return boto3.client(
        "s3", config=Config(retries=retries, connect_timeout=20, read_timeout=60)
    )


def _listed(client: Any, bucket: str, key: str) -> list[dict[str, Any]]:
    if not key.endswith("/"):
        head = client.head_object(Bucket=bucket, Key=key)
        return [{**head, "Key": key, "Size": head["ContentLength"]}]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    found = [item for page in pages for item in page.get("Contents", [])]
    # Consoles make folders of objects without bytes.
    files = [item for item in found if not item["Key"].endswith("/")]
    return sorted(files, key=lambda item: str(item["Key"]))


def _offer(client: Any, bucket: str, item: dict[str, Any]) -> Offer:
    key, etag, size = item["Key"], item["ETag"], item["Size"]
    uri = f"s3://{bucket}/{key}"
    # A listing does not tell versions; the time tells one from the next.
    stamp = json.dumps([etag, size, item["LastModified"].isoformat()])

    def fetch(folder: Path, _last: str | None) -> Fetched:
        target = scratch_file(folder, key)
        n_bytes = 0
        for _ in range(TRIES):
            with _failures_named(uri):
                answer = client.get_object(Bucket=bucket, Key=key, IfMatch=etag)
                n_bytes = _save(answer["Body"], target)
            if n_bytes == size:
                return Fetched(target, stamp)
        raise DeliveryError(
            "s3_truncated", f"{uri}: breaks off after {n_bytes:,} of {size:,} bytes"
        )

    return Offer(uri, stamp, fetch)


def _save(body: Any, target: Path) -> int:
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
        for chunk in body.iter_chunks(CHUNK):
            n_bytes += stream.write(chunk)
    return n_bytes


@contextmanager
def _failures_named(uri: str) -> Iterator[None]:
    """Turn what boto3 raises into one failure with what to do, without secrets."""
    from botocore import exceptions

    try:
        yield
    except exceptions.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))
        reason, why = _CODES.get(code, ("s3_error", f"S3 refuses it: {code}"))
        raise DeliveryError(reason, f"{uri}: {why}") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise DeliveryError(
            "s3_no_credentials",
            f"{uri}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or give this machine a role",
        ) from error
    except (exceptions.BotoCoreError, ValueError) as error:
        # Also a bucket's name or an endpoint that can be none.
        why = " ".join(str(error).split())[:200]
        raise DeliveryError("s3_unreachable", f"{uri}: {why}") from error
