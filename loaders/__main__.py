"""The command line: `eventmart`, or `python -m loaders`.

Exit codes: 0 all well; 1 something failed; 2 the call or the settings are wrong;
3 a delivery is held; 4 a delivery cannot be read; 5 the warehouse is busy; 130, 143
interrupted by Ctrl-C or SIGTERM.
"""

import logging
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import duckdb

from loaders import __version__, fetch, ledger
from loaders import publish as publishing
from loaders.errors import EventmartError, UsageError
from loaders.feeds import FEEDS_FILE, Feed, load_feeds
from loaders.landing import Warehouse, land_file
from loaders.landing import accept as accept_delivery
from loaders.ledger import Entry
from loaders.paths import Paths
from loaders.trace import trace as trace_key
from loaders.warehouse import create_tables, open_landing

EXIT_HELD, EXIT_FAILED = 3, 4
Settings = tuple[Paths, Path]  # the data folder and the feed settings file
# A reader waits this many seconds for a landing or a build to end.
PATIENCE = 5


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
        except EventmartError as error:
            click.echo(f"error: {printable(str(error))}", err=True)
            context.exit(error.exit_code)
        except duckdb.Error as error:
            click.echo(f"error: the database refused: {printable(str(error))}", err=True)
            context.exit(EventmartError.exit_code)
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


# Of the commands that write: how long to wait for another one that does.
waits = click.option(
    "--wait",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Wait so long for another process to let go of the warehouse.",
    expose_value=False,
    callback=lambda context, _, seconds: context.meta.update(wait=seconds),
)


@main.command()
@waits
@click.pass_obj
def init(settings: Settings) -> None:
    """Create the landing database, with an empty table per feed, and dbt's folder."""
    paths, _ = settings
    # dbt attaches landing and creates its own files, but not the folder they are in.
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    with _writing(settings):
        pass


@main.command()
@click.argument("feed_name", metavar="[FEED]", required=False)
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option(
    "--as-of",
    type=click.DateTime(),
    help="The date that the delivery speaks for, if neither it nor its name says so.",
)
@waits
@click.pass_obj
def land(
    settings: Settings,
    feed_name: str | None,
    sources: tuple[str, ...],
    as_of: datetime | None,
) -> None:
    """Land deliveries: all new files of the inbox, of one FEED, or the SOURCEs named.

    A SOURCE is a file, a zip or gzip, a glob, or a folder.
    """
    with _writing(settings) as (warehouse, feeds):
        chosen = [_feed(feeds, feed_name)] if feed_name else list(feeds.values())
        if as_of and not sources:
            raise UsageError("--as-of goes with the SOURCEs that it is about")
        todo, n_unchanged = _files(warehouse, chosen, sources)
        statuses = [
            entry.status
            for feed, path in _progress(todo)
            for entry in _land_and_tell(warehouse, feed, path, as_of)
        ]
    if n_unchanged:
        click.echo(f"unchanged   {n_unchanged} files that were dealt with before")
    _exit_by(statuses)


@main.command()
@click.argument("delivery", type=int)
@click.option("--by", required=True, help="Who accepts it.")
@click.option("--why", required=True, help="On what grounds.")
@waits
@click.pass_obj
def accept(settings: Settings, delivery: int, by: str, why: str) -> None:
    """Land a held DELIVERY (its number in the ledger) by your word."""
    with _writing(settings) as (warehouse, feeds):
        entry = accept_delivery(warehouse, feeds, delivery, by, why)
    click.echo(result_line(entry))
    _exit_by([entry.status])


@main.command()
@click.pass_obj
def status(settings: Settings) -> None:
    """Say what has landed, what was refused, and what is published."""
    paths, _ = settings
    with _reading(paths) as landing:
        feeds = landing.execute(
            """
            select
                feed,
                count(*) filter (where status = 'landed'),
                count(*) filter (where status = 'seen_again'),
                coalesce(sum(n_new) filter (where status = 'landed'), 0),
                coalesce(sum(n_rejected) filter (where status = 'landed'), 0),
                max(as_of) filter (where status = 'landed')
            from raw.deliveries
            group by feed
            order by feed
            """
        ).fetchall()
        # Of deliveries that were tried again, or accepted since, only the last counts.
        refused = landing.execute(
            """
            select status, delivery_seq, feed, uri, member, reason, detail
            from raw.deliveries as refused
            where status in ('held', 'failed') and not exists (
                select 1 from raw.deliveries as later
                where later.feed = refused.feed and later.uri = refused.uri
                    and later.member is not distinct from refused.member
                    and later.delivery_seq > refused.delivery_seq
            )
            order by delivery_seq
            """
        ).fetchall()
    click.echo(
        f"{'feed':<18}{'landed':>8}{'seen again':>12}{'rows':>12}{'rejected':>10}"
        "  newest as-of"
    )
    for feed, landed, seen, rows, rejected, as_of in feeds:
        newest = f"{as_of:%Y-%m-%d %H:%M}" if as_of else "-"
        click.echo(f"{feed:<18}{landed:>8,}{seen:>12,}{rows:>12,}{rejected:>10,}  {newest}")
    for state, number, feed, uri, member, reason, detail in refused:
        label = f"{uri}:{member}" if member else uri
        click.echo(printable(f"{state} {number}: {feed} {label}: {reason}: {detail}"))
    version = publishing.current_version(paths)
    served = paths.published / paths.build.name
    click.echo(
        f"published: version {version.number}, {served}"
        if version
        else "published: nothing"
    )


