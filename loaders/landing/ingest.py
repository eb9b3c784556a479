"""Take what sources offer: fetch what is new, land it, remember that it is done."""

import hashlib
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from loaders import __version__
from loaders.config import urls
from loaders.config.feeds import Feed
from loaders.errors import DeliveryError, EventmartError
from loaders.files.kept_files import scratch
from loaders.landing import ledger
from loaders.landing.checks.coverage import Dates
from loaders.landing.database import Warehouse, is_full
from loaders.landing.land import land_file
from loaders.landing.ledger import Entry
from loaders.sources import http, local, postgres, s3
from loaders.sources.base import Fetched, Offer, failing

# After these no other offer would fare better.
_OF_ALL = (
    EventmartError,
    MemoryError,
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.InterruptException,
    duckdb.IOException,
    duckdb.OutOfMemoryException,
)


def named(
    feed: Feed, sources: Iterable[str], *, may_be_missing: bool = False
) -> list[Offer]:
    """What the caller named: files, globs, folders, URLs, or `-` for standard input.

    Args:
        feed: whose deliveries they are.
        sources: as written on the command line.
        may_be_missing: whether a file that is not there is no mistake, but yet to come.

    Raises:
        UsageError: if one of them names nothing, or nothing that can be fetched.
    """
    found: list[Offer] = []
    for source in sources:
        if source == "-":
            found.append(local.standard_input())
        elif urls.scheme(source):
            found += remote(source)
        else:
            try:
                found += local.named(source, feed)
            except local.NothingThereError:
                if not may_be_missing:
                    raise
    return found


def configured(feed: Feed, inbox: Path) -> list[Offer]:
    """What the settings of a feed name: inbox files by name, then URLs, then a query."""
    found = list(local.inbox(inbox, feed))
    for source in feed.remote_sources:
        found += remote(source)
    if feed.query:
        found.append(postgres.offer(feed.query))
    return list({offer.uri: offer for offer in found}.values())


def remote(source: str) -> list[Offer]:
    """What there is behind a URL; a failure, if that cannot be told.

    Raises:
        UsageError: if it is none that can be fetched.
    """
    urls.check(source)
    if urls.scheme(source) != "s3":
        return [http.Resource(source).offer()]
    try:
        return list(s3.offers(source))
    except _OF_ALL:
        raise
    except Exception as error:
        return [failing(source, _unexpected(error))]


@dataclass(frozen=True)
class Taken:
    """What became of an offer.

    Attributes:
        entries: its entries in the ledger: new ones, or those of an offer that was
            refused before and is the same; none if it was processed before.
        is_new: whether the entries are new ones.
    """

    entries: list[Entry]
    is_new: bool


def take(
    warehouse: Warehouse,
    feed: Feed,
    offer: Offer,
    given: datetime | None = None,
    *,
    covers: Dates | None = None,
    again: bool = False,
) -> Taken:
    """Fetch and land an offer, unless it is as it was when it was processed.

    What was refused is tried again when it has changed, when it might be judged in
    another way, and on another day; not at every poll. Whatever goes wrong with one
    offer keeps no other out: it is an entry of its own.

    Args:
        warehouse: where to.
        feed: whose delivery it is.
        offer: what a source has.
        given: the as-of by the caller's word, on the feed's clock.
        covers: the dates that it covers by the caller's word.
        again: whether to land it even if it was processed before.
    """
    try:
        return _take(warehouse, feed, offer, given, covers, again=again)
    except DeliveryError as error:
        return _fail(warehouse, feed, offer, error)
    except Exception as error:
        if _concerns_all(warehouse, error):
            raise
        return _fail(warehouse, feed, offer, _unexpected(error))


def _concerns_all(warehouse: Warehouse, error: Exception) -> bool:
    """Whether a failure is of the warehouse, its disk or its user, not of one offer."""
    if isinstance(error, OSError) and error.filename:
        place = Path(str(error.filename))
        is_delivered = place.is_relative_to(warehouse.paths.inbox)
        is_ours = place.is_relative_to(warehouse.paths.data) and not is_delivered
        return is_ours or is_full(error)
    is_interrupt = isinstance(error.__cause__, KeyboardInterrupt)
    return is_interrupt or is_full(error) or isinstance(error, _OF_ALL)


