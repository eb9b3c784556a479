"""Commands that land deliveries, and decide on those that were refused."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import IO

import click

from loaders.cli.arguments import SEQUENCE, Moment, Text
from loaders.cli.context import (
    EXIT_FAILED,
    EXIT_HELD,
    Settings,
    choose,
    forcing,
    reading,
    waits,
    writing,
)
from loaders.cli.outputs import new_file
from loaders.cli.polling import repeat
from loaders.cli.render import (
    counted,
    poll_line,
    publication_line,
    rehearsal_text,
    result_line,
    tell_set_aside,
)
from loaders.config.feeds import Feed, load_feeds
from loaders.config.paths import Paths, require_checkout
from loaders.errors import UsageError
from loaders.landing import ingest, ledger
from loaders.landing.checks.coverage import Dates
from loaders.landing.demo_data import check_kind
from loaders.landing.dry_run import rehearse
from loaders.landing.ingest import Taken
from loaders.landing.land import accept as accept_delivery
from loaders.landing.rejects import Reject, open_rejects
from loaders.landing.replay import replay as replay_rejects
from loaders.landing.untaken import Untaken, untaken, untaken_lines
from loaders.landing.withdraw import undo as undo_withdrawal
from loaders.landing.withdraw import withdraw as withdraw_delivery
from loaders.publishing.build import build as build_landed
from loaders.publishing.recovery import recover as recover_lost
from loaders.publishing.run_dbt import Dbt
from loaders.publishing.spreadsheets import neutral
from loaders.sources.base import Offer
from loaders.terminal import printable

Offers = list[tuple[Feed, Offer]]


covering = click.option(
    "--covers",
    type=(Moment(["%Y-%m-%d"]), Moment(["%Y-%m-%d"])),
    metavar="FROM TO",
    help="The first and the last date that the delivery covers, if it is only a part of "
    "the window. Events outside these dates stay unchanged.",
    callback=lambda _context, _option, dates: _dates_covered(dates),
)


@click.command()
@waits
@click.pass_obj
def init(settings: Settings) -> None:
    """Create the landing database, with an empty table per feed, and dbt's folder."""
    paths, _ = settings
    # dbt attaches landing and creates its own files, but not the folder they are in.
    paths.build.parent.mkdir(0o700, parents=True, exist_ok=True)
    with writing(settings):
        pass


@click.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--as-of",
    type=Moment(),
    help="The date that the delivery describes, if neither the file nor its name gives it.",
)
@covering
@waits
@click.pass_obj
def land(
    settings: Settings,
    feed_name: str | None,
    sources: tuple[str, ...],
    as_of: datetime | None,
    covers: Dates | None,
) -> None:
    """Land new deliveries of all feeds or of one FEED, or the SOURCEs that you name.

    A SOURCE is a file, a zip or gzip, a glob, a folder, https://..., s3://bucket/key,
    s3://bucket/prefix/, or - for standard input.
    """
    with writing(settings) as (warehouse, feeds):
        chosen = choose(feeds, feed_name)
        if as_of and not sources:
            raise UsageError("--as-of needs the SOURCEs that it applies to")
        if covers and not sources:
            raise UsageError("--covers needs the SOURCEs that it applies to")
        if "-" in sources and not as_of and not chosen[0].as_of.newest:
            raise UsageError("standard input has no file name with a date; give --as-of")
        if not sources:
            _tell_untaken(untaken(warehouse.paths, feeds.values(), chosen))
        taken = []
        offers = _offers(warehouse.paths, chosen, sources)
        if not sources:
            check_kind(warehouse.paths, warehouse.landing, (of for _, of in offers))
        for feed, offer in _progress(offers):
            # A named file is always read; a remote source only if it has changed.
            again = bool(sources) and (offer.is_local or bool(as_of or covers))
            taken.append(
                ingest.take(warehouse, feed, offer, as_of, covers=covers, again=again)
            )
            _tell(taken[-1])
    if n_unchanged := sum(not one.entries for one in taken):
        click.echo(f"unchanged   {n_unchanged} files that were already processed")
    _exit_by([entry.status for one in taken for entry in one.entries])


