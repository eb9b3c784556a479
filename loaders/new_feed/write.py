"""Write a new feed: its entry in the settings, and its models, or nothing at all."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from loaders.config.feeds import Feed, load_feeds
from loaders.errors import UsageError
from loaders.new_feed.guess import Guess
from loaders.new_feed.look import Look, aliases_of
from loaders.new_feed.plan import Plan
from loaders.new_feed.survey import Facts

_EVENTS = "  events:"


def entry_of(plan: Plan, look: Look, description: str) -> str:
    """The feed's entry in feeds.yml, as text."""
    guess, feed, sketch = plan.guess, plan.feed, look.sketch
    as_of: dict[str, object] = {"arrival": True}
    if guess.mode == "snapshot":
        as_of = {"file_name": r"(\d{4}-\d{2}-\d{2})"} | as_of
    elif guess.time:
        as_of = {"newest": _newest(guess)}
    lines: dict[str, object] = {
        "description": description,
        "mode": guess.mode,
        "sources": [f"{feed}/*.csv", f"{feed}/*.csv.gz", f"{feed}/*.zip"],
        "encodings": [*sketch.encodings],
    }
    if sketch.delimiter != ",":
        lines["delimiter"] = sketch.delimiter
    if sketch.n_preamble:
        lines["max_preamble_lines"] = sketch.n_preamble
    if guess.words:
        lines["null_markers"] = [*guess.words]
    if guess.formats:
        lines |= {"zone": guess.zone, "formats": [*guess.formats]}
    lines["as_of"] = as_of
    if guess.days:
        lines["window"] = {"column": guess.time, "days": guess.days}
    if others := [
        one.name
        for one in guess.facts.values()
        if one.kind == "time" and one.name not in (guess.time, *_newest(guess))
    ]:
        lines["times"] = others
    needed = [name for name in guess.facts if _is_needed(name, guess, sketch.always)]
    text = f"\n  {feed}:\n"
    text += "".join(f"    {key}: {_flow(value)}\n" for key, value in lines.items())
    text += f"    layouts:\n      - {_flow({'name': 'first', 'has': needed[:6]})}\n"
    text += f"    identity: {_flow([*guess.identity])}\n    columns:\n"
    for name, header in sketch.headers.items():
        settings: dict[str, object] = {"required": True} if name in needed else {}
        if name in guess.ids:
            settings["ids"] = True
        if aliases := aliases_of(name, header):
            settings["aliases"] = [*aliases]
        text += f"      {name}: {_flow(settings)}\n"
    return text


def _newest(guess: Guess) -> list[str]:
    """The columns whose newest time is that of the file: what lies ahead is not."""
    if guess.time is None:
        return []
    ends = [one for one in guess.facts.values() if one.kind == "time" and _is_past(one)]
    return [guess.time, *(one.name for one in ends if one.name != guess.time)]


def _is_past(one: Facts) -> bool:
    return any(word in one.name for word in ("updat", "modif", "clos", "resol"))


def _is_needed(name: str, guess: Guess, always: frozenset[str]) -> bool:
    return name in always and (name in guess.identity or name == guess.time)


def _flow(value: object) -> str:
    """A value of YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


def with_entry(feeds_file: Path, feed: str, entry: str) -> tuple[str, Feed]:
    """The settings with an entry more, all else as it was; and the feed that it makes.

    Raises:
        UsageError: if the feed is there already, or the settings would not be valid.
    """
    if feed in load_feeds(feeds_file):
        raise UsageError(f"{feeds_file}: has a feed {feed} already; choose another name")
    text = feeds_file.read_text(encoding="utf-8").rstrip("\n") + "\n" + entry
    with TemporaryDirectory() as folder:
        draft = Path(folder) / feeds_file.name
        draft.write_text(text, encoding="utf-8")
        try:
            return text, load_feeds(draft)[feed]
        except UsageError as error:
            said = str(error).removeprefix(f"{draft}: ")
            raise UsageError(f"{feeds_file}: would not be valid: {said}") from error


def with_events(project_file: Path, plan: Plan) -> str:
    """The project's settings with the feed's events among those that are counted.

    Raises:
        UsageError: if they have no list of them.
    """
    lines = project_file.read_text(encoding="utf-8").splitlines()
    if _EVENTS not in lines or plan.time is None:
        raise UsageError(f"{project_file}: has no vars.events to add the feed to")
    end = lines.index(_EVENTS) + 1
    while end < len(lines) and lines[end].startswith("   "):
        end += 1
    feed = plan.feed
    settings = (
        f"      {{fates: int_{feed}_row_fates, touched: int_{feed}_days_touched,\n"
        f"       fact: fct_{feed}, date: {plan.time.date}"
    )
    if plan.guess.mode == "window":
        settings += ", has_states: true"
    lines[end:end] = [f"    {feed}:", *(settings + "}").splitlines()]
    return "\n".join(lines) + "\n"


def check_free(project: Path, files: Iterable[Path]) -> None:
    """Check that no file of these is there, and no model of their names.

    Raises:
        UsageError: naming what is there.
    """
    held = {path.name: path for path in (project / "models").rglob("*.sql")}
    for there in files:
        other = held.get(there.name)
        if there.exists() or other:
            raise UsageError(
                f"{other or there}: already exists; choose another name for the feed, or "
                "another --source"
            )


def write_all(texts: dict[Path, str]) -> None:
    """Write all files, those that are new first; of a failure nothing is left.

    Settings are replaced at once, so that nobody reads half of them.
    """
    new = [path for path in texts if not path.exists()]
    try:
        for path in new:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
        for path in texts:
            if path not in new:
                draft = path.with_name(f".{path.name}.new")
                draft.write_text(texts[path], encoding="utf-8")
                draft.replace(path)
    except OSError:
        for path in new:
            path.unlink(missing_ok=True)
        raise
