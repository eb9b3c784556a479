"""The questions this project was built to answer, answered from what is published.

`loaders/insights/answers.yml` says which worked queries answer which question. What they
return is shown as tables, and said in a sentence of which every number is a value of the
result.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import Any

import duckdb
import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loaders.config.paths import PROJECT, Paths
from loaders.errors import EventmartError, UsageError
from loaders.landing.demo_data import truth_beside
from loaders.publishing.versions import open_published

ANALYSES = PROJECT / "analyses"
REGISTRY = Path(__file__).with_name("answers.yml")
MOST_ROWS = 1_000_000
# What single purchases are needed for is what nobody publishes.
NOT_IN_MARGINS = (
    "Of purchases only margins are public, and they do not tell this: it takes single "
    "purchases."
)
# Lists of the published margins, as tables that queries read.
_LISTS = {
    "products": ("top_products", "product_id varchar"),
    "kiosks": ("top_kiosks", "kiosk_id varchar"),
    "cards": ("top_cards", "card_rank integer"),
    "product_parts": ("product_times", "product_id varchar, day_part varchar"),
}

Row = Mapping[str, Any]


class LackError(EventmartError):
    """What is published does not have what an answer needs."""

    def __init__(self, place: str, lack: str) -> None:
        super().__init__(f"{place}: {lack}")
        self.lack = lack


class _Sentences(Formatter):
    """Templates in which a value that is not known is called unknown."""

    def format_field(self, value: object, format_spec: str) -> str:
        return "unknown" if value is None else str(format(value, format_spec))


class Part(BaseModel):
    """One query, and the sentence that says what it returned.

    Attributes:
        query: the name of a file in `analyses/`.
        feeds: the feeds without which there is nothing to answer from; none if any does.
        says: a template of the sentence: `{rows[0][n_purchases]:,}` is a value of the
            first row, `{total[n_purchases]:,}` the sum of a column, `{n_rows}` how many.
        nothing: what it means if the query returns nothing; an error if this is not said.
        n_shown: so many rows are shown.
        margins: what is told in its place where purchases have not landed, and only their
            published margins are known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str = Field(pattern=r"^([a-z0-9_]+/)?[a-z0-9_]+$")
    feeds: tuple[str, ...] = ()
    says: str = Field(min_length=1)
    nothing: str | None = Field(default=None, min_length=1)
    n_shown: int = Field(default=5, ge=1)
    margins: "Part | None" = None


