"""Commands about feeds themselves: `eventmart feed new` and `eventmart feed check`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from loaders.cli.arguments import Moment
from loaders.cli.render import rehearsal_text
from loaders.config.feeds import FEEDS_FILE, RESERVED, load_feeds
from loaders.config.paths import PROJECT, Paths
from loaders.errors import UsageError
from loaders.landing import ingest
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.dry_run import rehearse
from loaders.landing.schema import create_tables
from loaders.new_feed.check import check_lines, held_lines
from loaders.new_feed.guess import Mode, Wishes, guess
from loaders.new_feed.look import is_name, look_at
from loaders.new_feed.models import write_models
from loaders.new_feed.plan import make_plan
from loaders.new_feed.tell import found_lines
from loaders.new_feed.write import check_free, entry_of, with_entry, with_events, write_all
from loaders.terminal import printable

# A name that leaves room for what models and tests put around it.
MAX_NAME = 30


@click.group()
def feed() -> None:
    """Make a new feed from files, or check a file against a feed."""


@feed.command()
@click.argument("name")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--mode", type=click.Choice(["increment", "window", "snapshot"]))
@click.option("--zone", help="Time zone of times without an offset: America/Denver.")
@click.option("--time", metavar="COLUMN", help="The column with the time of an event.")
@click.option(
    "--identity", metavar="COLUMN,COLUMN", help="The columns that identify a row."
)
@click.option("--days", type=click.IntRange(min=1), help="How far back a window reaches.")
@click.option("--day-first", is_flag=True, help="Dates are day/month/year.")
@click.option(
    "--source", metavar="NAME", help="The dbt source; by default the feed's name."
)
@click.option("--description", help="What its files contain, in one sentence.")
@click.option("--fact/--no-fact", default=True, help="Also write its fact or dimension.")
@click.option("--dry-run", is_flag=True, help="Print what was found; write nothing.")
@click.pass_context
def new(
    context: click.Context,
    name: str,
    files: tuple[Path, ...],
    mode: Mode | None,
    zone: str | None,
    time: str | None,
    identity: str | None,
    days: int | None,
    day_first: bool,
    source: str | None,
    description: str | None,
    fact: bool,
    dry_run: bool,
) -> None:
    """Read FILEs of a new feed, and write its settings and models.

    It prints what it found, and how. It writes the feed's entry in feeds.yml, the dbt
    source, a staging model, and the fact of its events or the dimension of its lists, with
    tests. Then `make build` lands the files in the feed's inbox folder, and publishes.
    """
    paths, feeds_file = context.obj
    keys = tuple(part.strip() for part in (identity or "").split(",") if part.strip())
    wishes = Wishes(mode, zone, time, keys, days, day_first)
    _check_names(name, source, feeds_file)
    with _scratch() as warehouse:
        look = look_at(name, files, warehouse)
        plan = make_plan(name, source or name, guess(look, wishes))
        for line in found_lines(plan, look):
            click.echo(printable(line))
        texts = {
            PROJECT / path: text
            for path, text in write_models(plan, look.sketch, with_fact=fact).items()
        }
        said = description or f"Not described yet; made from {files[0].name}."
        entry = entry_of(plan, look, said)
        texts[feeds_file], made = with_entry(feeds_file, name, entry)
    with _scratch() as warehouse:
        for line in held_lines(warehouse, made, files):
            click.echo(printable(line))
    check_free(PROJECT, {path for path in texts if path != feeds_file})
    if fact and plan.guess.mode != "snapshot":
        project_file = PROJECT / "dbt_project.yml"
        texts[project_file] = with_events(project_file, plan)
    for path in texts:
        label = path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path
        click.echo(f"{'would write' if dry_run else 'wrote'}  {label}")
    if dry_run:
        return
    write_all(texts)
    with _landing(paths, feeds_file):
        pass
    click.echo(
        f"next: put its files into {paths.inbox / name} or land them (eventmart land "
        f"{name} FILE...), and run: eventmart build"
    )


@feed.command()
@click.argument("name")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--as-of", type=Moment(), help="As for land.")
@click.pass_context
def check(
    context: click.Context, name: str, files: tuple[str, ...], as_of: datetime | None
) -> None:
    """Check FILEs as if they were deliveries of a feed; nothing lands.

    It shows how each header is understood, the encoding and layout, which records would be
    rejected, whether the dates can be read, and what would change. The exit codes are those
    of a landing.
    """
    paths, feeds_file = context.obj
    feeds = load_feeds(feeds_file)
    if name not in feeds:
        raise UsageError(f"no feed {name!r}; there are: {', '.join(feeds)}")
    statuses = []
    with _landing(paths, feeds_file) as landing:
        for offer in ingest.named(feeds[name], files):
            for rehearsal in rehearse(landing, feeds[name], offer, as_of):
                click.echo(rehearsal_text(rehearsal))
                statuses.append(rehearsal.entry.status)
            with _scratch() as warehouse:
                for line in check_lines(warehouse, feeds[name], offer):
                    click.echo(printable(line))
    sys.exit(4 if "failed" in statuses else 3 if "held" in statuses else 0)


def _check_names(name: str, source: str | None, feeds_file: Path) -> None:
    for what in (name, source or name):
        if not is_name(what) or len(what) > MAX_NAME:
            raise UsageError(
                f"{what!r}: a name has small letters, digits and _ between them, begins "
                f"with a letter, is no longer than {MAX_NAME}, and is not one that YAML "
                "takes for something else: no, off, on, yes, true, false, null"
            )
    if name in RESERVED:
        raise UsageError(
            f"{name}: raw.{name} is a table of the loader itself; choose another name"
        )
    if not (PROJECT / "dbt_project.yml").exists():
        raise UsageError(
            f"{PROJECT}: has no dbt project to write models into; run it in a checkout: "
            ".venv/bin/eventmart feed new ..."
        )
    if not feeds_file.exists():
        raise UsageError(f"{feeds_file}: does not exist (default: {FEEDS_FILE})")


@contextmanager
def _scratch() -> Iterator[Warehouse]:
    """A warehouse of its own, gone when the block ends."""
    with TemporaryDirectory(prefix="eventmart-") as folder:
        paths = Paths(Path(folder), Path(folder))
        with open_landing(paths.landing) as landing:
            yield Warehouse(landing, paths)


@contextmanager
def _landing(paths: Paths, feeds_file: Path) -> Iterator[Warehouse]:
    """The warehouse, with the tables of all feeds."""
    paths.build.parent.mkdir(0o700, parents=True, exist_ok=True)
    command = click.get_current_context().command_path
    with open_landing(paths.landing, command=command) as landing:
        create_tables(landing, load_feeds(feeds_file))
        yield Warehouse(landing, paths)
