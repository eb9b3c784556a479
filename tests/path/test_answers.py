"""The worked queries answer, and docs/answers.md says what they answer."""

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from loaders.errors import EventmartError, UsageError
from loaders.insights.answers import (
    NOT_IN_MARGINS,
    Part,
    Question,
    answers,
    read_questions,
)
from tests.path.compiled import Compiled
from tests.projects import ROOT, Project, new_project

ANALYSES = sorted((ROOT / "analyses").glob("*.sql"))
# What they list need not be there: in small data, after a first build.
MAY_BE_EMPTY = {
    "alerts",
    "coding_breaks",
    "mass_close_days",
    "moved_by_the_last_deliveries",
    "neighborhood_gaps",
    "products_bought_together",
    "repeat_locations",
}


def show_as_published(connection: duckdb.DuckDBPyConnection) -> None:
    """Marts that are built apart, where readers would find them."""
    apart = connection.execute(
        "select table_name from duckdb_tables() "
        "where database_name = 'intermediate' and schema_name = 'marts'"
    ).fetchall()
    for (name,) in apart:
        connection.execute(
            f"create view marts.{name} as select * from intermediate.marts.{name}"
        )


@pytest.fixture(scope="module")
def demo_build(
    compiled: Compiled, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """What `make build` makes of its demo, as readers would see it."""
    from demo import generate

    folder = tmp_path_factory.mktemp("answers")
    generate(folder / "demo", 0.02, 1)
    project = new_project(folder / "data", folder / "demo")
    project.land()
    with compiled.build(project.paths.landing) as connection:
        show_as_published(connection)
        yield connection


@pytest.mark.xdist_group("compiled")
def test_the_answers_in_the_docs_are_those_of_the_demo(
    demo_build: duckdb.DuckDBPyConnection,
) -> None:
    expected = answers(demo_build, read_questions())
    found = (ROOT / "docs" / "answers.md").read_text()
    assert found == expected, "write it anew: make build SCALE=0.02 && make answers"


ABOUT = (
    "real files of the City and County of Denver (Open Data Catalog, CC BY 3.0): a random "
    "sample of 24,083 requests of January to June 2015, 4,171 accidents of the file of May "
    "2014, the 72,610 accidents with a point of 2015 to 2017 in the file of August 2019; "
    "boundaries of 2017. The requests are a sample, so their counts and rates are too low; "
    "of purchases no file is public, only margins of it that others published."
)


@pytest.mark.long
@pytest.mark.real_data
@pytest.mark.xdist_group("real")
def test_the_answers_of_the_real_files_are_what_those_say(real: Project) -> None:
    with duckdb.connect() as connection:
        for file in (real.paths.build, real.paths.intermediate):
            connection.execute(f"attach '{file}' (read_only)")
        tables = connection.execute(
            "select database_name, schema_name, table_name from duckdb_tables() "
            "where schema_name in ('marts', 'reports')"
        ).fetchall()
        connection.execute("create schema marts; create schema reports")
        for database, schema, name in tables:
            connection.execute(
                f"create view {schema}.{name} as select * from {database}.{schema}.{name}"
            )
        margins = ROOT / "demo" / "margins.json"
        expected = answers(connection, read_questions(), ABOUT, margins=margins)
    found = (ROOT / "docs" / "answers_real.md").read_text()
    assert found == expected, (
        "write it anew: eventmart answers --out docs/answers_real.md --margins "
        "demo/margins.json --about (as above)"
    )


@pytest.mark.xdist_group("compiled")
def test_demo_data_is_said_to_be_synthetic(demo_build: duckdb.DuckDBPyConnection) -> None:
    text = answers(demo_build, read_questions())
    assert "the demo (scale 0.02, seed 1). It is synthetic" in text
    text = answers(demo_build, read_questions()[:1], "the city's own files")
    assert "synthetic" not in text
    assert "**Of what data this speaks**: the city's own files" in text


@pytest.mark.xdist_group("compiled")
def test_a_query_that_returns_nothing_is_an_error(
    demo_build: duckdb.DuckDBPyConnection,
) -> None:
    demo_build.execute("begin; delete from reports.rpt_top_products")
    try:
        with pytest.raises(
            EventmartError, match=r"question 1: top_products: .* returns nothing"
        ):
            answers(demo_build, read_questions())
    finally:
        demo_build.execute("rollback")


def test_every_question_is_answered() -> None:
    questions = read_questions()
    assert [question.number for question in questions] == list(range(1, 13))
    text = (ROOT / "docs" / "answers.md").read_text()
    headings = re.findall(r"^## (\d+)\. (.*)$", text, re.MULTILINE)
    assert headings == [(str(one.number), one.question) for one in questions]
    assert text.count("**Caveat.**") == len(questions)
    n_parts = sum(len(question.parts) for question in questions)
    assert text.count("```sql") == n_parts
    assert "no answer" not in text


def test_no_number_stands_in_a_sentence_by_hand() -> None:
    # What is no value of a result: lengths and lines that the queries fix, weekdays.
    by_hand = {"365", "30", "1,000", "00", "1"}
    for question in read_questions():
        for part in question.parts:
            text = re.sub(r"\{[^}]*\}", "", part.says)
            assert set(re.findall(r"\d[\d,.]*\d|\d", text)) <= by_hand, part.query


# ---------------------------------------------------------------- in small


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    monkeypatch.setattr("loaders.insights.answers.ANALYSES", tmp_path)
    (tmp_path / "things.sql").write_text("-- Which?\nselect * from reports.rpt_things\n")
    connection = duckdb.connect()
    connection.execute(
        """
        create schema reports;
        create schema marts;
        create table reports.rpt_trust as select
            'things' as feed, 2 as n_landed_deliveries,
            timestamp '2016-01-02 03:04' as last_as_of_at;
        create table marts.fct_deliveries as
            select '/nowhere/things/1.csv' as uri, 'landed' as status;
        create table reports.rpt_things as from (values
            ('a | <b>' || chr(10) || 'c', 1500, 0.5, true, date '2016-02-29', null),
            ('\\', 2, null, false, null, null)
        ) as things (name, n_things, ratio, is_good, day, nothing);
        """
    )
    return connection


def ask(
    says: str,
    query: str = "things",
    feeds: tuple[str, ...] = ("things",),
    nothing: str | None = None,
) -> Question:
    part = Part(query=query, feeds=feeds, says=says, nothing=nothing)
    return Question(number=3, question="Which things?", caveat="None.", parts=(part,))


def test_values_are_shown_and_said_as_they_are(small: duckdb.DuckDBPyConnection) -> None:
    says = "{rows[0][name]}: {rows[0][n_things]:,} of {total[n_things]:,} in {n_rows}."
    text = answers(small, [ask(says)], "some things")
    assert "a \\| &lt;b> c: 1,500 of 1,502 in 2.\n" in text
    assert "| name | n_things | ratio | is_good | day | nothing |\n" in text
    assert "| --- | ---: | ---: | --- | --- | ---: |\n" in text
    assert "| a \\| &lt;b> c | 1,500 | 0.5 | yes | 2016-02-29 | - |\n" in text
    assert "| \\\\ | 2 | - | no | - | - |\n" in text
    assert "| things | 2 | 2016-01-02 |\n" in text
    assert "-- Which?\nselect * from reports.rpt_things\n```" in text


def test_a_value_that_is_not_known_is_called_unknown(
    small: duckdb.DuckDBPyConnection,
) -> None:
    says = "{rows[0][nothing]:,} of {rows[0][n_things]:,}, since {rows[1][day]}."
    text = answers(small, [ask(says)], "some things")
    assert "unknown of 1,500, since unknown.\n" in text


def test_a_question_of_any_feed_is_answered_from_any(
    small: duckdb.DuckDBPyConnection,
) -> None:
    small.execute("delete from reports.rpt_trust; delete from marts.fct_deliveries")
    assert "2 things\n" in answers(small, [ask("{n_rows} things", feeds=())])


def test_what_never_landed_is_said_to_have_no_answer(
    small: duckdb.DuckDBPyConnection,
) -> None:
    text = answers(small, [ask("{n_rows}", feeds=("things", "cards"))], "some things")
    assert "Nothing of cards has landed here: no answer." in text


def test_a_query_may_return_nothing_if_it_is_said_what_that_means(
    small: duckdb.DuckDBPyConnection,
) -> None:
    question = ask("{n_rows} things", nothing="There are no things.")
    assert "2 things\n\n| name |" in answers(small, [question], "some things")
    small.execute("delete from reports.rpt_things")
    text = answers(small, [question], "some things")
    assert "There are no things.\n\n<details>" in text
    with pytest.raises(EventmartError, match="returns nothing"):
        answers(small, [ask("{n_rows} things")], "some things")


def test_more_rows_than_are_shown_are_counted(small: duckdb.DuckDBPyConnection) -> None:
    small.execute("insert into reports.rpt_things (n_things) from range(8)")
    text = answers(small, [ask("{n_rows} rows")], "some things")
    assert "10 rows\n" in text
    assert "The first 5 of 10 rows." in text


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (ask("All."), "no value of the result"),
        (ask("{rows[2][n_things]}"), "its sentence: IndexError"),
        (ask("{rows[0][n_others]}"), "its sentence: KeyError"),
        (ask("{rows[0][name]:,}"), "its sentence: ValueError"),
        (ask("{total[ratio]}"), "its sentence: KeyError"),
        (ask("{n_rows", query="things"), "its sentence: ValueError"),
        (ask("{n_rows}", query="others"), "question 3: others: .*No such file"),
    ],
)
def test_a_sentence_that_the_result_cannot_fill_is_an_error(
    small: duckdb.DuckDBPyConnection, question: Question, message: str
) -> None:
    with pytest.raises(EventmartError, match=message):
        answers(small, [question], "some things")


