"""The models of a new feed: their SQL and YAML, from small templates."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jinja2

from loaders.errors import UsageError
from loaders.new_feed.examples import staging_examples
from loaders.new_feed.look import Sketch
from loaders.new_feed.plan import Plan, block, is_word_of_sql

_TEMPLATES = Path(__file__).with_name("templates")
_LINE = 88
_CALENDAR = ("relationships: {arguments: {to: ref('dim_dates'), field: calendar_date}}",)
_STATES = "accepted_values: {arguments: {values: [current, aged_out, withdrawn]}}"


@dataclass(frozen=True)
class Said:
    """A column in a model's YAML, and in the select list of what shows it."""

    out: str
    sql_type: str
    description: str
    is_required: bool = False
    data_tests: tuple[str, ...] = ()
    expression: str = ""

    @property
    def shown(self) -> str:
        """As a select list has it."""
        return f"{self.expression} as {self.out}" if self.expression else self.out


@dataclass(frozen=True)
class Model:
    """A model: where it stands, what it promises, by which templates it is written."""

    name: str
    folder: str
    template: str
    description: str
    columns: list[Said]
    data_tests: list[str] = field(default_factory=list)
    has_contract: bool = False


def write_models(plan: Plan, sketch: Sketch, *, with_fact: bool) -> dict[str, str]:
    """The text of all files of a feed's models, by their path in the project."""
    models = [_staging(plan)]
    if with_fact:
        models += _listed(plan) if plan.guess.mode == "snapshot" else _events(plan)
    environment = _environment(plan)
    context = _context(plan, sketch)
    folder = f"models/staging/{plan.source}"
    # Of a source that is there already, a file beside its own.
    sources = "__".join(dict.fromkeys((plan.source, plan.feed)))
    files = {
        f"{folder}/_{sources}__sources.yml": environment.get_template(
            "sources.yml.jinja"
        ).render(context)
    }
    for model in models:
        start = f"models/{model.folder}/{model.name}"
        shown = context | {"model": model, "shown": [one.shown for one in model.columns]}
        sql = environment.get_template(f"{model.template}.sql.jinja").render(shown)
        tests = environment.get_template(f"{model.template}_tests.yml.jinja").render(shown)
        said = environment.get_template("model.yml.jinja").render(shown)
        files[f"{start}.sql"] = _with_long_lines_excused(sql)
        files[f"{start}.yml"] = f"{said}\nunit_tests:\n{tests}" if tests.strip() else said
    return files


def _environment(plan: Plan) -> jinja2.Environment:
    """Jinja with other brackets: dbt's own stay as they are."""
    environment = jinja2.Environment(  # noqa: S701  # It writes SQL and YAML.
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"quoted": _quoted, "wrapped": _wrapped, "folded": _folded}
    moves = not plan.has_time_in_key
    environment.globals["dates_from"] = lambda model: (
        f", 'dates_from': '{model}'" if moves else ""
    )
    return environment


def _quoted(names: Iterable[str]) -> list[str]:
    return [f"'{name}'" for name in names]


def _wrapped(items: Iterable[str], indent: int) -> str:
    """Items with commas between, on lines that are short enough."""
    text = ", ".join(items)
    return f"\n{' ' * indent}".join(
        textwrap.wrap(text, _LINE - indent - 1, break_long_words=False)
    )


def _folded(text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, _LINE - indent)


def _context(plan: Plan, sketch: Sketch) -> dict[str, Any]:
    """What templates may know."""
    said = plan.of("text", "numbers", "dates", "timestamps")
    always = [one.out for one in said if one.name in sketch.always]
    if plan.time and not plan.has_time_in_key:
        always.append(plan.time.at)
    return {
        "plan": plan,
        "feed": plan.feed,
        "source": plan.source,
        "staging": plan.staging,
        "mode": plan.guess.mode,
        "is_identified": plan.guess.is_identified,
        "keys": plan.keys,
        "time": plan.time,
        "columns": plan.columns,
        "typed": _typed(plan),
        "untyped": [one for one in plan.columns if one.typed and not one.is_key],
        "noqa": {one.out: _noqa(one.out) for one in plan.columns},
        "always_said": always or [plan.time.date if plan.time else plan.keys[0]],
        "said_at_times": [one.out for one in said if one.name not in sketch.always],
        "changing": next((one for one in said if one.name in sketch.always), None),
        "key": next((one for one in plan.columns if one.is_key), None),
        "examples": staging_examples(plan),
    }


def _typed(plan: Plan) -> str:
    """The select list of what staging types."""
    found = [(one.typed, one.out) for one in plan.columns if one.typed]
    if plan.time:
        feed, raw, at = plan.feed, f"sent_{plan.time.name}", plan.time.at
        found += [
            (f"{{{{ feed_time('{feed}', '{raw}') }}}}", at),
            (f"{{{{ feed_instant('{feed}', '{raw}') }}}}", f"{at}_utc"),
            (f"{{{{ feed_time_with_offset('{feed}', '{raw}') }}}}", "time_with_offset"),
        ]
    lines = ["*"]
    for expression, out in found:
        line = f"{expression} as {out}"
        if len(line) > _LINE - 9:
            line = f"{expression}\n            as {out}"
        lines[-1] += ","
        lines.append(line)
    return "\n        ".join(_with_noqa(line) for line in lines)