@main.command()
@click.option("--feed", "feed_name", help="Only of this feed.")
@click.option("--delivery", type=int, help="Only of this delivery.")
@click.option("--limit", default=20, show_default=True, help="How many to list.")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write the raw bytes of all of them to a file, in order.",
)
@click.pass_obj
def rejects(
    settings: Settings,
    feed_name: str | None,
    delivery: int | None,
    limit: int,
    export: Path | None,
) -> None:
    """List rejected records: where they stand, why, and their raw text."""
    paths, _ = settings
    with _reading(paths) as landing:
        found = landing.execute(
            """
            select
                rejects.delivery_seq, rejects.feed, uri, member, line, byte_offset,
                rejects.reason, rejects.detail, raw_bytes
            from raw.rejects
            inner join raw.deliveries on rejects.delivery_seq = deliveries.delivery_seq
            where rejects.feed = coalesce(?, rejects.feed)
                and rejects.delivery_seq = coalesce(?, rejects.delivery_seq)
            order by rejects.delivery_seq, line
            """,
            [feed_name, delivery],
        )
        n_shown = n_found = 0
        with export.open("wb") if export else _nowhere() as target:
            while rows := found.fetchmany(1000):
                for (
                    number,
                    feed,
                    uri,
                    member,
                    line,
                    offset,
                    reason,
                    detail,
                    raw,
                ) in rows:
                    n_found += 1
                    if target:
                        target.write(raw if raw[-1:] in b"\r\n" else raw + b"\n")
                    elif n_shown < limit:
                        n_shown += 1
                        label = f"{Path(uri).name}:{member}" if member else Path(uri).name
                        text = raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
                        place = f"{feed} {label} (delivery {number}) line {line}"
                        click.echo(printable(f"{place}, byte {offset}: {reason}: {detail}"))
                        click.echo(printable(f"    {text[:200]}"))
    where = f"written to {export}" if export else f"{n_shown} shown"
    click.echo(f"{n_found} rejected records, {where}")


@main.command()
@click.argument("key")
@click.pass_obj
def trace(settings: Settings, key: str) -> None:
    """Show the source line, word for word, behind the fact with this KEY."""
    paths, feeds_file = settings
    origin = trace_key(paths, load_feeds(feeds_file), key)
    click.echo(f"fact      {origin.fact}")
    click.echo(f"delivery  {origin.delivery_seq} of {origin.feed}")
    click.echo(printable(f"file      {origin.uri}"))
    if origin.member:
        click.echo(printable(f"member    {origin.member}"))
    click.echo(f"line      {origin.line}")
    click.echo(printable(f"header    {origin.header}"))
    click.echo(printable(f"record    {origin.text or 'its kept bytes have expired'}"))


@main.command()
@click.option("--scale", default=0.02, show_default=True, help="1 is the real volume.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same data.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write it; the inbox by default.",
)
@click.option("--if-missing", is_flag=True, help="Do nothing if the inbox has files.")
@click.pass_obj
def demo(
    settings: Settings,
    scale: float,
    seed: int,
    out: Path | None,
    if_missing: bool,
) -> None:
    """Write synthetic deliveries in the real formats, with the real faults."""
    # Numpy is needed here only, and takes a while to import.
    from loaders.demo import generate

    paths, _ = settings
    out = out or paths.inbox
    if if_missing and out.exists() and any(out.iterdir()):
        return
    generate(out, scale, seed, lambda message: logging.getLogger("demo").info(message))
    click.echo(f"synthetic deliveries (scale {scale:g}, seed {seed}) in {out}")


@main.command("publish")
@click.option(
    "--run-results",
    type=click.Path(path_type=Path),
    default=Path("target/run_results.json"),
    show_default=True,
    help="dbt's record of the build.",
)
@click.pass_obj
def publish_build(settings: Settings, run_results: Path) -> None:
    """Publish the last `dbt build`, if it was whole and every test passed."""
    paths, _ = settings
    version, is_new = publishing.publish(paths, run_results)
    served = paths.published / paths.build.name
    state = "published" if is_new else "nothing new, still published:"
    click.echo(f"{state} version {version.number} ({version.n_bytes:,} bytes), {served}")


