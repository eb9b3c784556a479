"""What the command line prints about deliveries, dry runs and published versions."""

from collections import Counter
from datetime import datetime

import click

from loaders.config.paths import Paths
from loaders.errors import EventmartError, UsageError
from loaders.insights.set_aside import mostly_set_aside, set_aside_line
from loaders.insights.trust import read_trust, trust_lines
from loaders.landing.dry_run import Rehearsal
from loaders.landing.ledger import WITHDRAWAL, WITHDRAWAL_UNDONE, Entry
from loaders.publishing import versions
from loaders.publishing.retention import KEEP
from loaders.terminal import printable, table


def counted(n: int, what: str) -> str:
    """A number with its noun, which is given in the singular."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def result_line(entry: Entry) -> str:
    """One line on what became of a delivery."""
    start = printable(f"{entry.status:<11} {entry.feed:<17} {entry.label}")
    if entry.status in ("held", "failed"):
        # A dry run has no number.
        number = f"delivery {entry.delivery_seq}: " if entry.delivery_seq else ""
        return printable(f"{start}  {number}{entry.reason}: {entry.detail}")
    if entry.status in (WITHDRAWAL, WITHDRAWAL_UNDONE):
        end = f"by {entry.accepted_by}: {entry.accepted_why}"
        return printable(f"{start}  of delivery {entry.parent_seq}, {end}")
    if entry.status == "empty":
        return f"{start}  {entry.reason}"
    as_of = f"{entry.as_of:%Y-%m-%d}" if entry.as_of else "?"
    line = (
        f"{start}  as of {as_of}  {counted(entry.n_records, 'record')} = "
        f"{entry.n_new:,} new + {entry.n_known:,} known + {entry.n_rejected:,} rejected + "
        f"{entry.n_blank:,} blank"
    )
    # The missing rows may be among the records that cannot be read.
    is_clean = not (entry.n_rejected or entry.n_damaged)
    gone = [
        f"{count:,} {what}"
        for count, what in (
            (entry.n_withdrawn, "withdrawn" if is_clean else "missing, in doubt"),
            (entry.n_aged_out, "aged out"),
        )
        if count and entry.status == "landed"
    ]
    if gone:
        line += f"; of the rows landed before: {', '.join(gone)}"
    if entry.status == "seen_again":
        line += f" (as delivery {entry.parent_seq})"
    if entry.status == "replayed":
        line += f" (of delivery {entry.parent_seq})"
    return printable(f"{line}; {entry.detail}" if entry.detail else line)


def rehearsal_text(rehearsal: Rehearsal) -> str:
    """What a delivery would change, on several lines."""
    entry = rehearsal.entry
    lines = [f"would be {result_line(entry)}"]
    if entry.status == "held" and entry.n_new + entry.n_known:
        lines.append(
            f"if accepted: {counted(entry.n_records, 'record')} = {entry.n_new:,} new + "
            f"{entry.n_known:,} known + {entry.n_rejected:,} rejected + "
            f"{entry.n_blank:,} blank"
        )
    if rehearsal.before:
        seq, as_of, n_rows = rehearsal.before
        lines.append(
            f"compared with delivery {seq}, as of {as_of:%Y-%m-%d}, of {n_rows:,} rows:"
        )
    for sign, text, (count, examples) in (
        ("+", "added", rehearsal.come),
        ("-", "removed", rehearsal.gone),
    ):
        if count:
            lines.append(f"  {sign} {counted(count, 'row version')} {text}, such as")
            lines += [f"      {example}" for example in examples]
    lines += [
        f"  ! line {line} would be rejected: {reason}: {detail}"
        for line, reason, detail in rehearsal.rejects
    ]
    return "\n".join(printable(line) for line in lines)


def poll_line(entries: list[Entry]) -> str:
    """One line on what became of all deliveries of a poll."""
    statuses = Counter(entry.status for entry in entries)
    counts = ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))
    n_new = sum(entry.n_new for entry in entries if entry.status == "landed")
    return (
        f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}  {counts}; {n_new:,} new rows"
    )


def publication_line(paths: Paths, version: versions.Version, is_new: bool) -> str:
    """One line on what readers see after a build."""
    served = paths.published / paths.build.name
    state = "published" if is_new else "nothing new, still published:"
    return f"{state} version {version.number} ({version.n_bytes:,} bytes), {served}"


def tell_published(paths: Paths) -> None:
    """Print what is published and how far it can be trusted; fail if it is damaged."""
    version = versions.current_version(paths)
    served = paths.published / paths.build.name
    if damage := versions.served_damage(paths):
        raise _damaged(damage)
    if not version:
        click.echo("published: nothing")
        return
    click.echo(f"published: version {version.number}, {served}")
    if trusts := read_trust(served):
        click.echo("\n".join(printable(line) for line in trust_lines(trusts)))
    else:
        click.echo("trust: the published version has no report of it; run: eventmart build")


def tell_versions(paths: Paths) -> None:
    """List the kept versions; fail if what readers see is damaged."""
    found = [versions.examine(paths, number) for number in versions.numbers(paths)]
    if not found:
        click.echo("published: nothing; run: eventmart build")
        return
    served = versions.served_number(paths)
    rows = []
    for kept in found:
        version, at, n_bytes, delivery, change = kept.version, "-", "-", "-", "-"
        if version:
            at = (version.published_at or "-").replace("T", " ")[:19]
            n_bytes = f"{version.n_bytes:,}"
            delivery = str(version.delivery_seq or "-")
            change = str(version.change_seq or "-")
        state = f"DAMAGED: {kept.damage}" if kept.damage else "sound"
        state += ", served" if kept.number == served else ""
        rows.append((str(kept.number), at, n_bytes, delivery, change, state))
    header = ("version", "published (UTC)", "bytes", "delivery", "change", "state")
    click.echo(table(header, rows, ("right", "left", "right", "right", "right", "left")))
    if damage := versions.served_damage(paths):
        raise _damaged(damage)


def _damaged(damage: str) -> EventmartError:
    return EventmartError(
        f"published: {damage}; to serve the last undamaged version: eventmart "
        "published --repair"
    )


def tell_served_at(paths: Paths, moment: datetime) -> None:
    """Print what readers saw at a moment, and the path; fail if it is not kept."""
    serving = versions.served_at(paths, moment)
    until = f"until {serving.until:%Y-%m-%d %H:%M:%S}" if serving.until else "until now"
    span = f"from {serving.since:%Y-%m-%d %H:%M:%S} {until} UTC"
    start = f"version {serving.number}, served {span}"
    kept = versions.examine(paths, serving.number)
    if serving.number not in versions.numbers(paths):
        raise UsageError(
            f"{start}, has expired; only the last {KEEP} versions are kept, and the last "
            "one of each recent day (EVENTMART_KEEP_DAYS)"
        )
    if kept.damage:
        raise EventmartError(f"{start}, is damaged: {kept.damage}: {kept.file}")
    click.echo(f"{start}\n{kept.file}")


def tell_set_aside(paths: Paths) -> bool:
    """Print the feeds and deliveries of which most rows are in no fact; true if any."""
    found = mostly_set_aside(paths)
    for one in found:
        click.echo(printable(set_aside_line(one)), err=True)
    return bool(found)