def _with_noqa(line: str) -> str:
    """A line of a select list, with a word to the linter if its alias is one of SQL."""
    out = line.rstrip(",").rpartition(" as ")[2]
    return f"{line}{_noqa(out)}"


def _with_long_lines_excused(sql: str) -> str:
    """SQL with a word to the linter where long names of columns make a line too long."""
    lines, n_open = [], 0
    for line in sql.split("\n"):
        n_open += line.count("{{") + line.count("{%") - line.count("}}") - line.count("%}")
        if len(line) > _LINE and n_open == 0:
            line += ",LT05" if "-- noqa:" in line else " -- noqa: LT05"
        lines.append(line)
    return "\n".join(lines)


def _noqa(out: str) -> str:
    return " -- noqa: RF04" if is_word_of_sql(out) else ""


# ---------------------------------------------------------------- models


def _staging(plan: Plan) -> Model:
    typed = _columns(plan, "keys", "text")
    typed += [
        *([Said("time_quality", "varchar", block("time_quality"))] if plan.time else []),
        Said("set_aside_reason", "varchar", block("set_aside_reason")),
        *_columns(plan, "numbers"),
        Said("has_untyped_values", "boolean", block("has_untyped_values")),
        *_times(plan),
    ]
    raw = f"source('{plan.source}', '{plan.feed}')"
    return Model(
        plan.staging,
        f"staging/{plan.source}",
        "staging",
        "One row per raw row of the feed, typed. A row without what identifies it, or "
        "without a time that can be read where its events have one, is set aside.",
        [
            Said("_row_hash", "uuid", block("_row_hash")),
            Said("_copy", "integer", block("_copy")),
            Said("event_identity", "varchar", block("event_identity")),
            *typed,
            *_audit(),
        ],
        [
            "unique_combination: {arguments: {columns: [_row_hash, _copy]}}",
            f'keeps_every_row: {{arguments: {{of: "{raw}"}}}}',
        ],
    )


def _events(plan: Plan) -> list[Model]:
    """The models of a feed of events, up to its facts."""
    if plan.time is None:
        raise UsageError("events need a time: name its column with --time, or --no-fact")
    feed, is_window = plan.feed, plan.guess.mode == "window"
    folder = f"intermediate/{feed}"
    identity = Said("identity_key", "uuid", block("identity_key"), True)
    event_date = Said("event_date", "date", block("event_date"), False, ("not_null",))
    change = Said("_change_seq", "bigint", block("_change_seq"))
    windowed = [
        Said("is_identified", "boolean", block("is_identified")),
        Said("window_date", "date", block("window_date")),
    ]
    staged = [*_staging(plan).columns, replace(identity, data_tests=("not_null",))]
    staged += [*(windowed if is_window else []), event_date]
    fate = Said(
        *("fate", "varchar", block("fate"), False, ("not_null",)),
    )
    fates = [*staged, fate]
    if is_window:
        fates += [
            Said(name, "bigint", block(name))
            for name in ("row_rank", "n_rows_at_once", "n_rows_alike", "n_events_at_once")
        ]
        fates += [
            Said("record_state", "varchar", block("record_state")),
            Said("was_reinstated", "boolean", block("was_reinstated")),
            Said("last_held_at", "timestamp", block("last_held_at")),
        ]
    else:
        fates += [
            Said(name, "boolean", block(name))
            for name in ("has_different_rows", "is_latest")
        ]
        fates += [Said("row_rank", "bigint", block("row_rank"))] * plan.guess.is_identified
    accounted = (
        "accounts_for_every_row:\n          arguments:\n"
        f"            rows: ref('{plan.staging}')\n"
        f"            versions: ref('int_{feed}_versions')\n"
        f"            fact: ref('fct_{feed}')"
    )
    keyed = ["unique_combination: {arguments: {columns: [_row_hash, _copy]}}"]
    models = [
        Model(
            *(f"int_{feed}_versions", folder, "versions"),
            "One row per raw row of the feed, with the identity of its event.",
            *(staged, keyed),
        ),
        Model(
            *(f"int_{feed}_touched", folder, "touched"),
            "One row per raw row and change of the landing that touched it. An event "
            "touched after a model's watermark is built again.",
            [replace(identity, data_tests=("not_null",)), change],
        ),
        Model(
            *(f"int_{feed}_days_touched", folder, "days_touched"),
            "One row per local date on which events may have been added, removed or "
            "changed, and change of the landing that caused it.",
            [Said(plan.time.date, "date", block("event_date")), change],
        ),
        Model(
            *(f"int_{feed}_row_fates", folder, "row_fates"),
            "One row per raw row of the feed, with its one fate.",
            *(fates, [*keyed, accounted]),
        ),
        _fact(plan, identity),
    ]
    return [*models, _fact_versions(plan, identity)] if is_window else models


