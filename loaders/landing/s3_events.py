"""Take object-created events of S3 as a hint to look; what is there is what lands."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from loaders.config.feeds import FEEDS_FILE, load_feeds
from loaders.config.paths import Paths
from loaders.errors import UsageError, listed
from loaders.landing import ingest
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.ledger import Entry
from loaders.landing.schema import create_tables


def handle_event(event: Mapping[str, Any], feeds_file: Path = FEEDS_FILE) -> list[Entry]:
    """Land what is new in the sources that an event is about.

    An event that comes twice, late or out of order changes nothing, and what a lost one
    was about lands with the next.

    Args:
        event: an event of S3, as it is, or as SNS, SQS or EventBridge deliver it.
        feeds_file: the settings whose `sources` name the buckets.

    Returns:
        The ledger's new entries.

    Raises:
        UsageError: if the event is of no known form.
        BusyError: if somebody else is landing: have the event delivered again.
    """
    paths, feeds = Paths.from_environment(), load_feeds(feeds_file)
    objects = set(objects_of(event))
    wanted = [
        (feed, source)
        for feed in feeds.values()
        for source in feed.remote_sources
        if any(uri.startswith(source) for uri in objects)
    ]
    if not wanted:
        return []
    with open_landing(paths.landing) as landing:
        create_tables(landing, feeds)
        warehouse = Warehouse(landing, paths)
        taken = [
            ingest.take(warehouse, feed, offer)
            for feed, source in wanted
            for offer in ingest.remote(source)
        ]
    return [entry for one in taken if one.is_new for entry in one.entries]


# A message in a message in a message: SQS of SNS of S3 are three.
_MAX_DEPTH = 10


def objects_of(event: object, depth: int = 0) -> Iterator[str]:
    """The objects that an event is about, as `s3://bucket/key`.

    Raises:
        UsageError: if it is of no known form.
    """
    if depth > _MAX_DEPTH:
        raise UsageError("not an event of S3: too deep")
    match event:
        case {"Records": [*records]}:
            for record in records:
                yield from objects_of(record, depth + 1)
        case {"s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}}:
            # In these, and in these only, keys are encoded as in a URL's query.
            yield f"s3://{bucket}/{unquote_plus(key)}"
        case {
            "source": "aws.s3",
            "detail": {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}},
        }:
            yield f"s3://{bucket}/{key}"
        case (
            {"Sns": {"Message": str(text)}}
            | {"body": str(text)}
            | {
                "Type": "Notification",
                "Message": str(text),
            }
        ):
            try:
                inner = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UsageError("not an event of S3: its message is not JSON") from error
            yield from objects_of(inner, depth + 1)
        case {"Event": "s3:TestEvent"}:
            return
        case {**fields}:
            names = [str(name) for name in fields]
            raise UsageError(f"not an event of S3: {listed(names, 10)}")
        case _:
            raise UsageError(f"not an event of S3: {type(event).__name__}")
