"""The command line: `eventmart`, or `python -m loaders`.

Exit codes: 0 all well; 1 something failed; 2 the call or the settings are wrong;
3 a delivery is held; 4 a delivery cannot be read; 5 the warehouse is busy; 130, 143
interrupted by Ctrl-C or SIGTERM.
"""

import csv
import io
import logging
import re
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import IO, NoReturn

import click
import duckdb

from loaders import __version__, chain, intake, ledger
from loaders import publish as publishing
from loaders.answers import answer_all
from loaders.arguments import SEQUENCE, YEARS, Finite, Moment, Text, Whole
from loaders.build import build as build_landed
from loaders.build import build_as_of, build_redefined, publish_built
from loaders.coverage import Dates
from loaders.demo_data import check_kind, check_may_hold_demo
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.feed_commands import feed as feed_group
from loaders.feeds import FEEDS_FILE, Feed, load_feeds
from loaders.impact import impact_lines, read_impact
from loaders.intake import Taken
from loaders.landing import Warehouse
from loaders.landing import accept as accept_delivery
from loaders.outputs import check_place, new_file, whole_file
from loaders.paths import Paths, require_checkout
from loaders.progress import Progress
from loaders.recover import find_fork
from loaders.recover import recover as recover_lost
from loaders.rehearse import rehearse
from loaders.rejects import Reject, open_rejects
from loaders.replay import replay as replay_rejects
from loaders.set_aside import mostly_set_aside, set_aside_line
from loaders.sources.offer import Offer
from loaders.spreadsheets import neutral
from loaders.tell import (
    counted,
    poll_line,
    printable,
    publication_line,
    rehearsal_text,
    result_line,
    tell_published,
    tell_served_at,
    tell_versions,
)
from loaders.trace import trace as trace_key
from loaders.untaken import Untaken, untaken, untaken_lines
from loaders.warehouse import create_tables, has_tables, migrate, open_landing
from loaders.watch import repeat
from loaders.withdraw import undo as undo_withdrawal
from loaders.withdraw import withdraw as withdraw_delivery

EXIT_HELD, EXIT_FAILED = 3, 4
Settings = tuple[Paths, Path]  # the data folder and the feed settings file
# A reader waits this many seconds for a landing or a build to end.
PATIENCE = 5
Offers = list[tuple[Feed, Offer]]


class Commands(click.Group):
    """A group whose expected failures are one clear message and an exit code."""

    def invoke(self, context: click.Context) -> object:
        """Run a command; say what went wrong, without a stack, if it was foreseen.

        SIGTERM ends it as Ctrl-C does: what is open is rolled back and cleaned up.
        """
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            _leave_interrupted(context, error)
        except RuntimeError as error:
            # So says DuckDB of an interrupt that comes during a statement.
            if not isinstance(error.__cause__, KeyboardInterrupt):
                raise
            _leave_interrupted(context, error.__cause__)
        except click.UsageError as error:
            # Words of a call may be names of files, by a glob.
            said = map(printable, error.format_message().split("\n"))
            raise click.UsageError("\n".join(said), error.ctx) from error
        except EventmartError as error:
            click.echo(f"error: {printable(str(error))}", err=True)
            context.exit(error.exit_code)
        except duckdb.Error as error:
            click.echo(f"error: the database refused: {printable(str(error))}", err=True)
            is_busy = "could not set lock" in str(error).lower()
            context.exit(BusyError.exit_code if is_busy else EventmartError.exit_code)
        except BrokenPipeError:
            raise
        except OSError as error:
            click.echo(f"error: {printable(str(error))}", err=True)
            context.exit(EventmartError.exit_code)
        finally:
            signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _leave_interrupted(context: click.Context, interrupt: KeyboardInterrupt) -> NoReturn:
    click.echo("interrupted: what was not finished has left no trace", err=True)
    context.exit(128 + (interrupt.args[0] if interrupt.args else signal.SIGINT))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--feeds",
    "feeds_file",
    type=click.Path(path_type=Path),
    default=FEEDS_FILE,
    help="Feed settings to use instead of the project's feeds.yml.",
)
@click.pass_context
def main(context: click.Context, feeds_file: Path) -> None:
    """From raw CSV drops to event facts you can trust.

    Reads $EVENTMART_DATA (the data folder, default data/) and $EVENTMART_INBOX (where
    deliveries arrive, default the demo data in it).

    Exit codes: 0 all well, 1 something failed, 2 wrong call or settings, 3 a delivery
    is held, 4 a delivery cannot be read, 5 the warehouse is busy, 130 or 143
    interrupted.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    context.obj = (Paths.from_environment(), feeds_file)


# How long to wait for another command that writes what this one writes or reads.
waits = click.option(
    "--wait",
    type=Finite(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait so long for another process to let go of the data.",
    expose_value=False,
    callback=lambda context, _, seconds: context.meta.update(wait=seconds),
)


covering = click.option(
    "--covers",
    type=(Moment(["%Y-%m-%d"]), Moment(["%Y-%m-%d"])),
    metavar="FROM TO",
    help="The first and the last date that the delivery speaks for, if it is a part of "
    "the window: outside of them its absences mean nothing.",
    callback=lambda _context, _option, dates: _dates_covered(dates),
)
forcing = click.option("--force", is_flag=True, help="Replace a file that is there.")


@main.command()
@waits
@click.pass_obj
def init(settings: Settings) -> None:
    """Create the landing database, with an empty table per feed, and dbt's folder."""
    paths, _ = settings
    # dbt attaches landing and creates its own files, but not the folder they are in.
    paths.build.parent.mkdir(0o700, parents=True, exist_ok=True)
    with _writing(settings):
        pass


