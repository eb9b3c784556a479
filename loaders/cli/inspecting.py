"""Commands that show what there is, and the demo that makes something to show."""

import logging
from pathlib import Path

import click

from loaders.cli.arguments import Finite, Text, Whole
from loaders.cli.context import Settings, forcing, reading, waits
from loaders.cli.outputs import check_place, new_file
from loaders.cli.render import result_line, tell_published
from loaders.config.feeds import load_feeds
from loaders.config.paths import require_checkout
from loaders.disk import whole_file
from loaders.errors import EventmartError
from loaders.insights.answers import answer_all
from loaders.insights.trace import trace as trace_key
from loaders.landing import chain, ledger
from loaders.landing.demo_data import check_may_hold_demo
from loaders.publishing.recovery import find_fork
from loaders.terminal import printable, table


@click.command()
@waits
@click.pass_obj
def status(settings: Settings) -> None:
    """Show what has landed, what was refused, and what is published.

    For the published version: whether it is damaged, whether it was made from this landing,
    and how far it can be trusted (from its own reports.rpt_trust).
    """
    paths, _ = settings
    with reading(paths) as landing:
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
    counts = [
        (feed, *map("{:,}".format, numbers), f"{as_of:%Y-%m-%d %H:%M}" if as_of else "-")
        for feed, *numbers, as_of in feeds
    ]
    header = ("feed", "landed", "seen again", "rows", "rejected", "newest as-of")
    click.echo(table(header, counts, ("left", *["right"] * 4, "left")))
    if not feeds:
        click.echo(f"nothing has landed in {paths.data} yet; run: eventmart land")
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
        raise EventmartError(f"{fork}; to build from this one: eventmart build")


@click.command()
@click.argument("key")
@click.pass_obj
def trace(settings: Settings, key: str) -> None:
    """Show the source line, word for word, behind the fact with this KEY."""
    paths, feeds_file = settings
    origin = trace_key(paths, load_feeds(feeds_file), key)
    click.echo(f"fact      {origin.fact}")
    state = ", which was withdrawn later" if origin.is_withdrawn else ""
    click.echo(f"delivery  {origin.delivery_seq} of {origin.feed}{state}")
    click.echo(printable(f"file      {origin.uri}"))
    if origin.member:
        click.echo(printable(f"member    {origin.member}"))
    click.echo(f"line      {origin.line}")
    click.echo(printable(f"header    {origin.header}"))
    click.echo(printable(f"record    {origin.text or 'its kept bytes have expired'}"))


@click.command()
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
    help="The same seed gives the same data.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write it; the inbox by default.",
)
@click.option("--if-missing", is_flag=True, help="Do nothing if the inbox has files.")
@click.option(
    "--force", is_flag=True, help="Also remove files that are not part of the demo."
)
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
    from demo import generate

    require_checkout("the demo")
    paths, _ = settings
    if not out and paths.landing.exists():
        with reading(paths) as landing:
            check_may_hold_demo(paths, landing)
    out = out or paths.inbox
    if if_missing and out.exists() and any(out.iterdir()):
        return
    check_place(paths, out)
    log = logging.getLogger("demo")
    generate(out, scale, seed, lambda message: log.info(message), force=force)
    click.echo(f"synthetic deliveries (scale {scale:g}, seed {seed}) in {out}")


@click.command("answers")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file to write; by default answers.md in the data folder.",
)
@click.option(
    "--about", type=Text(), help="A description of the data, if it is not the demo."
)
@click.option(
    "--margins",
    type=click.Path(path_type=Path),
    help="Published counts of purchases, as demo/margins.json has them, to answer from "
    "where no purchases have landed.",
)
@forcing
@click.pass_obj
def write_all_answers(
    settings: Settings,
    out: Path | None,
    about: str | None,
    margins: Path | None,
    force: bool,
) -> None:
    """Answer the questions of loaders/insights/answers.yml from the published file."""
    require_checkout("answering")
    paths, _ = settings
    if out:
        check_place(paths, out, force=force)
    text, n_questions = answer_all(paths, about, margins)
    own = paths.data / "answers.md"
    with new_file(paths, out, force=force) if out else whole_file(own) as file:
        file.write(text.encode())
    click.echo(f"{n_questions} questions answered in {out or own}")