@click.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--every",
    default="60s",
    show_default=True,
    callback=lambda _context, _option, text: _seconds(text),
    help="How often to look: 30s, 5m, 1h.",
)
@click.option("--build", "builds", is_flag=True, help="Build and publish what landed.")
@click.pass_obj
def watch(
    settings: Settings,
    feed_name: str | None,
    sources: tuple[str, ...],
    every: float,
    builds: bool,
) -> None:
    """Look for new deliveries at intervals and land them, until SIGTERM or Ctrl-C.

    FEED and SOURCEs are as for `land`. A file lands when it has not changed since the
    poll before. Between polls other processes can use the landing database.
    """
    paths, feeds_file = settings
    feeds = load_feeds(feeds_file)
    _offers(paths, choose(feeds, feed_name), sources, may_be_missing=True)
    if "-" in sources:
        raise UsageError("standard input can be read only once; use: eventmart land FEED -")
    if builds:
        require_checkout("a build")
    command = click.get_current_context().command_path
    is_built = not builds
    seen: dict[str, str | None] = {}
    told: set[Untaken] = set()

    def poll() -> None:
        nonlocal is_built, seen, told
        with writing(settings) as (warehouse, feeds):
            chosen = choose(feeds, feed_name)
            if not sources:
                found = untaken(paths, feeds.values(), chosen)
                _tell_untaken(one for one in found if one not in told)
                told = set(found)
            offers = _offers(paths, chosen, sources, may_be_missing=True)
            if not sources:
                check_kind(paths, warehouse.landing, (of for _, of in offers))
            # A file that changed since the poll before may still be written to.
            taken = [
                ingest.take(warehouse, feed, offer)
                for feed, offer in offers
                if not offer.is_local or seen.get(offer.uri) == offer.stamp
            ]
            seen = {offer.uri: offer.stamp for _, offer in offers}
        new = [entry for one in taken if one.is_new for entry in one.entries]
        if new:
            click.echo(poll_line(new))
        for entry in new:
            if entry.status not in ledger.SETTLED:
                click.echo(result_line(entry), err=True)
        if builds and new:
            is_built = False
        if not is_built:
            published = build_landed(paths, command=command, dbt=dbt)
            is_built = True
            if published:
                click.echo(publication_line(paths, *published))
                tell_set_aside(paths)

    # One process of dbt for all builds: its start takes longer than most of them.
    with closing(Dbt(paths)) as dbt:
        repeat(poll, every)


@click.command()
@click.argument("delivery", type=SEQUENCE)
@click.option("--by", type=Text(), required=True, help="Who accepts it.")
@click.option("--why", type=Text(), required=True, help="On what grounds.")
@waits
@click.pass_obj
def accept(settings: Settings, delivery: int, by: str, why: str) -> None:
    """Accept a held DELIVERY (its number in the ledger) and land it."""
    with writing(settings) as (warehouse, feeds):
        entry = accept_delivery(warehouse, feeds, delivery, by, why)
    click.echo(result_line(entry))
    _exit_by([entry.status])


@click.command()
@click.argument("delivery", type=SEQUENCE)
@click.option("--by", type=Text(), required=True, help="Who decides this.")
@click.option("--why", type=Text(), required=True, help="On what grounds.")
@click.option("--undo", is_flag=True, help="Put the delivery back.")
@waits
@click.pass_obj
def withdraw(settings: Settings, delivery: int, by: str, why: str, undo: bool) -> None:
    """Take a landed DELIVERY (its number in the ledger) out again.

    After the next build, all tables are as if it had not landed. Its rows and bytes are
    kept.
    """
    with writing(settings) as (warehouse, _):
        take = undo_withdrawal if undo else withdraw_delivery
        click.echo(result_line(take(warehouse, delivery, by, why)))


@click.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.option("--delivery", type=SEQUENCE, help="Only records of this delivery of FEED.")
@waits
@click.pass_obj
def replay(settings: Settings, feed_name: str | None, delivery: int | None) -> None:
    """After a fix of a feed's settings, land rejected records that can be read now."""
    if delivery and not feed_name:
        raise UsageError("--delivery needs the FEED that it belongs to")
    entries = []
    with writing(settings) as (warehouse, feeds):
        for feed in choose(feeds, feed_name):
            for entry in replay_rejects(warehouse, feed, delivery):
                click.echo(result_line(entry))
                entries.append(entry)
    if not entries:
        click.echo("no rejected record can be read with the present settings")


@click.command()
@waits
@click.pass_obj
def recover(settings: Settings) -> None:
    """Land published deliveries that are missing in landing, from their kept bytes.

    Use it after landing.duckdb was restored from a backup, or created again. It lands the
    deliveries that a kept version was made from, each with its old as-of and acceptance.
    """
    statuses = []
    with writing(settings) as (warehouse, feeds):
        for entry in recover_lost(warehouse, feeds):
            is_settled = entry.status in ledger.SETTLED
            click.echo(result_line(entry), err=not is_settled)
            statuses.append(entry.status)
    if not statuses:
        click.echo("no published delivery is missing here")
    _exit_by(statuses)


@click.command()
@click.argument("feed_name", metavar="FEED")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@click.option("--as-of", type=Moment(), help="As for land.")
@covering
@waits
@click.pass_obj
def diff(
    settings: Settings,
    feed_name: str,
    sources: tuple[str, ...],
    as_of: datetime | None,
    covers: Dates | None,
) -> None:
    """Show what the SOURCEs would change if they landed; nothing lands."""
    statuses = []
    with writing(settings) as (warehouse, feeds):
        (feed,) = choose(feeds, feed_name)
        for offer in ingest.named(feed, sources):
            for rehearsal in rehearse(warehouse, feed, offer, as_of, covers):
                click.echo(rehearsal_text(rehearsal))
                statuses.append(rehearsal.entry.status)
    _exit_by(statuses)