@main.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--as-of",
    type=Moment(),
    help="The date that the delivery speaks for, if neither it nor its name says so.",
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
    """Land deliveries: all that is new, or of one FEED, or the SOURCEs named.

    A SOURCE is a file, a zip or gzip, a glob, a folder, https://..., s3://bucket/key,
    s3://bucket/prefix/, or - for standard input.
    """
    with _writing(settings) as (warehouse, feeds):
        chosen = _chosen(feeds, feed_name)
        if as_of and not sources:
            raise UsageError("--as-of goes with the SOURCEs that it is about")
        if covers and not sources:
            raise UsageError("--covers goes with the SOURCEs that it is about")
        if "-" in sources and not as_of and not chosen[0].as_of.newest:
            raise UsageError("standard input has no name to date it by; give --as-of")
        if not sources:
            _tell_untaken(untaken(warehouse.paths, feeds.values(), chosen))
        taken = []
        offers = _offers(warehouse.paths, chosen, sources)
        if not sources:
            check_kind(warehouse.paths, warehouse.landing, (of for _, of in offers))
        for feed, offer in _progress(offers):
            # Who names a file wants it read; what is far away only if it is news.
            anew = bool(sources) and (offer.is_local or bool(as_of or covers))
            taken.append(
                intake.take(warehouse, feed, offer, as_of, covers=covers, anew=anew)
            )
            _tell(taken[-1])
    if n_unchanged := sum(not one.entries for one in taken):
        click.echo(f"unchanged   {n_unchanged} files that were dealt with before")
    _exit_by([entry.status for one in taken for entry in one.entries])


