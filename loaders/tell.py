"""What the command line says: of a delivery, a rehearsal, and of what is published."""

from collections import Counter
from datetime import datetime

import click

from loaders import published
from loaders.errors import EventmartError, UsageError
from loaders.ledger import WITHDRAWAL, WITHDRAWAL_UNDONE, Entry
from loaders.paths import Paths
from loaders.publish import KEEP
from loaders.rehearse import Rehearsal
from loaders.trust import read_trust, trust_lines


def printable(text: str) -> str:
    """A text from outside, safe to print: what a terminal would obey is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def counted(n: int, what: str) -> str:
    """So many of what a word in the singular says."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def result_line(entry: Entry) -> str:
    """One line on what became of a delivery."""
    start = printable(f"{entry.status:<11} {entry.feed:<17} {entry.label}")
    if entry.status in ("held", "failed"):
        # A rehearsal has no number.
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
    # What cannot be read here may be among what it lacks.
    is_clean = not (entry.n_rejected or entry.n_damaged)
    gone = [
        f"{count:,} {what}"
        for count, what in (
            (entry.n_withdrawn, "withdrawn" if is_clean else "lacking, in doubt"),
            (entry.n_aged_out, "aged out"),
        )
        if count and entry.status == "landed"
    ]
    if gone:
        line += f"; of those held before {', '.join(gone)}"
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
        lines.append(f"against delivery {seq}, as of {as_of:%Y-%m-%d}, of {n_rows:,} rows:")
    for sign, text, (count, examples) in (
        ("+", "come", rehearsal.come),
        ("-", "go", rehearsal.gone),
    ):
        if count:
            lines.append(f"  {sign} {count:,} row versions {text}, such as")
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


def publication_line(paths: Paths, version: published.Version, is_new: bool) -> str:
    """One line on what readers see after a build."""
    served = paths.published / paths.build.name
    state = "published" if is_new else "nothing new, still published:"
    return f"{state} version {version.number} ({version.n_bytes:,} bytes), {served}"


def tell_published(paths: Paths) -> None:
    """Say what is published and how far it can be trusted; fail if it is damaged."""
    version = published.current_version(paths)
    served = paths.published / paths.build.name
    if damage := published.served_damage(paths):
        raise _damaged(damage)
    if not version:
        click.echo("published: nothing")
        return
    click.echo(f"published: version {version.number}, {served}")
    if trusts := read_trust(served):
        click.echo("\n".join(printable(line) for line in trust_lines(trusts)))
    else:
        click.echo("trust: the published version does not say; run: make build")


def tell_versions(paths: Paths) -> None:
    """List the kept versions; fail if what readers see is damaged."""
    found = [published.examine(paths, number) for number in published.numbers(paths)]
    if not found:
        click.echo("published: nothing; run: make build")
        return
    served = published.served_number(paths)
    click.echo(
        f"{'version':>7}  {'published (UTC)':<19}{'bytes':>16}{'delivery':>10}{'change':>8}"
        "  state"
    )
    for kept in found:
        version, at, n_bytes, delivery, change = kept.version, "-", "-", "-", "-"
        if version:
            at = (version.published_at or "-").replace("T", " ")[:19]
            n_bytes = f"{version.n_bytes:,}"
            delivery = str(version.delivery_seq or "-")
            change = str(version.change_seq or "-")
        state = f"DAMAGED: {kept.damage}" if kept.damage else "sound"
        state += ", served" if kept.number == served else ""
        click.echo(
            f"{kept.number:>7}  {at:<19}{n_bytes:>16}{delivery:>10}{change:>8}  {state}"
        )
    if damage := published.served_damage(paths):
        raise _damaged(damage)


def _damaged(damage: str) -> EventmartError:
    return EventmartError(
        f"published: {damage}; put the last good version back: eventmart published --repair"
    )


def tell_served_at(paths: Paths, moment: datetime) -> None:
    """Say what readers saw at a moment, and where it is kept; fail if it is not."""
    serving = published.served_at(paths, moment)
    until = f"until {serving.until:%Y-%m-%d %H:%M:%S}" if serving.until else "until now"
    span = f"from {serving.since:%Y-%m-%d %H:%M:%S} {until} UTC"
    start = f"version {serving.number}, served {span}"
    kept = published.examine(paths, serving.number)
    if serving.number not in published.numbers(paths):
        raise UsageError(
            f"{start}, has expired; kept are the last {KEEP} versions and the "
            "last of each of some days (EVENTMART_KEEP_DAYS)"
        )
    if kept.damage:
        raise EventmartError(f"{start}, is damaged: {kept.damage}: {kept.file}")
    click.echo(f"{start}\n{kept.file}")
