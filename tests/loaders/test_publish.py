"""Publishing: readers see a whole, tested build, or the one before it."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import make_feed

from loaders import publish as publishing
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing import Warehouse, land_file
from loaders.paths import Paths
from loaders.publish import (
    current_version,
    is_up_to_date,
    publish,
    rollback,
    versions,
)
from loaders.warehouse import create_tables, open_landing

PASSED = [
    {"unique_id": "model.eventmart.dim_dates", "status": "success"},
    {"unique_id": "test.eventmart.unique_x", "status": "pass"},
    {"unique_id": "exposure.eventmart.x", "status": "no-op"},
]


def build(paths: Paths, content: str) -> None:
    """A build file as dbt leaves it, in small."""
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute(
            f"""
            create schema if not exists marts;
            create schema if not exists reports;
            create schema if not exists staging;
            create schema if not exists seeds;
            create schema if not exists meta;
            create or replace table marts.fct_things as select '{content}' as content;
            create or replace view marts.things as select * from marts.fct_things;
            create or replace table reports.rpt_things as select 1 as n_things;
            create or replace table marts.fct_deliveries as
                select 7 as _delivery_seq, 5 as _change_seq;
            create or replace view staging.stg_things as select 'private' as content;
            create or replace table seeds.aliases as select 1 as one;
            create or replace table meta.model_states (
                node_id varchar, definition varchar, fingerprint varchar,
                data_version varchar, built_change_seq bigint, n_rows_written bigint
            );
            insert into meta.model_states values
                ('model.eventmart.fct_things', 'd', 'f', '{content}', 1, 1);
            """
        )


@pytest.fixture
def project(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, written before anything was built."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml", "models/fct_things.sql"):
        (folder / name).write_text("")
        os.utime(folder / name, (1, 1))
    monkeypatch.setattr(publishing, "PROJECT", folder)
    with open_landing(paths.landing) as landing:
        create_tables(landing, {"things": make_feed()})
    return folder


@pytest.fixture
def results(project: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write dbt's record of a build that took ten seconds and ends now."""

    def write(results: Any = PASSED, **arguments: Any) -> Path:
        path = tmp_path / "run_results.json"
        record = {
            "metadata": {"generated_at": datetime.now(UTC).isoformat()},
            "elapsed_time": 10.0,
            "args": {"which": "build", "select": [], "exclude": []} | arguments,
            "results": results,
        }
        path.write_text(json.dumps(record))
        return path

    return write


def served(paths: Paths) -> Path:
    return paths.published / "eventmart.duckdb"


def content(file: Path) -> Any:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute("select content from marts.things").fetchall()[0][0]


def three(paths: Paths, run_results: Path) -> None:
    for text in ("one", "two", "three"):
        build(paths, text)
        publish(paths, run_results)


def test_a_build_is_published_without_what_is_private(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    version, is_new = publish(paths, results())
    assert (version.number, is_new) == (1, True)
    with duckdb.connect(str(served(paths)), read_only=True) as connection:
        relations = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables "
            "order by all"
        ).fetchall()
    assert [name for (name,) in relations] == [
        "marts.fct_deliveries",
        "marts.fct_things",
        "marts.things",
        "reports.rpt_things",
    ]
    assert version.n_bytes == served(paths).stat().st_size
    assert not list(paths.published.rglob("*.wal"))
    assert sorted(path.name for path in paths.published.iterdir()) == [
        ".tested-inputs",
        "eventmart.duckdb",
        "served.jsonl",
        "versions",
    ]
    with duckdb.connect(str(paths.build)) as connection:
        assert connection.execute("from staging.stg_things").fetchall() == [("private",)]


