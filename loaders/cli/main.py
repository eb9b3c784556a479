"""The command line: `eventmart`, or `python -m loaders`.

Exit codes: 0 all well; 1 something failed; 2 the call or the settings are wrong;
3 a delivery is held; 4 a delivery cannot be read; 5 the warehouse is busy; 130, 143
interrupted by Ctrl-C or SIGTERM.
"""

import logging
import sys
from pathlib import Path

import click

from loaders import __version__
from loaders.cli import feeds, inspecting, landing, publishing
from loaders.cli.context import Commands
from loaders.config.feeds import FEEDS_FILE
from loaders.config.paths import Paths


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
    """Turn raw CSV files into event facts that you can trust.

    Reads $EVENTMART_DATA (the data folder, default data/) and $EVENTMART_INBOX (where
    deliveries arrive, default the demo data in it).

    Exit codes: 0 all well, 1 something failed, 2 wrong call or settings, 3 a delivery
    is held, 4 a delivery cannot be read, 5 the warehouse is busy, 130 or 143
    interrupted.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    context.obj = (Paths.from_environment(), feeds_file)


for _command in (
    landing.init,
    landing.land,
    landing.watch,
    landing.diff,
    landing.accept,
    landing.withdraw,
    landing.rejects,
    landing.replay,
    landing.recover,
    publishing.build,
    publishing.publish_build,
    publishing.as_of,
    publishing.published,
    publishing.rollback,
    publishing.site,
    inspecting.status,
    inspecting.trace,
    inspecting.write_all_answers,
    inspecting.demo,
    feeds.feed,
):
    main.add_command(_command)