def _fact(plan: Plan, identity: Said) -> Model:
    is_window = plan.guess.mode == "window"
    state = Said("record_state", "varchar", block("record_state"), True, (_STATES,))
    shown = [
        *(identity, *_columns(plan, "keys", "text")),
        Said("time_quality", "varchar", block("time_quality"), True),
        *([state] if is_window else []),
        *_columns(plan, "numbers"),
        *([Said("was_reinstated", "boolean", block("was_reinstated"), True)] * is_window),
        Said("has_untyped_values", "boolean", block("has_untyped_values"), True),
        *_times(plan, _CALENDAR),
        *([Said("last_held_at", "timestamp", block("last_held_at"))] * is_window),
        *_audit(),
    ]
    one = "one row each" if not plan.guess.is_identified else "in its latest state"
    description = (
        f"One row per event of the feed {plan.feed}, {one}. The columns that identify an "
        "event were found in files: see feeds.yml."
    )
    return Model(
        *(f"fct_{plan.feed}", f"marts/{plan.feed}", "fact", description),
        [_key(plan, f"{plan.feed}_key", "Surrogate key of the row."), *shown],
        has_contract=True,
    )


def _fact_versions(plan: Plan, identity: Said) -> Model:
    how = "accepted_values: {{arguments: {{values: [{}]}}}}".format
    arrived = how("first, changed, reinstated, returned")
    shown = [
        *(identity, *_columns(plan, "keys", "text")),
        Said(
            *("arrived_as", "varchar", block("arrived_as"), False, (arrived,)),
            "version_arrived_as",
        ),
        Said("changed_columns", "varchar", block("changed_columns")),
        Said(
            *("ended_as", "varchar", block("ended_as"), False),
            (how("changed, aged_out, withdrawn"),),
        ),
        *_columns(plan, "numbers"),
        Said("version_number", "integer", block("version_number"), True),
        Said(
            *("has_equal_identities", "boolean", block("has_equal_identities"), True),
            expression="not is_alone",
        ),
        *_times(plan, _CALENDAR),
        Said("valid_from_at", "timestamp", block("valid_from_at"), True),
        Said("valid_to_at", "timestamp", block("valid_to_at")),
        *_audit(),
    ]
    key = _key(plan, f"{plan.feed}_version_key", "Surrogate key of the version.")
    return Model(
        *(f"fct_{plan.feed}_versions", f"marts/{plan.feed}", "fact_versions"),
        f"One row per version of an event of the feed {plan.feed}: its successive values "
        "in the files, from when to when.",
        *([key, *shown], [], True),
    )


def _listed(plan: Plan) -> list[Model]:
    """The models of a feed of whole lists, up to its dimension."""
    feed = plan.feed
    listed = Said("is_listed", "boolean", block("is_listed"))
    staged = _staging(plan).columns
    helpers = [
        Said(name, "bigint", block(name))
        for name in ("last_held_place", "last_clean_place", "version_rank")
    ]
    key = _key(plan, f"{feed}_key", "Surrogate key of the listed thing.")
    said = [*_columns(plan, "keys", "text", "numbers"), replace(listed, is_required=True)]
    said += [Said("has_untyped_values", "boolean", block("has_untyped_values"), True)]
    return [
        Model(
            *(f"int_{feed}_listed", f"intermediate/{feed}", "listed"),
            (
                "One row per thing that was ever listed, with the values of the last list "
                "that contains it."
            ),
            [*staged, *helpers, listed],
            [f"unique_combination: {{arguments: {{columns: [{', '.join(plan.keys)}]}}}}"],
        ),
        Model(
            *(f"dim_{feed}", f"marts/{feed}", "dimension"),
            f"One row per thing that the lists of the feed {feed} ever contained.",
            [key, *said, *_times(plan)],
            has_contract=True,
        ),
    ]


# ---------------------------------------------------------------- columns


def _key(plan: Plan, name: str, what: str) -> Said:
    keys = ", ".join(plan.keys)
    # Names only: they are ours.
    text = f"{what} Hashed from {keys}." if len(keys) < 60 else what
    return Said(name, "uuid", text, True, ("unique",))


def _columns(plan: Plan, *groups: Any) -> list[Said]:
    return [
        Said(one.out, one.sql_type, one.description, one.is_key) for one in plan.of(*groups)
    ]


def _times(plan: Plan, calendar: tuple[str, ...] = ()) -> list[Said]:
    """The dates and timestamps: of the event, tested by the calendar, then others."""
    dates, moments = _columns(plan, "dates"), _columns(plan, "timestamps")
    if not plan.time:
        return dates + moments
    at, day = plan.time.at, plan.time.date
    return [
        Said(day, "date", block("event_local_date"), True, calendar),
        *dates,
        Said(at, "timestamp", block("event_at"), True),
        Said(f"{at}_utc", "timestamp", block("event_at_utc"), True),
        *moments,
    ]


def _audit() -> list[Said]:
    return [
        Said("_delivery_seq", "bigint", block("_delivery_seq"), True),
        Said("_change_seq", "bigint", block("_change_seq"), True),
        Said("_line", "bigint", block("_line"), True),
    ]
