"""Rows for the unit tests of a new feed, made up: nothing that stands in its files."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from loaders.new_feed.plan import Plan, Sent
from loaders.new_feed.survey import Facts

_MOMENT = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
_DAMAGED = "2.01310E+15"


@dataclass(frozen=True)
class Example:
    """A row as sent and as staging has it, both as YAML."""

    sent: str
    expected: str


def staging_examples(plan: Plan) -> list[Example]:
    """A good row, one with values that cannot be typed, and such as are set aside."""
    facts = plan.guess.facts
    good = {one.name: _sent(one, facts[one.name]) for one in plan.columns}
    typed: dict[str, object] = {
        one.out: _typed(plan, one, good[one.name]) for one in plan.columns
    }
    typed |= {"set_aside_reason": None, "has_untyped_values": False}
    if plan.time:
        good[plan.time.name], typed[plan.time.at] = _time(plan, facts[plan.time.name])
    rows: list[tuple[dict[str, str], dict[str, object]]] = [(good, typed)]
    loose = [one for one in plan.columns if one.typed and not one.is_key]
    if loose:
        broken = good | {loose[0].name: "x"}
        rows.append((broken, typed | {loose[0].out: None, "has_untyped_values": True}))
    for one in [one for one in plan.columns if one.is_key][:1]:
        lacking: dict[str, object] = {one.out: None}
        lacking["set_aside_reason"] = f"no_{one.name}"
        rows.append((good | {one.name: " "}, typed | lacking))
        if one.name in plan.guess.ids:
            damaged: dict[str, object] = {one.out: _DAMAGED}
            damaged["set_aside_reason"] = "damaged_id"
            rows.append((good | {one.name: _DAMAGED}, typed | damaged))
    if plan.time:
        name, at = plan.time.name, plan.time.at
        reason: dict[str, object] = {at: None}
        reason["set_aside_reason"] = f"untyped_{name}"
        rows.append((good | {name: "never"}, typed | reason))
    return [
        Example(_flow({"_line": line, **sent}, 13), _flow({"_line": line, **expected}, 11))
        for line, (sent, expected) in enumerate(rows, start=2)
    ]


def _flow(row: dict[str, object], indent: int) -> str:
    """A row as a mapping of YAML on lines that are short enough."""
    parts = [f"{name}: {json.dumps(value)}" for name, value in row.items()]
    lines = [""]
    for part in parts:
        if len(lines[-1]) + len(part) > 120:
            lines.append("")
        lines[-1] += f"{part}, "
    return "{" + f"\n{' ' * indent}".join(line.rstrip() for line in lines).rstrip(",") + "}"


def _sent(one: Sent, facts: Facts) -> str:
    if facts.kind == "time":
        return _text(facts, facts.formats[0])
    if one.is_key:
        return "101" if facts.is_digits else "a1"
    number = "7,5" if facts.has_comma else "7.5"
    return {"integer": "7", "text": "some words"}.get(facts.kind, number)


def _typed(plan: Plan, one: Sent, sent: str) -> object:
    facts = plan.guess.facts[one.name]
    if facts.kind == "time":
        _, clock = _time(plan, facts)
        return clock[:10] if one.sql_type == "date" else clock
    if one.group == "numbers":
        return json.loads(sent.replace(",", "."))
    return sent


def _time(plan: Plan, facts: Facts) -> tuple[str, str]:
    """A time as sent, and on the clocks of the feed's zone."""
    form = facts.formats[0]
    text = _text(facts, form)
    moment = _MOMENT
    if facts.has_offset:
        moment = moment.astimezone(ZoneInfo(plan.guess.zone))
    elif not facts.has_clock or not _has_clock(form):
        moment = moment.replace(hour=0, minute=0)
    return text, f"{moment:%Y-%m-%d %H:%M:%S}"


def _text(facts: Facts, form: str) -> str:
    """The moment of all examples, in a form that the files have."""
    count = int(_MOMENT.timestamp())
    numbers = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}
    if form in numbers:
        return str(count * numbers[form])
    if form == "excel_serial":
        return "45356"
    if form == "iso":
        pattern = "%Y-%m-%d %H:%M:%S" if facts.has_clock else "%Y-%m-%d"
        return f"{_MOMENT:{pattern}}" + ("Z" if facts.has_offset else "")
    if form == "us":
        return "3/5/2024 2:30:00 PM" if facts.has_clock else "3/5/2024"
    return _MOMENT.strftime(form)


def _has_clock(form: str) -> bool:
    return form in ("iso", "us") or "%H" in form