class Question(BaseModel):
    """A question, the queries that answer it, and what is to be kept in mind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1)
    question: str = Field(min_length=1)
    caveat: str = Field(min_length=1)
    parts: tuple[Part, ...] = Field(min_length=1)


def read_questions(registry: Path = REGISTRY) -> list[Question]:
    """Read which queries answer which question.

    Raises:
        EventmartError: if the registry makes no sense.
    """
    try:
        found = yaml.safe_load(registry.read_text())
        return TypeAdapter(list[Question]).validate_python(found)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise EventmartError(f"{registry}: {error}") from error


def answer_all(
    paths: Paths, about: str | None, margins: Path | None = None
) -> tuple[str, int]:
    """Answer all questions from what is published.

    Args:
        paths: the data folder.
        about: what data it is; of the demo it is known.
        margins: a file of published counts of purchases, for where these have not landed.

    Returns:
        The answers, as Markdown, and how many there are.

    Raises:
        UsageError: if nothing is published, or nobody says what the data is.
    """
    questions = read_questions()
    with open_published(paths.published / paths.build.name) as connection:
        return answers(connection, questions, about, may_lack=True, margins=margins), len(
            questions
        )


def answers(
    connection: duckdb.DuckDBPyConnection,
    questions: Sequence[Question],
    about: str | None = None,
    *,
    may_lack: bool = False,
    margins: Path | None = None,
) -> str:
    """The answers, as Markdown.

    Args:
        connection: to what is published.
        questions: what to answer.
        about: what data it is; of the demo it is known.
        may_lack: whether what the data cannot answer is said in its place, as of anybody's
            data, or is an error, as of data that is known to answer all.
        margins: a file of published counts of purchases, as `demo/margins.json`, which
            answers where no purchases have landed.

    Raises:
        UsageError: if nobody says what the data is.
        EventmartError: unless it may lack, if a query returns nothing, or not what its
            sentence says.
    """
    landed = connection.execute(
        "select feed, n_landed_deliveries, last_as_of_at from reports.rpt_trust "
        "where n_landed_deliveries > 0 order by feed"
    ).fetchall()
    feeds = {feed for feed, _, _ in landed}
    if not landed:
        about = about or "nothing: no delivery has landed"
    if margins:
        _add_margins(connection, margins)
    lines = ["# Answers", "", *_about(about or _demo(connection)), ""]
    lines += ["| feed | deliveries | newest as-of |", "| --- | ---: | --- |"]
    lines += [f"| {feed} | {n:,} | {_cell(at)[:10]} |" for feed, n, at in landed]
    lines += [
        "",
        "Written by `make answers`: every number is of the query that stands with it, and",
        "every query is in [analyses/](../analyses/). Intervals are of 95 %.",
    ]
    for question in questions:
        lines += ["", f"## {question.number}. {question.question}", ""]
        for part in question.parts:
            try:
                lines += _part(connection, question, part, feeds, margins)
            except LackError as error:
                if not may_lack:
                    raise
                lines += [f"No answer from this data: {_cell(error.lack)}.", ""]
        lines += [f"**Caveat.** {question.caveat.strip()}"]
    return "\n".join(lines) + "\n"


def _about(about: str | None) -> list[str]:
    if not about:
        raise UsageError(
            "what is published is not the demo; say what data it is: --about TEXT"
        )
    return [f"**Of what data this speaks**: {about.strip()}"]


def _demo(connection: duckdb.DuckDBPyConnection) -> str | None:
    """What to say of the demo; None if anything landed that is not of it."""
    uris = connection.execute(
        "select distinct uri from marts.fct_deliveries where status = 'landed'"
    ).fetchall()
    truths = [truth_beside(uri) for (uri,) in uris]
    found = {(truth["scale"], truth["seed"]) for truth in truths if truth}
    if len(found) != 1 or None in truths:
        return None
    ((scale, seed),) = found
    return (
        f"the demo (scale {scale:g}, seed {seed}). It is synthetic: invented rows in the "
        "real formats, whose totals follow published figures. What it says of products, "
        "places and people is no finding; it shows what can be asked, and how the answer "
        "looks."
    )


def _add_margins(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Published counts of purchases, as tables of a database `margins` in memory.

    Raises:
        UsageError: if the file does not hold them.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["purchases"]
        connection.execute("attach ':memory:' as margins")
        for table, (name, columns) in _LISTS.items():
            connection.execute(
                f"create table margins.{table} ({columns}, n_purchases bigint)"
            )
            marks = ", ".join("?" for _ in range(columns.count(",") + 2))
            connection.executemany(
                f"insert into margins.{table} values ({marks})",  # noqa: S608
                found[name],
            )
        connection.execute(
            "create table margins.parts (day_part varchar, n_purchases bigint)"
        )
        connection.executemany(
            "insert into margins.parts values (?, ?)", list(found["times_of_day"].items())
        )
        connection.execute(
            "create table margins.totals as select cast(? as bigint) as n_purchases, "
            "cast(? as bigint) as n_kiosks, cast(? as bigint) as n_cards",
            [found["units"], found["n_kiosks"], found["n_cards"]],
        )
    except (OSError, ValueError, LookupError, TypeError, duckdb.Error) as error:
        raise UsageError(f"{file}: no published margins of purchases: {error}") from error


def _part(
    connection: duckdb.DuckDBPyConnection,
    question: Question,
    part: Part,
    feeds: set[str],
    margins: Path | None,
) -> list[str]:
    if margins and "purchases" in part.feeds and "purchases" not in feeds:
        if not part.margins:
            return [NOT_IN_MARGINS, ""]
        part = part.margins
    if missing := [feed for feed in part.feeds if feed not in feeds]:
        return [f"Nothing of {' and '.join(missing)} has landed here: no answer.", ""]
    place = f"question {question.number}: {part.query}"
    try:
        query = (ANALYSES / f"{part.query}.sql").read_text().strip()
    except OSError as error:
        raise EventmartError(f"{place}: {error}") from error
    try:
        result = connection.execute(query)
    except duckdb.Error as error:
        raise LackError(place, str(error).splitlines()[0]) from error
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchmany(MOST_ROWS + 1)]
    if len(rows) > MOST_ROWS:
        raise LackError(place, f"more than {MOST_ROWS:,} rows: no answer has so many")
    if not rows and not part.nothing:
        raise LackError(place, "no rows: the query returns nothing")
    if rows:
        found = [_sentence(place, part.says, names, rows), ""]
        found += _table(names, rows, part.n_shown)
    else:
        found = [str(part.nothing)]
    return [
        *found,
        "",
        "<details><summary>The query</summary>",
        "",
        "```sql",
        query,
        "```",
        "",
        "</details>",
        "",
    ]


def _sentence(place: str, says: str, names: list[str], rows: Sequence[Row]) -> str:
    """The template, filled with values of the result."""
    total = {
        name: sum(row[name] for row in rows)
        for name in names
        if all(_is_number(row[name]) for row in rows)
    }
    said = [
        {
            name: _cell(value) if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    ]
    values = {"rows": said, "total": total, "n_rows": len(rows)}
    try:
        if any(name for _, name, _, _ in Formatter().parse(says)):
            return _Sentences().format(says.strip(), **values)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise LackError(place, f"its sentence: {error!r}") from error
    raise EventmartError(f"{place}: its sentence has no value of the result")


def _table(names: list[str], rows: Sequence[Row], n_shown: int) -> list[str]:
    is_number = [
        all(row[name] is None or _is_number(row[name]) for row in rows) for name in names
    ]
    rules = ["---:" if is_right else "---" for is_right in is_number]
    lines = [_line(names), _line(rules)]
    lines += [_line([_cell(row[name]) for name in names]) for row in rows[:n_shown]]
    if len(rows) > n_shown:
        lines += ["", f"The first {n_shown} of {len(rows)} rows."]
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: object) -> str:
    """A value, safe in a cell of a table."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int() | float() | Decimal():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
    text = str(value)
    shown = "".join(c if c.isprintable() else " " for c in text)
    return shown.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