@click.command()
@click.option("--feed", "feed_name", type=Text(), help="Only records of this feed.")
@click.option("--delivery", type=SEQUENCE, help="Only records of this delivery.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many records to list.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    help="Write the raw bytes of all records to a file, in order.",
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Write all records, with place and reason, to a CSV for a spreadsheet; a text "
    "that begins like a formula gets a ' in front.",
)
@forcing
@waits
@click.pass_obj
def rejects(
    settings: Settings,
    feed_name: str | None,
    delivery: int | None,
    limit: int,
    export: Path | None,
    sheet: Path | None,
    force: bool,
) -> None:
    """List rejected records, without replayed ones: place, reason and raw text."""
    paths, _ = settings
    if export and sheet and export.resolve() == sheet.resolve():
        raise UsageError(f"{export}: --export and --sheet need two different files")
    n_found = 0
    with reading(paths) as landing, ExitStack() as files:

        def opened(file: Path) -> IO[bytes]:
            # Rejected records may be personal.
            new = new_file(paths, file, force=force, mode=0o600)
            return files.enter_context(new)

        raw_file = opened(export) if export else None
        table = None
        if sheet:
            text_file = io.TextIOWrapper(opened(sheet), "utf-8", newline="")
            files.callback(text_file.detach)
            table = csv.writer(text_file)
            table.writerow(["delivery", *Reject._fields[1:-1], "text"])
        for n_found, reject in enumerate(open_rejects(landing, feed_name, delivery), 1):
            text = reject.raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
            if raw_file:
                ended = reject.raw[-1:] in b"\r\n"
                raw_file.write(reject.raw if ended else reject.raw + b"\n")
            if table:
                table.writerow(neutral(cell) for cell in (*reject[:-1], text))
            if not export and not sheet and n_found <= limit:
                name = Path(reject.uri).name
                label = f"{name}:{reject.member}" if reject.member else name
                place = f"{reject.feed} {label} (delivery {reject.delivery_seq}) line "
                place += f"{reject.line}, byte {reject.byte_offset}"
                click.echo(printable(f"{place}: {reject.reason}: {reject.detail}"))
                click.echo(printable(f"    {text[:200]}"))
    written = " and ".join(str(file) for file in (export, sheet) if file)
    where = f"written to {written}" if written else f"{min(n_found, limit)} shown"
    click.echo(f"{counted(n_found, 'rejected record')}, {where}")


def _tell(taken: Taken) -> None:
    for entry in taken.entries:
        line = result_line(entry)
        click.echo(
            line if taken.is_new else f"still {line}",
            err=entry.status not in ledger.SETTLED,
        )


def _dates_covered(given: tuple[datetime, datetime] | None) -> Dates | None:
    """The dates of --covers.

    Raises:
        click.BadParameter: if the last comes before the first.
    """
    if given is None:
        return None
    first, last = (moment.date() for moment in given)
    if first > last:
        raise click.BadParameter(f"{first} is after {last}; give the earlier date first")
    return first, last


def _tell_untaken(found: Iterable[Untaken]) -> None:
    for line in untaken_lines(found):
        click.echo(printable(line))


def _exit_by(statuses: list[str]) -> None:
    """Exit with the code of the worst status, if a delivery failed or is held."""
    if "failed" in statuses:
        sys.exit(EXIT_FAILED)
    if "held" in statuses:
        sys.exit(EXIT_HELD)


def _offers(
    paths: Paths,
    chosen: list[Feed],
    sources: tuple[str, ...],
    *,
    may_be_missing: bool = False,
) -> Offers:
    """What can be taken from the named sources, or from those in the feeds' settings."""
    if sources:
        feed = chosen[0]
        found = [
            (feed, offer)
            for offer in ingest.named(feed, sources, may_be_missing=may_be_missing)
        ]
        missing = f"{', '.join(sources)}: nothing was found there"
    else:
        found = [
            (feed, offer)
            for feed in chosen
            for offer in ingest.configured(feed, paths.inbox)
        ]
        names = ", ".join(feed.name for feed in chosen)
        lacking = f"has no file of {names}" if paths.inbox.is_dir() else "is no folder"
        missing = f"{paths.inbox}: {lacking}; name files, or set EVENTMART_INBOX"
    is_remote = not sources and any(feed.remote_sources or feed.query for feed in chosen)
    if not found and not is_remote and not may_be_missing:
        raise UsageError(missing)
    return found


def _progress(todo: Offers) -> Iterator[tuple[Feed, Offer]]:
    """Go through the offers with a progress bar, if somebody is watching."""
    watched = sys.stderr.isatty() and len(todo) > 1
    with click.progressbar(
        todo,
        label="landing",
        file=sys.stderr,
        hidden=not watched,
        item_show_func=lambda item: printable(item[1].uri[-60:]) if item else "",
    ) as bar:
        yield from bar


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,5})([smh]?)", text)
    if not found or int(found[1]) == 0:
        raise click.BadParameter("expected a time such as 30s, 5m or 1h")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]
