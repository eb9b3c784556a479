"""Take object-created events of S3 as a hint to look; what is there is what lands."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from loaders import intake
from loaders.errors import UsageError
from loaders.feeds import FEEDS_FILE, load_feeds
from loaders.landing import Warehouse
from loaders.ledger import Entry
from loaders.paths import Paths
from loaders.warehouse import create_tables, open_landing


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
            intake.take(warehouse, feed, offer)
            for feed, source in wanted
            for offer in intake.remote(source)
        ]
    return [entry for one in taken if one.is_new for entry in one.entries]


def objects_of(event: Mapping[str, Any]) -> Iterator[str]:
    """The objects that an event is about, as `s3://bucket/key`.

    Raises:
        UsageError: if it is of no known form.
    """
    match event:
        case {"Records": [*records]}:
            for record in records:
                yield from objects_of(record)
        case {"s3": {"bucket": {"name": bucket}, "object": {"key": key}}}:
            # In these, and in these only, keys are encoded as in a URL's query.
            yield f"s3://{bucket}/{unquote_plus(key)}"
        case {"source": "aws.s3", "detail": detail}:
            yield f"s3://{detail['bucket']['name']}/{detail['object']['key']}"
        case (
            {"Sns": {"Message": str(text)}}
            | {"body": str(text)}
            | {
                "Type": "Notification",
                "Message": str(text),
            }
        ):
            yield from objects_of(json.loads(text))
        case {"Event": "s3:TestEvent"}:
            return
        case _:
            raise UsageError(f"not an event of S3: {', '.join(map(str, event))[:200]}")