def _unexpected(error: Exception) -> DeliveryError:
    """A failure that nobody foresaw, with what a report of it needs."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    # What stands in quotes may be a value of the file, and what follows all of a record.
    text = re.sub(r"(['\"`]).*\1", "'…'", str(error).partition("\n")[0])
    return DeliveryError(
        "unexpected_error",
        f"{type(error).__name__}: {text} ({Path(place.filename).name}, line "
        f"{place.lineno}); other deliveries are not affected; look at the file, and "
        "report this message with it",
    )


def _take(
    warehouse: Warehouse,
    feed: Feed,
    offer: Offer,
    given: datetime | None,
    covers: Dates | None,
    *,
    again: bool,
) -> Taken:
    landing = warehouse.landing
    judged_by = _judged_by(warehouse, feed)
    stamps = ledger.stamps(landing, feed.name, offer.uri)
    settled, refused = (None, None) if again else (stamps.get(None), stamps.get(judged_by))
    if offer.stamp and offer.stamp == settled:
        return Taken([], is_new=False)
    still = ledger.refused(landing, feed.name, offer.uri) if refused else []
    if still and offer.stamp == refused:
        return Taken(still, is_new=False)
    with scratch(warehouse.paths.fetched) as folder:
        fetched = offer.fetch(folder, settled)
        if fetched is None:
            return _well_again(warehouse, feed, offer)
        if still and fetched.stamp == refused:
            return Taken(still, is_new=False)
        entries = land_file(
            warehouse, feed, fetched.path, given, uri=offer.uri, covers=covers
        )
    _remember(warehouse, feed, offer, fetched, entries, judged_by, replaces=bool(stamps))
    return Taken(entries, is_new=True)


def _remember(
    warehouse: Warehouse,
    feed: Feed,
    offer: Offer,
    fetched: Fetched,
    entries: list[Entry],
    judged_by: str,
    *,
    replaces: bool,
) -> None:
    if fetched.stamp is None:
        return
    is_settled = all(entry.status in ledger.SETTLED for entry in entries)
    ledger.put_stamp(
        warehouse.landing,
        feed.name,
        offer.uri,
        fetched.stamp,
        refused_by=None if is_settled else judged_by,
        replaces=replaces,
    )


def _fail(warehouse: Warehouse, feed: Feed, offer: Offer, error: DeliveryError) -> Taken:
    """Enter a failure to fetch, unless the ledger's last word on it is the same."""
    for last in ledger.refused(warehouse.landing, feed.name, offer.uri):
        if (last.reason, last.detail) == (error.reason, error.detail):
            return Taken([last], is_new=False)
    entry = Entry(feed.name, feed.mode, offer.uri, reason=error.reason, detail=error.detail)
    return Taken([ledger.enter(warehouse.landing, entry)], is_new=True)


def _well_again(warehouse: Warehouse, feed: Feed, offer: Offer) -> Taken:
    """What has not changed is not entered, but where the last word on it was a failure."""
    landing = warehouse.landing
    refused = ledger.refused(landing, feed.name, offer.uri)
    sha256 = ledger.last_settled(landing, feed.name, offer.uri)
    entry = Entry(feed.name, feed.mode, offer.uri, sha256=sha256)
    is_failed = any(last.member is None for last in refused)
    seen = ledger.seen_again(landing, entry) if is_failed and sha256 else None
    if not seen:
        return Taken([], is_new=False)
    return Taken([ledger.enter(landing, seen)], is_new=True)


def _judged_by(warehouse: Warehouse, feed: Feed) -> str:
    """All that a refusal may hang on, beside the delivery itself."""
    grounds = [feed.model_dump_json(), __version__, f"{ledger.now():%Y-%m-%d}"]
    if feed.mode != "increment":
        # These are judged by their neighbours, too.
        grounds.append(str(ledger.next_numbers(warehouse.landing)[1]))
    return hashlib.sha256("\0".join(grounds).encode()).hexdigest()[:16]
