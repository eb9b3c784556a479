"""What all commands share: their settings, who waits for whom, and how they fail."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import duckdb

from loaders.cli.arguments import Finite
from loaders.config.feeds import FEEDS_FILE, Feed, load_feeds
from loaders.config.paths import Paths
from loaders.errors import BusyError, EventmartError, UsageError, told
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.schema import create_tables, has_tables, migrate
from loaders.terminal import printable

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
        except click.UsageError as error:
            # Words of a call may be names of files, by a glob.
            said = map(printable, error.format_message().split("\n"))
            raise click.UsageError("\n".join(said), error.ctx) from error
        except EventmartError as error:
            click.echo(f"error: {printable(str(error))}", err=True)
            context.exit(error.exit_code)
        except duckdb.Error as error:
            click.echo(f"error: the database reports: {printable(str(error))}", err=True)
            is_busy = "could not set lock" in str(error).lower()
            context.exit(BusyError.exit_code if is_busy else EventmartError.exit_code)
        except BrokenPipeError:
            raise
        except OSError as error:
            click.echo(f"error: {printable(told(error))}", err=True)
            context.exit(EventmartError.exit_code)
        finally:
            signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise KeyboardInterrupt(number)


def _leave_interrupted(context: click.Context, interrupt: KeyboardInterrupt) -> NoReturn:
    click.echo(
        "interrupted: finished work is kept, unfinished work was rolled back", err=True
    )
    context.exit(128 + (interrupt.args[0] if interrupt.args else signal.SIGINT))


# How long to wait for another command that writes what this one writes or reads.
waits = click.option(
    "--wait",
    type=Finite(min=0),
    default=0,
    metavar="SECONDS",
    help="How long to wait for another process that uses the data.",
    expose_value=False,
    callback=lambda context, _, seconds: context.meta.update(wait=seconds),
)


forcing = click.option("--force", is_flag=True, help="Replace an existing file.")


@contextmanager
def writing(
    settings: Settings,
) -> Iterator[tuple[Warehouse, dict[str, Feed]]]:
    """Open the landing database to write to it, with the feeds of these settings."""
    paths, feeds_file = settings
    feeds = load_feeds(feeds_file)
    context = click.get_current_context()
    with open_landing(
        paths.landing, patience=asked_patience(), command=context.command_path
    ) as landing:
        # What a killed landing left is of no use, and may be large.
        shutil.rmtree(paths.spool, ignore_errors=True)
        # The project's models read its feeds, whether these settings have them or not.
        own = feeds if feeds_file == FEEDS_FILE else load_feeds() | feeds
        create_tables(landing, own)
        yield Warehouse(landing, paths), feeds


@contextmanager
def reading(paths: Paths) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the landing database to read it, once something has landed."""
    nothing = UsageError(f"{paths.landing}: nothing has landed yet; run: make build")
    if not paths.landing.exists():
        raise nothing
    patience = max(PATIENCE, asked_patience())
    migrate(paths.landing, patience=patience)
    with open_landing(paths.landing, read_only=True, patience=patience) as landing:
        if not has_tables(landing):
            raise nothing
        yield landing


def asked_patience() -> float:
    """How many seconds to wait for another process, by the word of the caller."""
    return float(click.get_current_context().meta.get("wait", 0))


def choose(feeds: dict[str, Feed], name: str | None) -> list[Feed]:
    """All feeds, or the one of this name."""
    if name is None:
        return list(feeds.values())
    if name not in feeds:
        raise UsageError(f"no feed {name!r}; there are: {', '.join(feeds)}")
    return [feeds[name]]