@pytest.mark.parametrize(
    ("question", "lack"),
    [
        (ask("{rows[2][n_things]}"), "its sentence: IndexError"),
        (ask("{rows[0][name]:,}"), "its sentence: ValueError"),
        (ask("{total[ratio]}"), "its sentence: KeyError"),
        (ask("{n_rows}", query="none"), "no rows: the query returns nothing."),
        (ask("{n_rows}", query="absent"), "Catalog Error: Table with name rpt_absent"),
        (ask("{n_rows}", nothing="There are none.", query="none"), "There are none."),
    ],
)
def test_what_somebodys_data_cannot_answer_is_said_in_its_place(
    small: duckdb.DuckDBPyConnection, tmp_path: Path, question: Question, lack: str
) -> None:
    for name, query in {
        "none": "from reports.rpt_things where false",
        "absent": "from reports.rpt_absent",
    }.items():
        (tmp_path / f"{name}.sql").write_text(f"select * {query}\n")
    text = answers(small, [question, ask("{n_rows} things")], "some things", may_lack=True)
    assert lack in text
    assert "2 things\n" in text
    assert text.count("**Caveat.**") == 2


@pytest.mark.xdist_group("compiled")
@pytest.mark.parametrize(
    "feeds", [(), ("purchases",), ("accidents",), ("service_requests",)]
)
def test_every_question_has_an_answer_whatever_has_landed(
    compiled: Compiled, tmp_path: Path, demo: Path, feeds: tuple[str, ...]
) -> None:
    project = new_project(tmp_path)
    for feed in feeds:
        project.land(feed, *sorted((demo / feed).iterdir()))
    with compiled.build(project.paths.landing) as connection:
        show_as_published(connection)
        text = answers(connection, read_questions(), "one feed of the demo", may_lack=True)
    assert text.count("**Caveat.**") == 12
    # What is not there is said in words, not as an error of the query or the sentence.
    assert "Error" not in text
    if not feeds:
        assert "Nothing of purchases has landed here" in text


