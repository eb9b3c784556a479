"""Commands that build, test and publish what has landed."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote

import click

from loaders.cli.arguments import Moment
from loaders.cli.context import EXIT_HELD, Settings, asked_patience, waits
from loaders.cli.render import (
    publication_line,
    tell_served_at,
    tell_set_aside,
    tell_versions,
)
from loaders.config.feeds import load_feeds
from loaders.config.paths import require_checkout
from loaders.errors import UsageError
from loaders.insights.impact import impact_lines, read_impact
from loaders.landing.as_of import YEARS
from loaders.landing.schema import follow
from loaders.publishing import serving
from loaders.publishing.build import build as build_landed
from loaders.publishing.build import build_as_of, build_redefined, publish_built
from loaders.publishing.progress import Progress
from loaders.publishing.site import index_of, rewrite_pages
from loaders.terminal import printable


@click.command()
@click.option(
    "--if-redefined",
    is_flag=True,
    help="Build only if models, seeds or macros changed since the published version, "
    "and no delivery landed: reports.rpt_metric_changes then shows their effect "
    "separately.",
)
@waits
@click.pass_obj
def build(settings: Settings, if_redefined: bool) -> None:
    """Build, test and publish what has landed, with its docs.

    If most rows of a feed, or of a delivery, are in no fact, it prints the reason and exits
    with 3.
    """
    require_checkout("a build")
    paths, feeds_file = settings
    progress = Progress()
    if paths.landing.exists():
        feeds = load_feeds(feeds_file)
        follow(paths.landing, feeds, patience=asked_patience(), command="eventmart build")
    builds = build_redefined if if_redefined else build_landed
    published = builds(paths, progress, patience=asked_patience())
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
        click.echo(
            "nothing new: the published version is up to date with landing and project"
        )
    if not if_redefined and (index := index_of(paths)):
        click.echo(f"pages: open {index.as_uri()}")
    if not if_redefined and tell_set_aside(paths):
        sys.exit(EXIT_HELD)


@click.command()
@click.argument("day", metavar="DAY", type=Moment(["%Y-%m-%d"]))
@waits
@click.pass_obj
def as_of(settings: Settings, day: datetime) -> None:
    """Build, in a separate file, all tables as they were at the end of a DAY.

    It uses all deliveries whose as-of is that day or earlier, no matter when they arrived.
    For the version that was published on a day, use: eventmart published DAY.
    """
    require_checkout("a build")
    paths, _ = settings
    file = build_as_of(paths, day.date(), Progress(), patience=asked_patience())
    click.echo(
        f"built as of {day:%Y-%m-%d}; open it with: duckdb -readonly {quote(str(file))}"
    )


@click.command("publish")
@click.option(
    "--run-results",
    type=click.Path(path_type=Path),
    help="dbt's record of the build; by default the place where dbt writes it: "
    "build/target/ in the data folder, $DBT_TARGET_PATH or target/.",
)
@waits
@click.pass_obj
def publish_build(settings: Settings, run_results: Path | None) -> None:
    """Publish the last `dbt build`, if it was complete, passed, and is unchanged since."""
    require_checkout("publishing")
    paths, _ = settings
    published = publish_built(paths, run_results, patience=asked_patience())
    click.echo(publication_line(paths, *published))


@click.command()
@click.pass_obj
def site(settings: Settings) -> None:
    """Write the pages of the current version again, after their templates changed."""
    require_checkout("writing pages")
    paths, _ = settings
    click.echo(f"pages: open {rewrite_pages(paths).as_uri()}")


@click.command()
@click.pass_obj
def rollback(settings: Settings) -> None:
    """Serve the published version before the current one."""
    paths, _ = settings
    version = serving.rollback(paths)
    click.echo(f"rolled back to version {version.number}")


@click.command()
@click.argument("moment", metavar="[DATE]", required=False)
@click.option(
    "--repair",
    is_flag=True,
    help="If the published file is damaged, serve the last undamaged version.",
)
@click.pass_obj
def published(settings: Settings, moment: str | None, repair: bool) -> None:
    """List the published versions that are kept, or show what readers saw on a DATE.

    DATE is 2024-05-31, which means the end of that day, or "2024-05-31 14:30", in UTC.
    """
    paths, _ = settings
    if repair:
        version = serving.repair(paths)
        click.echo(
            f"repaired: version {version.number} is served; to publish again: make build"
            if version
            else "nothing to repair"
        )
    if moment:
        tell_served_at(paths, _end_of(moment))
    else:
        tell_versions(paths)


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
