"""What readers get: the published file, its numbers, and where they came from."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loaders.publishing.privacy import read_disclosure
from tests.projects import ROOT, Project, new_project

# They share what takes long to set up.
pytestmark = pytest.mark.xdist_group("built")

FACTS = {
    "fct_purchases": "purchase_key",
    "fct_service_requests": "service_request_key",
    "fct_accidents": "accident_key",
}


def relations(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_catalog = current_catalog() order by all"
    ).fetchall()
    return [name for (name,) in rows]


def test_the_published_file_holds_marts_and_reports_only(built: Project) -> None:
    with built.published() as connection:
        schemas = {name.split(".")[0] for name in relations(connection)}
    assert schemas == {"marts", "reports"}


@pytest.mark.full
@pytest.mark.parametrize("feed", [None, "purchases", "service_requests", "accidents"])
def test_who_has_one_feed_or_none_gets_a_build_that_passes(
    demo: Path, tmp_path: Path, feed: str | None
) -> None:
    project = new_project(tmp_path)
    if feed:
        project.land(feed, demo / feed)
    project.dbt("build", "--exclude-resource-type", "unit_test")
    project.publish()


def test_every_published_relation_reads_alone_renamed_and_under_another_alias(
    built: Project, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.duckdb"
    shutil.copy(built.paths.published / "eventmart.duckdb", moved)
    with duckdb.connect() as connection:
        connection.execute("set autoinstall_known_extensions = false")
        connection.execute(f"attach '{moved}' as elsewhere (read_only)")
        connection.execute("use elsewhere")
        names = relations(connection)
        assert len(names) > 15
        for name in names:
            connection.execute(f"select * from {name} limit 1").fetchall()


def test_every_published_table_and_column_is_described(built: Project) -> None:
    with built.published() as connection:
        silent = connection.execute(
            """
            select schema_name || '.' || table_name as name from duckdb_tables()
            where comment is null
            union all
            select schema_name || '.' || table_name || '.' || column_name
            from duckdb_columns()
            where comment is null and not internal
            """
        ).fetchall()
    assert silent == []


def models(project: Project) -> list[dict[str, Any]]:
    """The models of this project, as dbt's manifest describes them."""
    manifest = json.loads((project.paths.target / "manifest.json").read_text())
    nodes = manifest["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model"]


def test_no_personal_column_is_published(built: Project) -> None:
    personal = {
        (node["name"], name)
        for node in models(built)
        for name, column in node["columns"].items()
        if column["config"]["meta"].get("is_personal")
    }
    assert ("dim_customers", "card_hash") in personal
    with built.published() as connection:
        rows = connection.execute(
            "select table_name, column_name from duckdb_columns() where not internal"
        ).fetchall()
    assert ("dim_customers", "customer_key") in rows
    assert not personal & set(rows)


def test_every_report_says_whether_its_rows_are_cells_that_may_be_small(
    built: Project,
) -> None:
    silent = [
        node["name"]
        for node in models(built)
        if node["schema"] == "reports" and "cell" not in node["config"]["meta"]
    ]
    assert silent == []


def test_every_report_is_exported_whole_but_for_small_cells(built: Project) -> None:
    folder = built.paths.published / "exports"
    disclosed = read_disclosure(built.paths.target / "manifest.json").relations
    running = {f"reports.{one.name}": one.cell.running for one in disclosed if one.cell}
    with built.published() as connection:
        reports = [name for name in relations(connection) if name.startswith("reports.")]
        assert len(list(folder.glob("*.csv"))) == len(reports) > 10
        for report in reports:
            file = folder / f"{report.removeprefix('reports.')}.parquet"
            cells = connection.execute(f"from '{file}' limit 0").description or []
            # They end above the first cell that is hidden.
            left_out = {"is_suppressed", *running.get(report, ())}
            names = [column[0] for column in cells if column[0] not in left_out]
            shown = " where not is_suppressed" if running.get(report) is not None else ""
            listed = ", ".join(f'"{name}"' for name in names)
            (missing,) = connection.execute(
                f"select count(*) from (select {listed} from '{file}'{shown} "
                f"except all select {listed} from {report})"
            ).fetchone() or (None,)
            assert missing == 0, report
            counts = [
                connection.execute(f"select count(*) from {source}").fetchall()
                for source in (f"'{file}'", f"'{file.with_suffix('.csv')}'", report)
            ]
            assert counts[0] == counts[1] == counts[2], report


def test_no_exported_cell_is_hidden_alone_in_its_total(built: Project) -> None:
    manifest = built.paths.target / "manifest.json"
    n_checked = 0
    for report in read_disclosure(manifest).relations:
        file = built.paths.published / "exports" / f"{report.name}.parquet"
        for columns in report.cell.totals if report.cell else ():
            listed = ", ".join(columns) or "()"
            counts = ", ".join(report.cell.counts if report.cell else ())
            rows = duckdb.sql(
                "select count(*) filter (where is_suppressed) as n_hidden, "
                f"count(*) filter (where greatest({counts}) > 0) as n_shown "
                f"from '{file}' group by {listed}"
            ).fetchall()
            assert not [1 for hidden, shown in rows if hidden == 1 and shown], report.name
            n_checked += sum(hidden > 0 for hidden, _ in rows)
    assert n_checked > 50


def readme_queries() -> list[str]:
    return re.findall(r"```sql\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_readme_quotes_five_of_the_analyses() -> None:
    analyses = {path.read_text().strip() for path in (ROOT / "analyses").glob("*.sql")}
    queries = [query.strip() for query in readme_queries()]
    assert len(queries) == 5
    assert set(queries) <= analyses


@pytest.mark.parametrize(
    "query", readme_queries(), ids=map(str, range(len(readme_queries())))
)
def test_a_query_of_the_readme_answers(built: Project, query: str) -> None:
    with built.published() as connection:
        rows = connection.execute(query).fetchall()
    assert rows


@pytest.mark.parametrize(("fact", "key"), FACTS.items())
def test_a_fact_is_traced_to_its_line_word_for_word(
    built: Project, fact: str, key: str
) -> None:
    with built.published() as connection:
        found = connection.execute(
            f"select {key}, _line from marts.{fact} order by {key} limit 5"
        ).fetchall()
    for value, line in found:
        result = built.eventmart("trace", str(value))
        assert result.exit_code == 0, result.output
        assert f"line      {line}\n" in result.output
        record = re.search(r"^record    (.*)$", result.output, re.MULTILINE)
        header = re.search(r"^header    (.*)$", result.output, re.MULTILINE)
        assert record
        assert header
        fields = next(csv.reader([record.group(1)]))
        assert len(fields) == len(header.group(1).split(","))


def test_a_key_that_no_fact_has_is_an_error(built: Project) -> None:
    result = built.eventmart("trace", "00000000-0000-0000-0000-000000000000")
    assert result.exit_code == 2
    assert "no fact has the key" in result.output


def test_six_in_the_morning_utc_is_ten_at_night_at_the_kiosk(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    project = new_project(tmp_path_factory.mktemp("hour"))
    file = project.paths.data / "one.csv"
    file.write_text(
        "kiosk_id,product_id,card_hash,date_time,fc_number\n"
        "108,2457,abc,2017-12-06 22:06:36-08,20.0\n"
    )
    project.land("purchases", file)
    project.run("--select", "+fct_purchases")
    with duckdb.connect(str(project.paths.build), read_only=True) as connection:
        hours = connection.execute(
            "select hour(purchased_at), hour(purchased_at_utc), fc_number "
            "from marts.fct_purchases"
        ).fetchall()
    assert hours == [(22, 6, "20")]