def test_where_nothing_has_landed_every_question_says_so(
    small: duckdb.DuckDBPyConnection,
) -> None:
    small.execute("delete from reports.rpt_trust; delete from marts.fct_deliveries")
    text = answers(small, [ask("{n_rows}")], may_lack=True)
    assert "**Of what data this speaks**: nothing: no delivery has landed" in text
    assert "Nothing of things has landed here: no answer." in text


def test_of_other_data_than_the_demo_somebody_must_say_what_it_is(
    small: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(UsageError, match="not the demo; say what data it is: --about"):
        answers(small, [ask("{n_rows}")])


@pytest.mark.parametrize("text", ["", "- {number: 1}", "- {number: 1, x: 2}", "{", "1"])
def test_a_registry_that_makes_no_sense_is_one_message(tmp_path: Path, text: str) -> None:
    (tmp_path / "answers.yml").write_text(text)
    with pytest.raises(EventmartError, match=r"answers\.yml"):
        read_questions(tmp_path / "answers.yml")


# ---------------------------------------------------------------- from what is published


@pytest.mark.xdist_group("built")
@pytest.mark.parametrize("file", ANALYSES, ids=lambda file: file.stem)
def test_a_worked_query_answers_its_question(built: Project, file: Path) -> None:
    query = file.read_text()
    head = re.match(r"(?:-- .*\n)+", query)
    assert head
    comment = " ".join(line[3:] for line in head.group().splitlines())
    question, _, caveat = comment.partition("? ")
    assert question[0].isupper()
    assert caveat, "a question, and what is to be kept in mind"
    with built.published() as connection:
        rows = connection.execute(query).fetchall()
        names = [column[0] for column in connection.description or ()]
        # The same again, whatever the order in which threads end.
        assert connection.execute(query).fetchall() == rows
    assert len(set(names)) == len(names)
    assert rows or file.stem in MAY_BE_EMPTY


def test_there_are_twenty_worked_queries() -> None:
    assert len(ANALYSES) >= 20
    parts = [part for question in read_questions() for part in question.parts]
    assert {part.query for part in parts} <= {file.stem for file in ANALYSES}
    margins = {f"margins/{file.stem}" for file in (ROOT / "analyses/margins").iterdir()}
    assert {part.margins.query for part in parts if part.margins} == margins


@pytest.mark.xdist_group("built")
def test_the_command_writes_the_answers(built: Project, tmp_path: Path) -> None:
    result = built.eventmart("answers", "--out", tmp_path / "answers.md")
    assert result.exit_code == 0, result.output
    assert "12 questions answered" in result.output
    assert "scale 0.005" in (tmp_path / "answers.md").read_text()
    nowhere = new_project(tmp_path / "nowhere")
    result = nowhere.eventmart("answers", "--out", tmp_path / "none.md")
    assert result.exit_code == 2
    assert "nothing is published yet" in result.output
    assert not (tmp_path / "none.md").exists()


@pytest.mark.xdist_group("compiled")
def test_published_margins_answer_where_no_purchases_have_landed(
    compiled: Compiled, tmp_path: Path, demo: Path
) -> None:
    margins = ROOT / "demo" / "margins.json"
    project = new_project(tmp_path)
    project.land("products", *sorted((demo / "products").iterdir()))
    with compiled.build(project.paths.landing) as connection:
        show_as_published(connection)
        text = answers(connection, read_questions(), "x", may_lack=True, margins=margins)
    assert "Nothing of purchases" not in text
    assert "Error" not in text
    first, *others = re.split(r"^## \d+\. ", text, flags=re.MULTILINE)[1:]
    # As printed by those who counted, and said to be so.
    assert "Published, and not counted here: product 4061 sold most" in first
    assert "68,369 of 1,115,572 units (6.1 %)" in first
    assert "kiosks 750 sold most, 12,295 units (1.1 %)" in " ".join(others[0].split())
    assert "one has 24,467 units (2.19 %), the next 1,688" in " ".join(others[1].split())
    assert NOT_IN_MARGINS in others[1]
    assert NOT_IN_MARGINS in others[2]
    assert "Published units, by the list of products" in others[3]


@pytest.mark.xdist_group("compiled")
def test_margins_say_nothing_where_purchases_have_landed(
    demo_build: duckdb.DuckDBPyConnection,
) -> None:
    margins = ROOT / "demo" / "margins.json"
    with demo_build.cursor() as cursor:
        cursor.execute("set search_path = 'eventmart.main,intermediate.intermediate'")
        found = answers(cursor, read_questions(), margins=margins)
        cursor.execute("detach margins")
    assert found == answers(demo_build, read_questions())


@pytest.mark.parametrize("text", ["", "{}", '{"purchases": {"units": 1}}'])
def test_margins_that_make_no_sense_are_one_message(
    small: duckdb.DuckDBPyConnection, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "margins.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"margins\.json: no published margins"):
        answers(small, [ask("{n_rows}")], "x", margins=file)