@pytest.mark.parametrize(
    ("bad", "arguments", "message"),
    [
        ("error", {}, "1 of dbt's results did not pass.*test.eventmart.bad"),
        ("fail", {}, "1 of dbt's results did not pass"),
        ("warn", {}, "1 of dbt's results did not pass"),
        ("skipped", {}, "1 of dbt's results did not pass"),
        ("pass", {"select": ["fct_things"]}, "not a whole `dbt build`"),
        ("pass", {"exclude": ["fct_things"]}, "not a whole `dbt build`"),
        ("pass", {"selector": "some"}, "not a whole `dbt build`"),
        ("pass", {"resource_types": ["model"]}, "not a whole `dbt build`"),
        ("pass", {"exclude_resource_types": ["test"]}, "not a whole `dbt build`"),
        (
            "pass",
            {"exclude_resource_types": ["unit_test", "seed"]},
            "not a whole `dbt build`",
        ),
        ("pass", {"empty": True}, "not a whole `dbt build`"),
        ("pass", {"sample": "3 days"}, "not a whole `dbt build`"),
        ("pass", {"which": "run"}, "not a whole `dbt build`"),
    ],
)
def test_a_failing_or_partial_build_is_not_published(
    paths: Paths,
    results: Callable[..., Path],
    bad: str,
    arguments: dict[str, Any],
    message: str,
) -> None:
    build(paths, "one")
    publish(paths, results())
    build(paths, "two")
    outcome = [*PASSED, {"unique_id": "test.eventmart.bad", "status": bad}]
    with pytest.raises(EventmartError, match=message):
        publish(paths, results(outcome, **arguments))
    assert content(served(paths)) == "one"
    assert len(versions(paths)) == 1


@pytest.mark.parametrize("text", [None, "", "no json"])
def test_a_build_without_record_is_not_published(
    paths: Paths, tmp_path: Path, text: str | None
) -> None:
    build(paths, "one")
    record = tmp_path / "run_results.json"
    if text is not None:
        record.write_text(text)
    with pytest.raises(EventmartError, match="no record of a build"):
        publish(paths, record)
    assert not paths.published.exists()


def test_nothing_built_is_not_published(paths: Paths, results: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="nothing is built yet"):
        publish(paths, results())
    assert not paths.published.exists()