@main.command("is-up-to-date")
@click.pass_obj
def is_up_to_date(settings: Settings) -> None:
    """Exit with 0 if what is published was made of this very project and landing."""
    paths, _ = settings
    if not publishing.is_up_to_date(paths):
        sys.exit(EventmartError.exit_code)


@main.command()
@click.pass_obj
def rollback(settings: Settings) -> None:
    """Serve the published version before the current one."""
    paths, _ = settings
    version = publishing.rollback(paths)
    click.echo(f"rolled back to version {version.number}")


# ---------------------------------------------------------------- helpers


def printable(text: str) -> str:
    """A text from outside, safe to print: what a terminal would obey is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def result_line(entry: Entry) -> str:
    """One line on what became of a delivery."""
    start = printable(f"{entry.status:<11} {entry.feed:<17} {entry.label}")
    if entry.status in ("held", "failed"):
        return printable(
            f"{start}  delivery {entry.delivery_seq}: {entry.reason}: {entry.detail}"
        )
    if entry.status == "empty":
        return f"{start}  {entry.reason}"
    as_of = f"{entry.as_of:%Y-%m-%d}" if entry.as_of else "?"
    line = (
        f"{start}  as of {as_of}  {entry.n_records:,} records = {entry.n_new:,} new + "
        f"{entry.n_known:,} known + {entry.n_rejected:,} rejected + {entry.n_blank:,} blank"
    )
    if entry.status == "seen_again":
        line += f" (as delivery {entry.parent_seq})"
    return printable(f"{line}; {entry.detail}" if entry.detail else line)


def _land_and_tell(
    warehouse: Warehouse, feed: Feed, path: Path, as_of: datetime | None
) -> list[Entry]:
    entries = land_file(warehouse, feed, path, as_of)
    for entry in entries:
        click.echo(result_line(entry), err=entry.status not in ledger.SETTLED)
    return entries


def _exit_by(statuses: list[str]) -> None:
    """Leave with the exit code of the worst that became of deliveries, if any is bad."""
    if "failed" in statuses:
        sys.exit(EXIT_FAILED)
    if "held" in statuses:
        sys.exit(EXIT_HELD)


def _files(
    warehouse: Warehouse, chosen: list[Feed], sources: tuple[str, ...]
) -> tuple[list[tuple[Feed, Path]], int]:
    """The files to land, and how many of the inbox are as they were when dealt with."""
    if sources:
        named = [(chosen[0], path) for path in fetch.named_files(sources, chosen[0])]
        for _, path in named:
            fetch.check_readable(path)
        return named, 0
    inbox = warehouse.paths.inbox
    found = [(feed, path) for feed in chosen for path in fetch.inbox_files(inbox, feed)]
    if not found:
        names = ", ".join(feed.name for feed in chosen)
        raise UsageError(
            f"{inbox}: holds no file of {names}; name files, or set EVENTMART_INBOX"
        )
    todo = [
        (feed, path)
        for feed, path in found
        if not ledger.is_stamped(warehouse.landing, feed.name, path, fetch.Stamp.of(path))
    ]
    return todo, len(found) - len(todo)


def _progress(todo: list[tuple[Feed, Path]]) -> Iterator[tuple[Feed, Path]]:
    """Go through the files with a progress bar, if somebody is watching."""
    watched = sys.stderr.isatty() and len(todo) > 1
    with click.progressbar(
        todo,
        label="landing",
        file=sys.stderr,
        hidden=not watched,
        item_show_func=lambda item: printable(item[1].name) if item else "",
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
        paths.landing, patience=context.meta["wait"], command=context.command_path
    ) as landing:
        # What a killed landing left is of no use, and may be large.
        shutil.rmtree(paths.spool, ignore_errors=True)
        create_tables(landing, feeds)
        yield Warehouse(landing, paths), feeds


@contextmanager
def _reading(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    if not paths.landing.exists():
        raise UsageError(f"{paths.landing}: nothing has landed yet; run: make build")
    with open_landing(paths.landing, read_only=True, patience=PATIENCE) as landing:
        yield landing


@contextmanager
def _nowhere() -> Iterator[None]:
    yield None


def _feed(feeds: dict[str, Feed], name: str) -> Feed:
    if name not in feeds:
        raise UsageError(f"no feed {name!r}; there are: {', '.join(feeds)}")
    return feeds[name]


if __name__ == "__main__":
    main(prog_name="eventmart")