@main.command()
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
    """Land what is new, again and again, until SIGTERM or Ctrl-C.

    FEED and SOURCEs are as for `land`. A file is taken when it is as it was at the poll
    before. Between the polls the landing database is free.
    """
    paths, feeds_file = settings
    feeds = load_feeds(feeds_file)
    _offers(paths, _chosen(feeds, feed_name), sources, may_be_missing=True)
    if "-" in sources:
        raise UsageError("standard input comes once; use: eventmart land FEED -")
    if builds:
        require_checkout("a build")
    command = click.get_current_context().command_path
    is_built = not builds
    seen: dict[str, str | None] = {}
    told: set[Untaken] = set()

    def poll() -> None:
        nonlocal is_built, seen, told
        with _writing(settings) as (warehouse, feeds):
            chosen = _chosen(feeds, feed_name)
            if not sources:
                found = untaken(paths, feeds.values(), chosen)
                _tell_untaken(one for one in found if one not in told)
                told = set(found)
            offers = _offers(paths, chosen, sources, may_be_missing=True)
            if not sources:
                check_kind(paths, warehouse.landing, (of for _, of in offers))
            # A file that was another at the poll before may still be written to.
            taken = [
                intake.take(warehouse, feed, offer)
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
            published = build_landed(paths, command=command)
            is_built = True
            if published:
                click.echo(publication_line(paths, *published))
                _say_set_aside(paths)

    repeat(poll, every)


@main.command()
@click.option(
    "--if-redefined",
    is_flag=True,
    help="Only if models, seeds or macros changed, and no delivery came, since what is "
    "published: so that what they move stands apart in reports.rpt_metric_changes.",
)
@waits
@click.pass_obj
def build(settings: Settings, if_redefined: bool) -> None:
    """Build, test and publish what has landed, with its docs.

    If most rows of a feed, or of a delivery, are in no fact, it says why and exits with 3.
    """
    require_checkout("a build")
    paths, _ = settings
    progress = Progress()
    builds = build_redefined if if_redefined else build_landed
    published = builds(paths, progress, patience=_patience())
    if published:
        for line in progress.lines():
            click.echo(line, err=True)
        click.echo(publication_line(paths, *published))
        _, is_new = published
        if is_new and not if_redefined:
            served = paths.published / paths.build.name
            for line in impact_lines(read_impact(served)):
                click.echo(printable(line))
    elif not if_redefined:
        click.echo("nothing new: what is published is of this very landing and project")
    if not if_redefined and _say_set_aside(paths):
        sys.exit(EXIT_HELD)


@main.command()
@click.argument("day", metavar="DAY", type=Moment(["%Y-%m-%d"]))
@waits
@click.pass_obj
def as_of(settings: Settings, day: datetime) -> None:
    """Build, in a file of its own, what was true at the end of a DAY.

    Every table, from the deliveries that speak for that day or an earlier one, whenever
    they came. What was published on a day is another question: eventmart published DAY.
    """
    require_checkout("a build")
    paths, _ = settings
    file = build_as_of(paths, day.date(), Progress(), patience=_patience())
    click.echo(
        f"built as of {day:%Y-%m-%d}; open it with: duckdb -readonly {quote(str(file))}"
    )


@main.command()
@click.argument("delivery", type=SEQUENCE)
@click.option("--by", type=Text(), required=True, help="Who accepts it.")
@click.option("--why", type=Text(), required=True, help="On what grounds.")
@waits
@click.pass_obj
def accept(settings: Settings, delivery: int, by: str, why: str) -> None:
    """Land a held DELIVERY (its number in the ledger) by your word."""
    with _writing(settings) as (warehouse, feeds):
        entry = accept_delivery(warehouse, feeds, delivery, by, why)
    click.echo(result_line(entry))
    _exit_by([entry.status])


@main.command()
@click.argument("delivery", type=SEQUENCE)
@click.option("--by", type=Text(), required=True, help="Who takes it out, or in again.")
@click.option("--why", type=Text(), required=True, help="On what grounds.")
@click.option("--undo", is_flag=True, help="Take it in again.")
@waits
@click.pass_obj
def withdraw(settings: Settings, delivery: int, by: str, why: str, undo: bool) -> None:
    """Take a landed DELIVERY (its number in the ledger) out again, by your word.

    Everything is as if it had not landed, once it is built; its rows and bytes are kept.
    """
    with _writing(settings) as (warehouse, _):
        take = undo_withdrawal if undo else withdraw_delivery
        click.echo(result_line(take(warehouse, delivery, by, why)))


@main.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.option("--delivery", type=SEQUENCE, help="Only of this delivery of FEED.")
@waits
@click.pass_obj
def replay(settings: Settings, feed_name: str | None, delivery: int | None) -> None:
    """Land rejected records that pass now, after a fix of the feed, from kept bytes."""
    if delivery and not feed_name:
        raise UsageError("--delivery goes with the FEED that it is of")
    entries = []
    with _writing(settings) as (warehouse, feeds):
        for feed in _chosen(feeds, feed_name):
            for entry in replay_rejects(warehouse, feed, delivery):
                click.echo(result_line(entry))
                entries.append(entry)
    if not entries:
        click.echo("no rejected record passes now")


@main.command()
@waits
@click.pass_obj
def recover(settings: Settings) -> None:
    """Land again, from kept bytes, what was published and landing lacks.

    After landing.duckdb was put back from a backup, or made anew: deliveries that a kept
    version was made of, each for the day that it spoke for, as it was accepted then.
    """
    statuses = []
    with _writing(settings) as (warehouse, feeds):
        for entry in recover_lost(warehouse, feeds):
            is_settled = entry.status in ledger.SETTLED
            click.echo(result_line(entry), err=not is_settled)
            statuses.append(entry.status)
    if not statuses:
        click.echo("nothing that was published is missing here")
    _exit_by(statuses)


@main.command()
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
    """Say what the SOURCEs would change if they landed; nothing lands."""
    statuses = []
    with _writing(settings) as (warehouse, feeds):
        (feed,) = _chosen(feeds, feed_name)
        for offer in intake.named(feed, sources):
            for rehearsal in rehearse(warehouse, feed, offer, as_of, covers):
                click.echo(rehearsal_text(rehearsal))
                statuses.append(rehearsal.entry.status)
    _exit_by(statuses)


@main.command()
@waits
@click.pass_obj
def status(settings: Settings) -> None:
    """Say what has landed, what was refused, and what is published.

    Of what is published: whether it is sound, made of this landing, and how far it can be
    trusted, by its own reports.rpt_trust.
    """
    paths, _ = settings
    with _reading(paths) as landing:
        feeds = landing.execute(
            f"""
            select
                feed,
                count(*) filter (where {ledger.STANDS}),
                count(*) filter (where status = 'seen_again'),
                coalesce(
                    sum(n_new) filter (
                        where status in ('landed', 'replayed') and not exists (
                            from raw.withdrawals as gone
                            where gone.delivery_seq in (deliveries.delivery_seq, parent_seq)
                        )
                    ),
                    0
                ),
                (select count(*) from raw.open_rejects where feed = deliveries.feed),
                max(as_of) filter (where {ledger.STANDS})
            from raw.deliveries
            group by feed
            order by feed
            """  # noqa: S608
        ).fetchall()
        refused = ledger.refused(landing)
        withdrawals = ledger.withdrawals(landing)
        damage = chain.find_damage(landing)
        fork = find_fork(paths, landing)
    click.echo(
        f"{'feed':<18}{'landed':>8}{'seen again':>12}{'rows':>12}{'rejected':>10}"
        "  newest as-of"
    )
    for feed, landed, seen, rows, rejected, as_of in feeds:
        newest = f"{as_of:%Y-%m-%d %H:%M}" if as_of else "-"
        click.echo(f"{feed:<18}{landed:>8,}{seen:>12,}{rows:>12,}{rejected:>10,}  {newest}")
    if not feeds:
        click.echo(f"nothing has come to {paths.data} yet; run: eventmart land")
    for entry in refused:
        label = f"{entry.uri}:{entry.member}" if entry.member else entry.uri
        start = f"{entry.status} {entry.delivery_seq}: {entry.feed} {label}"
        click.echo(printable(f"{start}: {entry.reason}: {entry.detail}"))
    for entry in withdrawals:
        click.echo(result_line(entry))
    tell_published(paths)
    if damage:
        raise EventmartError(damage)
    if fork:
        raise EventmartError(f"{fork}; to build from it: eventmart build")


@main.command()
@click.option("--feed", "feed_name", type=Text(), help="Only of this feed.")
@click.option("--delivery", type=SEQUENCE, help="Only of this delivery.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many to list.",
)
@click.option(
    "--export",
    type=click.Path(path_type=Path),
    help="Write the raw bytes of all of them to a file, in order.",
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    help="Write all of them with place and reason to a CSV for a spreadsheet; what it "
    "would take for a formula gets a ' in front.",
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
    """List rejected records, but for those replayed: where they stand, why, raw text."""
    paths, _ = settings
    if export and sheet and export.resolve() == sheet.resolve():
        raise UsageError(f"{export}: --export and --sheet need a file each")
    n_found = 0
    with _reading(paths) as landing, ExitStack() as files:

        def opened(file: Path) -> IO[bytes]:
            # What was refused may be personal.
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


@main.command()
@click.argument("key")
@click.pass_obj
def trace(settings: Settings, key: str) -> None:
    """Show the source line, word for word, behind the fact with this KEY."""
    paths, feeds_file = settings
    origin = trace_key(paths, load_feeds(feeds_file), key)
    click.echo(f"fact      {origin.fact}")
    state = ", which is withdrawn now" if origin.is_withdrawn else ""
    click.echo(f"delivery  {origin.delivery_seq} of {origin.feed}{state}")
    click.echo(printable(f"file      {origin.uri}"))
    if origin.member:
        click.echo(printable(f"member    {origin.member}"))
    click.echo(f"line      {origin.line}")
    click.echo(printable(f"header    {origin.header}"))
    click.echo(printable(f"record    {origin.text or 'its kept bytes have expired'}"))


@main.command()
@click.option(
    "--scale",
    type=Finite(min=0, min_open=True, max=100),
    default=0.02,
    show_default=True,
    help="1 is the real volume.",
)
@click.option(
    "--seed",
    type=Whole(0),
    default=1,
    show_default=True,
    help="The same seed, the same data.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write it; the inbox by default.",
)
@click.option("--if-missing", is_flag=True, help="Do nothing if the inbox has files.")
@click.option("--force", is_flag=True, help="Remove also files that are not of the demo.")
@click.pass_obj
def demo(
    settings: Settings,
    scale: float,
    seed: int,
    out: Path | None,
    if_missing: bool,
    force: bool,
) -> None:
    """Write synthetic deliveries in the real formats, with the real faults."""
    # Numpy is needed here only, and takes a while to import.
    from loaders.demo import generate

    require_checkout("the demo")
    paths, _ = settings
    if not out and paths.landing.exists():
        with _reading(paths) as landing:
            check_may_hold_demo(paths, landing)
    out = out or paths.inbox
    if if_missing and out.exists() and any(out.iterdir()):
        return
    check_place(paths, out)
    log = logging.getLogger("demo")
    generate(out, scale, seed, lambda message: log.info(message), force=force)
    click.echo(f"synthetic deliveries (scale {scale:g}, seed {seed}) in {out}")


@main.command("publish")
@click.option(
    "--run-results",
    type=click.Path(path_type=Path),
    help="dbt's record of the build; by default where dbt writes it: build/target/ in the "
    "data folder, $DBT_TARGET_PATH or target/.",
)
@waits
@click.pass_obj
def publish_build(settings: Settings, run_results: Path | None) -> None:
    """Publish the last `dbt build`, if it was whole, passed, and nobody wrote it since."""
    require_checkout("publishing")
    paths, _ = settings
    published = publish_built(paths, run_results, patience=_patience())
    click.echo(publication_line(paths, *published))


@main.command("answers")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file to write; by default answers.md in the data folder.",
)
@click.option("--about", type=Text(), help="What data it is, unless it is the demo.")
@forcing
@click.pass_obj
def write_all_answers(
    settings: Settings, out: Path | None, about: str | None, force: bool
) -> None:
    """Answer the questions of loaders/answers.yml from what is published."""
    require_checkout("answering")
    paths, _ = settings
    if out:
        check_place(paths, out, force=force)
    text, n_questions = answer_all(paths, about)
    own = paths.data / "answers.md"
    with new_file(paths, out, force=force) if out else whole_file(own) as file:
        file.write(text.encode())
    click.echo(f"{n_questions} questions answered in {out or own}")


@main.command()
@click.pass_obj
def rollback(settings: Settings) -> None:
    """Serve the published version before the current one."""
    paths, _ = settings
    version = publishing.rollback(paths)
    click.echo(f"rolled back to version {version.number}")


@main.command()
@click.argument("moment", metavar="[DATE]", required=False)
@click.option(
    "--repair", is_flag=True, help="If what is served is damaged, serve the last good one."
)
@click.pass_obj
def published(settings: Settings, moment: str | None, repair: bool) -> None:
    """List the published versions that are kept, or say what readers saw on a DATE.

    DATE is 2024-05-31, which means the end of that day, or "2024-05-31 14:30", in UTC.
    """
    paths, _ = settings
    if repair:
        version = publishing.repair(paths)
        click.echo(
            f"repaired: version {version.number} is served; make build publishes anew"
            if version
            else "nothing to repair"
        )
    if moment:
        tell_served_at(paths, _end_of(moment))
    else:
        tell_versions(paths)


main.add_command(feed_group)


# ---------------------------------------------------------------- helpers


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
        raise click.BadParameter(f"{first} comes after {last}; the first date comes first")
    return first, last


def _tell_untaken(found: Iterable[Untaken]) -> None:
    for line in untaken_lines(found):
        click.echo(printable(line))


def _end_of(moment: str) -> datetime:
    """A moment in UTC; a date stands for its end, or for now if it is today."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError as error:
        raise UsageError(f"{moment!r}: expected a date such as 2024-05-31") from error
    if found.year not in YEARS:
        raise UsageError(f"{moment}: expected a year of {YEARS[0]} to {YEARS[-1]}")
    found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if len(moment) > len("2024-05-31"):
        return found
    now = datetime.now(UTC)
    return now if found.date() == now.date() else found + timedelta(days=1, microseconds=-1)


def _say_set_aside(paths: Paths) -> bool:
    """Say of which feeds and deliveries most rows are in no fact; whether of any."""
    found = mostly_set_aside(paths)
    for one in found:
        click.echo(printable(set_aside_line(one)), err=True)
    return bool(found)


def _exit_by(statuses: list[str]) -> None:
    """Leave with the exit code of the worst that became of deliveries, if any is bad."""
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
    """What there is to take: of the sources named, or of those that the feeds name."""
    if sources:
        feed = chosen[0]
        found = [
            (feed, offer)
            for offer in intake.named(feed, sources, may_be_missing=may_be_missing)
        ]
        missing = f"{', '.join(sources)}: nothing is there"
    else:
        found = [
            (feed, offer)
            for feed in chosen
            for offer in intake.configured(feed, paths.inbox)
        ]
        names = ", ".join(feed.name for feed in chosen)
        missing = (
            f"{paths.inbox}: holds no file of {names}; name files, or set EVENTMART_INBOX"
        )
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


@contextmanager
def _writing(
    settings: Settings,
) -> Iterator[tuple[Warehouse, dict[str, Feed]]]:
    paths, feeds_file = settings
    feeds = load_feeds(feeds_file)
    context = click.get_current_context()
    with open_landing(
        paths.landing, patience=_patience(), command=context.command_path
    ) as landing:
        # What a killed landing left is of no use, and may be large.
        shutil.rmtree(paths.spool, ignore_errors=True)
        # The project's models read its feeds, whether these settings have them or not.
        own = feeds if feeds_file == FEEDS_FILE else load_feeds() | feeds
        create_tables(landing, own)
        yield Warehouse(landing, paths), feeds


@contextmanager
def _reading(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    nothing = UsageError(f"{paths.landing}: nothing has landed yet; run: make build")
    if not paths.landing.exists():
        raise nothing
    patience = max(PATIENCE, _patience())
    migrate(paths.landing, patience=patience)
    with open_landing(paths.landing, read_only=True, patience=patience) as landing:
        if not has_tables(landing):
            raise nothing
        yield landing


def _patience() -> float:
    """How many seconds to wait for another process, by the word of the caller."""
    return float(click.get_current_context().meta.get("wait", 0))


def _chosen(feeds: dict[str, Feed], name: str | None) -> list[Feed]:
    if name is None:
        return list(feeds.values())
    if name not in feeds:
        raise UsageError(f"no feed {name!r}; there are: {', '.join(feeds)}")
    return [feeds[name]]


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,5})([smh]?)", text)
    if not found or int(found[1]) == 0:
        raise click.BadParameter("expected a time such as 30s, 5m or 1h")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


if __name__ == "__main__":
    main(prog_name="eventmart")