def test_a_build_in_use_is_not_published(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(paths, "one")

    def locked(*_: object) -> None:
        raise duckdb.IOException("Could not set lock on file")

    monkeypatch.setattr(duckdb, "connect", locked)
    with pytest.raises(BusyError, match="in use"):
        publish(paths, results())


def test_nothing_new_keeps_the_version(paths: Paths, results: Callable[..., Path]) -> None:
    build(paths, "one")
    first, _ = publish(paths, results())
    build(paths, "one")
    assert publish(paths, results()) == (first, False)
    build(paths, "two")
    assert publish(paths, results())[0].number == 2


def test_a_damaged_published_file_is_published_anew(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    publish(paths, results())
    flip(served(paths))
    version, is_new = publish(paths, results())
    assert (version.number, is_new) == (2, True)
    assert content(served(paths)) == "one"


def test_three_versions_are_kept(paths: Paths, results: Callable[..., Path]) -> None:
    three(paths, results())
    build(paths, "four")
    publish(paths, results())
    assert [version.number for version in versions(paths)] == [2, 3, 4]
    assert len(list((paths.published / "versions").iterdir())) == 3
    assert content(served(paths)) == "four"


def test_a_rollback_serves_the_version_before(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    assert rollback(paths).number == 2
    assert content(served(paths)) == "two"
    assert rollback(paths).number == 1
    with pytest.raises(UsageError, match="no earlier version"):
        rollback(paths)
    assert content(served(paths)) == "one"
    build(paths, "four")
    assert publish(paths, results())[0].number == 4
    assert rollback(paths).number == 3


def test_a_rollback_passes_over_a_damaged_version(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    flip(paths.published / "versions" / "000002" / "eventmart.duckdb")
    assert rollback(paths).number == 1
    assert content(served(paths)) == "one"


def test_before_the_first_there_is_nothing_to_go_back_to(paths: Paths) -> None:
    assert current_version(paths) is None
    with pytest.raises(UsageError, match="no earlier version"):
        rollback(paths)


def test_a_reader_keeps_the_file_it_has_open(
    paths: Paths, results: Callable[..., Path], tmp_path: Path
) -> None:
    build(paths, "one")
    publish(paths, results())
    with served(paths).open("rb") as reader:
        three(paths, results())
        (tmp_path / "seen.duckdb").write_bytes(reader.read())
    assert content(tmp_path / "seen.duckdb") == "one"
    assert content(served(paths)) == "three"


def test_views_work_under_another_name_too(
    paths: Paths, results: Callable[..., Path], tmp_path: Path
) -> None:
    build(paths, "one")
    publish(paths, results())
    with duckdb.connect() as connection:
        connection.execute(f"attach '{served(paths)}' as eventmart (read_only)")
        assert connection.execute("from eventmart.marts.things").fetchall() == [("one",)]


def test_what_a_crash_left_is_in_nobodys_way(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    (paths.published / ".eventmart.duckdb.fresh").write_text("half")
    (paths.published / "versions" / ".4.partial").mkdir()
    (paths.published / "versions" / ".4.partial" / "eventmart.duckdb").write_text("half")
    build(paths, "four")
    publish(paths, results())
    assert content(served(paths)) == "four"
    assert not list(paths.published.rglob(".*.fresh"))
    assert not list(paths.published.rglob(".*.partial"))


@pytest.mark.parametrize("step", ["_strip", "sync", "_sha256", "_serve"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_leaves_the_version_before_or_the_new_one(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    build(paths, "one")
    publish(paths, results())
    build(paths, "two")
    real = getattr(publishing, step)

    def crash(*args: Any) -> None:
        if after:
            real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, step, crash)
        with pytest.raises(KeyboardInterrupt):
            publish(paths, results())
    assert content(served(paths)) == ("two" if (step, after) == ("_serve", True) else "one")
    publish(paths, results())
    assert content(served(paths)) == "two"
    current = current_version(paths)
    assert current
    assert current == versions(paths)[-1]


def test_unit_tests_may_be_left_out(paths: Paths, results: Callable[..., Path]) -> None:
    build(paths, "one")
    assert publish(paths, results(exclude_resource_types=["unit_test"]))[1]


def test_what_was_just_published_is_up_to_date(
    paths: Paths, results: Callable[..., Path]
) -> None:
    assert not is_up_to_date(paths)
    build(paths, "one")
    assert not is_up_to_date(paths)
    publish(paths, results())
    assert is_up_to_date(paths)
    publish(paths, results())
    assert is_up_to_date(paths)


@pytest.mark.parametrize(
    "name", ["models/fct_things.sql", "models/new.yml", "profiles.yml"]
)
def test_a_changed_project_is_not_up_to_date(
    paths: Paths, project: Path, results: Callable[..., Path], name: str
) -> None:
    build(paths, "one")
    publish(paths, results())
    (project / name).write_text("changed")
    assert not is_up_to_date(paths)


def test_a_project_changed_during_the_build_is_not_up_to_date(
    paths: Paths, project: Path, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    (project / "models" / "fct_things.sql").write_text("changed")
    publish(paths, results())
    assert not is_up_to_date(paths)


def test_a_delivery_between_build_and_publish_is_not_taken_for_tested(
    paths: Paths, results: Callable[..., Path], tmp_path: Path
) -> None:
    build(paths, "one")
    run_results = results()
    file = tmp_path / "things.csv"
    file.write_text("a\n1\n")
    with open_landing(paths.landing) as landing:
        land_file(Warehouse(landing, paths), make_feed(), file)
    publish(paths, run_results)
    assert not is_up_to_date(paths)


def test_a_delivery_since_is_not_up_to_date(
    paths: Paths, results: Callable[..., Path], tmp_path: Path
) -> None:
    build(paths, "one")
    publish(paths, results())
    (tmp_path / "things.csv").write_text("a\n1\n")
    with open_landing(paths.landing) as landing:
        land_file(Warehouse(landing, paths), make_feed(), tmp_path / "things.csv")
    assert not is_up_to_date(paths)


def test_a_damaged_or_missing_file_is_not_up_to_date(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    publish(paths, results())
    paths.build.unlink()
    assert not is_up_to_date(paths)
    build(paths, "one")
    flip(served(paths))
    assert not is_up_to_date(paths)


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
