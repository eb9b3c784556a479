"""What was found in the files of a new feed, as a short table."""

from loaders.new_feed.guess import Guess
from loaders.new_feed.look import Look
from loaders.new_feed.plan import Plan
from loaders.new_feed.survey import Facts
from loaders.terminal import table


def found_lines(plan: Plan, look: Look) -> list[str]:
    """What was found, and by what; what to say if it is wrong."""
    guess, sketch = plan.guess, look.sketch
    lines = [_file_line(entry.label, look, guess) for entry in look.entries]
    marks = {"\t": "tab", ",": "comma", ";": "semicolon"}
    written = f"{' or '.join(sketch.encodings)}, {marks.get(sketch.delimiter, '|')}"
    if sketch.n_preamble:
        written += f", {sketch.n_preamble} lines before the header"
    lines.append(f"written    {written}")
    if guess.words:
        lines.append(f"nothing is {', '.join(map(repr, guess.words))}")
    outs = {one.name: one.out for one in plan.columns}
    if plan.time:
        outs[plan.time.name] = plan.time.at
    rows = [
        (
            facts.name,
            sketch.headers[facts.name][:25],
            "text" if facts.name in guess.identity else _kind(facts),
            f"{100 * facts.n_values / facts.n_rows:.0f} %",
            outs[facts.name],
        )
        for facts in guess.facts.values()
    ]
    header = ("column", "header", "type", "filled", "as")
    columns = table(header, rows, ("left", "left", "left", "right", "left"))
    return [*lines, *columns.splitlines(), *_guess_lines(guess)]


def _file_line(label: str, look: Look, guess: Guess) -> str:
    entry = next(one for one in look.entries if one.label == label)
    line = f"file       {label}: {entry.n_records:,} records"
    if entry.n_rejected:
        line += f", {entry.n_rejected:,} rejected"
    if entry.n_known:
        line += f", {entry.n_known:,} seen in earlier files"
    if span := guess.spans.get(label):
        line += f", {span[0]:%Y-%m-%d %H:%M} to {span[1]:%Y-%m-%d %H:%M}"
    return line


def _kind(facts: Facts) -> str:
    if facts.kind != "time":
        return "decimal comma" if facts.has_comma and facts.kind != "text" else facts.kind
    return ("time" if facts.has_clock else "date") + f" {'/'.join(facts.formats)}"[:11]


def _guess_lines(guess: Guess) -> list[str]:
    lines = []
    if commas := [
        name for name, one in guess.facts.items() if one.has_comma and one.kind == "text"
    ]:
        lines.append(
            f"text       {', '.join(commas)}: commas may stand between thousands or before "
            "decimals: kept as sent; type them in the staging model"
        )
    if clocks := [name for name, one in guess.facts.items() if one.is_clock]:
        lines.append(
            f"text       {', '.join(clocks)}: a time of day without a date is kept as sent"
        )
    if guess.time:
        lines.append(f"time       {guess.time}, written {' or '.join(guess.formats)}")
        lines.append(f"zone       {guess.zone}: {guess.why.get('zone', 'as given')}")
        if unclear := [n for n, one in guess.facts.items() if one.is_ambiguous]:
            lines.append(
                f"           {', '.join(unclear)}: no day is above 12, so month first is "
                "a guess: if it is wrong, give --day-first"
            )
    sure = "no two rows that differ share it"
    if not guess.is_identified:
        sure = "rows that differ share it: each row is an event of its own"
    elif guess.mode == "increment":
        sure += ": a later file corrects it"
    lines.append(f"identity   {', '.join(guess.identity)}: {sure}")
    if "identity" in guess.why:
        lines.append(f"           {guess.why['identity']}")
    lines.append(f"mode       {guess.mode}: {guess.why.get('mode', 'as given')}")
    if guess.days:
        lines.append(
            f"window     {guess.days} days: {guess.why['window']}; if it is wrong, give "
            "--days N"
        )
    return lines
