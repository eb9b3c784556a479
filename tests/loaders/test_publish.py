"""Publishing: readers see a whole, tested build, or the one before it."""

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import duckdb
import pytest
from click.testing import CliRunner, Result

from loaders.cli.main import main
from loaders.config.paths import Paths
from loaders.disk import whole_file
from loaders.errors import BusyError, EventmartError, UsageError
from loaders.landing import ledger
from loaders.landing.database import Warehouse, open_landing
from loaders.landing.land import land_file
from loaders.landing.schema import create_tables
from loaders.publishing import build as building
from loaders.publishing import inputs, serving, site, tested, versions
from loaders.publishing import publish as publishing
from loaders.publishing.inputs import is_up_to_date
from loaders.publishing.publish import publish
from loaders.publishing.serving import repair, rollback
from loaders.publishing.versions import current_version, served_damage, served_number
from tests.lab import make_feed
from tests.manifest import RUN, add_page, node, note_run, write_manifest, write_record

PASSED = [
    {"unique_id": "model.eventmart.dim_dates", "status": "success"},
    {"unique_id": "test.eventmart.unique_x", "status": "pass"},
    {"unique_id": "exposure.eventmart.x", "status": "no-op"},
]


# What `fct_deliveries` has of the one delivery, beside its numbers.
DELIVERY = {
    "feed": "things",
    "uri": "/inbox/things.csv",
    "status": "landed",
} | dict.fromkeys(
    (
        *("delivery_mode", "member", "series", "sha256", "reason", "as_of_at"),
        *("as_of_source", "covers_source", "accepted_by", "accepted_why"),
        *("covers_from_date", "covers_to_date", "started_at_utc"),
    )
)

BUILT = [
    node("marts.fct_things", ["content"]),
    node("marts.things", ["content"]),
    node("marts.fct_deliveries", ["_delivery_seq", "_change_seq", *DELIVERY]),
    node("reports.rpt_things", ["n_things"]),
]


def build(paths: Paths, content: str) -> None:
    """A build file as dbt leaves it, in small."""
    paths.build.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(
        f"{f'{value!r}' if value else 'null'} as {name}" for name, value in DELIVERY.items()
    )
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
                select 7 as _delivery_seq, 5 as _change_seq, {columns};
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
    note_run(paths.build)


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Paths]:
    """A folder in memory, if there is one: much is synced here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Paths(Path(folder) / "data", tmp_path / "inbox")


@pytest.fixture
def project(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, written before anything was built."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml", "models/fct_things.sql"):
        (folder / name).write_text("")
        os.utime(folder / name, (1, 1))
    monkeypatch.setattr(inputs, "PROJECT", folder)
    with open_landing(paths.landing) as landing:
        create_tables(landing, {"things": make_feed()})
    return folder


@pytest.fixture
def results(project: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write dbt's record of a build that took ten seconds and ends now."""

    def write(results: Any = PASSED, **arguments: Any) -> Path:
        path = tmp_path / "run_results.json"
        none = {"select": [], "exclude": []}
        write_record(path, BUILT, results, seconds=10.0, **none | arguments)
        add_page(path.with_name("manifest.json"))
        return path

    return write


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages in small: one that says what the file says."""

    def write(file: Path, folder: Path, *_: object) -> dict[str, str]:
        folder.mkdir()
        (folder / "index.html").write_text(str(content(file)))
        return {}

    monkeypatch.setattr(site, "write_site", write)


def shown(paths: Paths) -> str:
    """What the pages say that readers see."""
    return (paths.published / "site" / "index.html").read_text()


def served(paths: Paths) -> Path:
    return paths.published / "eventmart.duckdb"


def content(file: Path) -> Any:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute("select content from marts.things").fetchall()[0][0]


def exported_version(paths: Paths) -> Any:
    """The version whose exports readers see."""
    return json.loads((paths.published / "exports" / "contents.json").read_text())[
        "version"
    ]


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


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
        "exports",
        "served.jsonl",
        "site",
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
    assert len(versions.versions(paths)) == 1


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
    assert [version.number for version in versions.versions(paths)] == [2, 3, 4]
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


@pytest.mark.fault("process.reader_during_publish")
def test_a_rollback_leaves_what_a_build_writes_beside_it(
    paths: Paths, results: Callable[..., Path]
) -> None:
    for content in ("one", "two"):
        build(paths, content)
        publish(paths, results())
    with whole_file(paths.published / "docs.html") as page:
        rollback(paths)
        page.write(b"docs")
    assert (paths.published / "docs.html").read_bytes() == b"docs"


@pytest.mark.fault("process.damaged")
@pytest.mark.fault("process.reader_during_publish")
@pytest.mark.parametrize("step", ["write_exports", "serve"])
def test_a_rollback_during_a_publish_is_told_to_wait(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    run_results = results()
    three(paths, run_results)
    build(paths, "four")
    really = getattr(publishing, step)
    refusals: list[str] = []

    def meanwhile(*arguments: Any) -> Any:
        for command in (rollback, repair):
            with pytest.raises(BusyError) as refused:
                command(paths)
            refusals.append(str(refused.value))
        return really(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, step, meanwhile)
        publish(paths, run_results)
    assert len(refusals) == 2
    assert all("another process publishes" in refusal for refusal in refusals)
    assert content(served(paths)) == "four"
    assert exported_version(paths) == served_number(paths) == 4
    rollback(paths)
    assert exported_version(paths) == served_number(paths) == 3
    assert shown(paths) == "three"


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


@pytest.mark.parametrize(
    "step",
    ["strip", "disclose", "write_exports", "write_pages", "sync", "sha256_of", "serve"],
)
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
    assert content(served(paths)) == ("two" if (step, after) == ("serve", True) else "one")
    assert shown(paths) == content(served(paths))
    publish(paths, results())
    assert content(served(paths)) == shown(paths) == "two"
    assert exported_version(paths) == 2
    current = current_version(paths)
    assert current
    assert current == versions.versions(paths)[-1]


FULL = {
    "system": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "quota": OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    "database": duckdb.IOException('Could not write file "x": No space left on device'),
}


@pytest.mark.fault("process.disk_full")
@pytest.mark.parametrize("error", FULL.values(), ids=FULL)
@pytest.mark.parametrize(
    "step",
    ["strip", "disclose", "write_exports", "write_pages", "sha256_of", "asdict", "sync"],
)
def test_a_disk_that_is_full_has_room_again_and_serves_what_it_served(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    error: Exception,
) -> None:
    run_results = results()
    build(paths, "one")
    publish(paths, run_results)
    build(paths, "two")
    before = sorted(paths.published.rglob("*"))

    def full(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(publishing, step, full)
        with pytest.raises(EventmartError, match=r"the disk is full .* nothing was publis"):
            publish(paths, run_results)
    assert sorted(paths.published.rglob("*")) == [
        path for path in before if path.name != ".tested-inputs"
    ]
    assert content(served(paths)) == "one"
    assert publish(paths, run_results)[1]
    assert content(served(paths)) == "two"


def test_pages_are_written_again(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="nothing is published yet"):
        site.rewrite_pages(paths)
    build(paths, "one")
    run_results = results()
    publish(paths, run_results)
    with pytest.raises(UsageError, match="dbt has not read the project"):
        site.rewrite_pages(paths)
    paths.target.mkdir(parents=True)
    shutil.copy(run_results.with_name("manifest.json"), paths.target)
    old = paths.published / "site" / "old.html"
    old.write_text("from an earlier template")

    def write(_: Path, folder: Path, *__: object) -> None:
        (folder / "data").mkdir(parents=True)
        (folder / "index.html").write_text("again")
        (folder / "data" / "x.js").write_text("")

    monkeypatch.setattr(site, "write_site", write)
    assert site.rewrite_pages(paths).read_text() == shown(paths) == "again"
    assert (paths.published / "site" / "data" / "x.js").exists()
    assert not old.exists()
    assert not list(paths.published.rglob(".*.partial"))

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "write_site", fail)
    with pytest.raises(KeyboardInterrupt):
        site.rewrite_pages(paths)
    assert shown(paths) == "again"


class Killed(BaseException):
    """What a process does no more."""


CHANGES = ("mkdir", "rename", "replace", "rmdir", "symlink", "unlink")


def test_a_kill_while_pages_are_written_again_leaves_all_before_or_all_after(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(paths, "one")
    publish(paths, results())
    paths.target.mkdir(parents=True)
    shutil.copy(results().with_name("manifest.json"), paths.target)
    n_left = n_writes = 0

    def write(_: Path, folder: Path, *__: object) -> None:
        folder.mkdir()
        for name in ("index.html", "a.html", "b.html"):
            (folder / name).write_text(str(n_writes))

    def seen() -> set[str]:
        pages = [*(paths.published / "site").glob("*.html")]
        assert len(pages) == 3
        return {page.read_text() for page in pages}

    def counted(change: Callable[..., None]) -> Callable[..., None]:
        def do(*arguments: Any, **options: Any) -> None:
            nonlocal n_left
            n_left -= 1
            if n_left == 0:
                raise Killed
            change(*arguments, **options)
            states.append(seen())

        return do

    monkeypatch.setattr(site, "write_site", write)
    site.rewrite_pages(paths)
    states: list[set[str]] = []
    for kill_at in range(1, 100):
        n_writes = n_left = kill_at
        states.clear()
        with monkeypatch.context() as patch:
            for name in CHANGES:
                patch.setattr(os, name, counted(getattr(os, name)))
            try:
                site.rewrite_pages(paths)
                break
            except Killed:
                states.append(seen())
        # All of one writing: that of the kill before, if it was complete.
        assert all(len(state) == 1 for state in states), states
    assert kill_at > 5
    assert seen() == {str(kill_at)}
    assert [path.name for path in paths.published.glob("versions/*/*site*")] == [
        (paths.published / "site").resolve().name
    ]


def test_what_others_keep_beside_the_pages_is_no_writing_of_them(
    paths: Paths, results: Callable[..., Path]
) -> None:
    manifest = results().with_name("manifest.json")
    build(paths, "one")
    publish(paths, results())
    paths.target.mkdir(parents=True)
    shutil.copy(manifest, paths.target)
    kept = (paths.published / "site").resolve().with_name("site.old")
    kept.mkdir()
    site.rewrite_pages(paths)
    assert kept.is_dir()
    assert (paths.published / "site").resolve().name == "site.2"


def test_pages_are_outdated_once_what_they_are_made_of_changed(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    manifest = results().with_name("manifest.json")
    assert not site.are_outdated(paths, manifest)
    build(paths, "one")
    publish(paths, results())
    assert not site.are_outdated(paths, manifest)
    template = tmp_path / "code" / "templates" / "page.html"
    shutil.copytree(site.FILES / "templates", template.parent)
    monkeypatch.setattr(site, "FILES", tmp_path / "code")
    assert site.are_outdated(paths, manifest)
    paths.target.mkdir(parents=True)
    shutil.copy(manifest, paths.target)
    site.rewrite_pages(paths)
    assert not site.are_outdated(paths, manifest)
    template.write_text("changed")
    assert site.are_outdated(paths, manifest)
    site.rewrite_pages(paths)
    texts = json.loads(manifest.read_text())
    for one in texts["exposures"].values():
        one["label"] = "another question"
    manifest.write_text(json.dumps(texts))
    assert site.are_outdated(paths, manifest)


def test_a_version_without_pages_has_no_link(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    run_results = results()
    publish(paths, run_results)
    assert site.index_of(paths)
    manifest = run_results.with_name("manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"exposures": {}}))
    build(paths, "two")
    publish(paths, run_results)
    assert site.index_of(paths) is None
    assert not (paths.published / "site").is_symlink()
    rollback(paths)
    assert shown(paths) == "one"


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


@pytest.mark.fault("process.clock")
@pytest.mark.parametrize("days", [-1, 4000])
def test_whatever_the_clock_says_no_change_is_taken_for_tested(
    paths: Paths,
    project: Path,
    results: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    build(paths, "one")
    run_results, before = results(), inputs.project_digest()
    publish(paths, run_results, before)
    assert is_up_to_date(paths)
    # The project, while dbt runs, as of another time.
    model = project / "models" / "fct_things.sql"
    model.write_text("changed")
    at = datetime.now(UTC).timestamp() + 86400 * days
    os.utime(model, (at, at))
    publish(paths, run_results, before)
    assert not is_up_to_date(paths)
    publish(paths, run_results, inputs.project_digest())
    assert is_up_to_date(paths)
    # A delivery, after dbt has read the ledger.
    file = tmp_path / "things.csv"
    file.write_text("a\n1\n")
    now = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=days)
    monkeypatch.setattr(ledger, "now", lambda: now)
    with open_landing(paths.landing) as landing:
        land_file(Warehouse(landing, paths), make_feed(), file)
    publish(paths, run_results, inputs.project_digest())
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


# ---------------------------------------------------------------- proof


def change(paths: Paths, statement: str) -> None:
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute(statement)


def change_and_die(paths: Paths) -> None:
    """Write, and be killed before that is more than a log beside the file."""
    script = (
        f"import duckdb, os; connection = duckdb.connect({str(paths.build)!r})\n"
        "connection.execute(\"insert into marts.fct_things values ('by hand')\")\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert paths.build.with_name("eventmart.duckdb.wal").stat().st_size


def change_what_is_apart(paths: Paths) -> None:
    with duckdb.connect(str(paths.intermediate)) as connection:
        connection.execute("create table meta.by_hand as select 1 as one")


def put_another_in_its_place(paths: Paths) -> None:
    """A build of another data folder, tested there."""
    other = Paths(paths.data / "other", paths.inbox)
    build(other, "of another folder")
    note_run(other.build, "another run")
    for file in (other.build, other.intermediate):
        shutil.copy(file, paths.build.with_name(file.name))


def break_off(paths: Paths) -> None:
    """What a killed build leaves: half of what it was to write."""
    change(paths, "insert into marts.fct_things values ('half')")
    note_run(paths.build, has_ended=False)


def say_nothing(paths: Paths) -> None:
    """What an earlier version built."""
    change(paths, "drop table meta.last_run")


def stop_the_count(paths: Paths) -> None:
    change(paths, "update meta.last_run set n_checkpoints = null")


TOUCHES = {
    "a fact is doubled": lambda paths: change(
        paths, "insert into marts.fct_things from marts.fct_things"
    ),
    "a value is changed": lambda paths: change(
        paths, "update reports.rpt_things set n_things = -n_things"
    ),
    "a row is deleted": lambda paths: change(paths, "delete from marts.fct_things"),
    "a table is dropped and made again": lambda paths: change(
        paths,
        "create or replace table reports.rpt_things as from reports.rpt_things",
    ),
    "who writes is killed": change_and_die,
    "what is built apart is changed": change_what_is_apart,
    "the file is of another folder": put_another_in_its_place,
    "the run was stopped": break_off,
    "the file has no record": say_nothing,
    "the count is unknown": stop_the_count,
}


@pytest.mark.fault("publishing.touched")
@pytest.mark.parametrize("touch", TOUCHES.values(), ids=TOUCHES)
def test_a_build_that_was_written_to_after_its_tests_is_not_published(
    paths: Paths, results: Callable[..., Path], touch: Callable[[Paths], None]
) -> None:
    build(paths, "one")
    publish(paths, results())
    build(paths, "two")
    touch(paths)
    with pytest.raises(EventmartError, match="nothing was published; run: eventmart build"):
        publish(paths, results())
    assert content(served(paths)) == "one"
    build(paths, "two")
    publish(paths, results())
    assert content(served(paths)) == "two"


def test_a_build_that_was_written_to_is_not_up_to_date(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    publish(paths, results())
    change(paths, "insert into marts.fct_things from marts.fct_things")
    assert not is_up_to_date(paths)


@pytest.mark.fault("publishing.another_record")
@pytest.mark.parametrize("run", ["of another folder", "of the build before", None])
def test_a_record_of_another_run_proves_nothing(
    paths: Paths, results: Callable[..., Path], run: str | None
) -> None:
    build(paths, "one")
    record = results()
    text = json.loads(record.read_text())
    text["metadata"]["invocation_id"] = run
    record.write_text(json.dumps(text))
    with pytest.raises(EventmartError, match="no record of a build by the dbt run that"):
        publish(paths, record)
    assert not paths.published.exists()


@pytest.mark.fault("publishing.another_record")
def test_a_file_from_before_that_is_put_back_is_not_published(
    paths: Paths, results: Callable[..., Path], tmp_path: Path
) -> None:
    build(paths, "one")
    note_run(paths.build, "the run before")
    before = tmp_path / "before.duckdb"
    shutil.copy(paths.build, before)
    build(paths, "two")
    publish(paths, results())
    shutil.copy(before, paths.build)
    with pytest.raises(EventmartError, match="no record of a build"):
        publish(paths, results())
    assert content(served(paths)) == "two"


@pytest.mark.fault("publishing.incomplete")
@pytest.mark.parametrize("kind", ["model", "seed", "test"])
def test_a_build_that_left_out_a_node_is_not_published(
    paths: Paths, results: Callable[..., Path], kind: str
) -> None:
    build(paths, "one")
    record = results()
    left_out = node("marts.left_out", []) | {"resource_type": kind}
    write_manifest(record.with_name("manifest.json"), [*BUILT, left_out])
    with pytest.raises(EventmartError, match=r"left out 1 of .*: model\.eventmart\.left"):
        publish(paths, record)


def test_a_build_as_of_a_past_day_is_not_published(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    with pytest.raises(EventmartError, match="for a past day"):
        publish(paths, results(vars={"as_of_date": "2016-01-01"}))


def make_landing_anew(paths: Paths) -> None:
    paths.landing.unlink()
    with open_landing(paths.landing) as landing:
        create_tables(landing, {"things": make_feed()})


def change_ledger(paths: Paths) -> None:
    file = paths.data / "things.csv"
    file.write_text("a\n1\n")
    with open_landing(paths.landing) as landing:
        land_file(Warehouse(landing, paths), make_feed(), file)
        landing.execute("update raw.deliveries set uri = 'x'")


@pytest.mark.parametrize(
    ("happens", "message"),
    [
        (make_landing_anew, "was built from another landing database"),
        (change_ledger, "delivery 1 is not in raw.deliveries as it was entered"),
        (lambda paths: paths.landing.unlink(), "landing.duckdb: cannot be opened"),
    ],
    ids=["made_anew", "ledger_changed", "removed"],
)
@pytest.mark.fault("publishing.another_record", "restored.landing")
def test_a_build_of_another_landing_is_not_published(
    paths: Paths,
    results: Callable[..., Path],
    happens: Callable[[Paths], None],
    message: str,
) -> None:
    build(paths, "one")
    happens(paths)
    with pytest.raises(EventmartError, match=message):
        publish(paths, results())
    assert not paths.published.exists()


def test_who_reads_the_build_does_not_spoil_it(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    with duckdb.connect(str(paths.build)) as connection:
        connection.execute("create temp table mine as from marts.fct_things")
        connection.execute("begin; delete from marts.fct_things; rollback")
    assert publish(paths, results())[1]
    assert not publish(paths, results())[1]


@pytest.mark.parametrize("where", ["data", "project", "environment"])
def test_the_record_is_found_where_dbt_writes_it(
    paths: Paths,
    results: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    monkeypatch.setattr(tested, "PROJECT", tmp_path / "project")
    folder = {
        "data": paths.target,
        "project": tmp_path / "project" / "target",
        "environment": tmp_path / "elsewhere",
    }[where]
    if where == "environment":
        monkeypatch.setenv("DBT_TARGET_PATH", str(folder))
    build(paths, "one")
    with pytest.raises(EventmartError, match="no record of a build"):
        publish(paths)
    # What another folder's build left in the checkout is passed over.
    for place, run in ((paths.target, "another"), (folder, RUN)):
        place.mkdir(parents=True, exist_ok=True)
        write_record(place / "run_results.json", BUILT, run=run)
    assert publish(paths)[1]


# ---------------------------------------------------------------- damage


def truncate(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size - 4096)


def half_manifest(file: Path) -> None:
    manifest = file.with_name("manifest.json")
    manifest.write_text(manifest.read_text()[:40])


def no_manifest(file: Path) -> None:
    file.with_name("manifest.json").unlink()


def odd_manifest(file: Path) -> None:
    file.with_name("manifest.json").write_text('["not", "a", "version"]')


DAMAGES = {
    flip: "its bytes are not those that were published",
    truncate: "bytes, not ",
    half_manifest: "its manifest.json cannot be read",
    no_manifest: "its manifest.json cannot be read",
    odd_manifest: "its manifest.json cannot be read",
    Path.unlink: "its file cannot be read: No such file",
}
Invoke = Callable[..., Result]


@pytest.fixture
def run(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setenv("EVENTMART_DATA", str(paths.data))

    def invoke(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(
            main, [str(a) for a in arguments], prog_name="eventmart"
        )
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


def file_of(paths: Paths, number: int) -> Path:
    return paths.published / "versions" / f"{number:06d}" / "eventmart.duckdb"


@pytest.mark.parametrize(
    ("damage", "said"),
    [item for item in DAMAGES.items() if item[0] is not Path.unlink],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.fault("process.damaged")
def test_what_is_served_and_damaged_is_found_and_replaced_by_the_version_before(
    paths: Paths,
    results: Callable[..., Path],
    run: Invoke,
    damage: Callable[[Path], None],
    said: str,
) -> None:
    three(paths, results())
    damage(file_of(paths, 3))
    for command in ("status", "published"):
        found = run(command, code=1).output
        assert "error: published: version 3 is damaged: " in found
        assert said in found
        assert "eventmart published --repair" in found
    assert "repaired: version 2 is served" in run("published", "--repair").output
    assert content(served(paths)) == "two"
    assert "version 2" in run("status").output
    assert "nothing to repair" in run("published", "--repair").output
    # What it was made of is to be published again.
    assert not is_up_to_date(paths)
    version, is_new = publish(paths, results())
    assert (version.number, is_new) == (4, True)
    assert content(served(paths)) == "three"


@pytest.mark.parametrize(
    ("damage", "said"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_damaged_version_that_is_not_served_is_listed_and_passed_over(
    paths: Paths,
    results: Callable[..., Path],
    run: Invoke,
    damage: Callable[[Path], None],
    said: str,
) -> None:
    three(paths, results())
    damage(file_of(paths, 2))
    listed = run("published").output.splitlines()
    assert [line.split()[0] for line in listed] == ["version", "1", "2", "3"]
    assert "DAMAGED" in listed[2]
    assert said in listed[2]
    assert listed[1].endswith("  sound")
    assert listed[3].endswith("  sound, served")
    assert rollback(paths).number == 1
    build(paths, "four")
    assert publish(paths, results())[0].number == 4


def test_a_refused_build_does_not_leave_a_damaged_version_in_service(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    flip(served(paths))
    bad = [{"unique_id": "test.eventmart.bad", "status": "fail"}]
    with pytest.raises(EventmartError, match="version before is still served"):
        publish(paths, results(bad))
    assert content(served(paths)) == "two"


def test_a_build_begins_with_a_repair(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    three(paths, results())
    flip(served(paths))

    def failing(*_: object, **__: object) -> None:
        raise EventmartError("dbt build failed")

    monkeypatch.setattr(building.Dbt, "run", failing)
    with pytest.raises(EventmartError, match="dbt build failed"):
        building.build(paths)
    assert content(served(paths)) == "two"
    assert served_damage(paths) is None


def test_if_nothing_sound_is_kept_it_is_said_and_the_next_publish_mends_it(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    build(paths, "one")
    publish(paths, results())
    flip(served(paths))
    said = run("published", "--repair", code=1).output
    assert "no undamaged version is kept; run: make build" in said
    assert publish(paths, results())[0].number == 2
    assert served_damage(paths) is None


def test_a_version_rolled_back_from_is_better_than_a_damaged_one(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    rollback(paths)
    rollback(paths)
    flip(served(paths))
    repaired = repair(paths)
    assert repaired
    assert repaired.number == 2


def test_a_served_file_that_is_gone_or_another_is_replaced(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    three(paths, results())
    served(paths).unlink()
    assert "published: it is missing" in run("status", code=1).output
    run("published", "--repair")
    assert content(served(paths)) == "three"
    # As a copy that knows no links puts it back.
    served(paths).rename(served(paths).with_suffix(".old"))
    served(paths).write_bytes(served(paths).with_suffix(".old").read_bytes())
    assert "it is not one of the kept versions" in run("status", code=1).output
    run("published", "--repair")
    assert served_number(paths) == 3


def test_a_version_that_a_kill_kept_from_being_served_is_not_copied_again(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(paths, "one")
    publish(paths, results())
    build(paths, "two")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "serve", crash)
        with pytest.raises(KeyboardInterrupt):
            publish(paths, results())
    assert versions.numbers(paths) == [1, 2]
    version, is_new = publish(paths, results())
    assert (version.number, is_new) == (2, True)
    assert content(served(paths)) == "two"


def test_a_number_is_never_given_twice(paths: Paths, results: Callable[..., Path]) -> None:
    three(paths, results())
    rollback(paths)
    shutil.rmtree(file_of(paths, 3).parent)
    build(paths, "four")
    assert publish(paths, results())[0].number == 4


def test_one_publishes_at_a_time(paths: Paths, results: Callable[..., Path]) -> None:
    three(paths, results())
    # Another process holds the lock for as long as it lives.
    script = (
        "import fcntl, os, sys\n"
        f"handle = os.open({str(paths.published)!r}, os.O_RDONLY)\n"
        "fcntl.flock(handle, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        for call in (lambda: publish(paths, results()), lambda: rollback(paths)):
            with pytest.raises(BusyError, match="another process publishes"):
                call()
        other.kill()
    assert rollback(paths).number == 2


def test_nobody_writes_the_build_while_it_is_copied(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    build(paths, "one")
    real, codes = shutil.copyfile, []

    def copy(source: Path, target: Path) -> None:
        writer = f"import duckdb; duckdb.connect({str(source)!r})"
        codes.append(subprocess.run([sys.executable, "-c", writer], check=False).returncode)
        real(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy)
    publish(paths, results())
    assert codes == [1]


def test_a_build_file_that_is_no_database_is_one_message(
    paths: Paths, results: Callable[..., Path]
) -> None:
    build(paths, "one")
    paths.build.write_bytes(b"x" * 10_000)
    with pytest.raises(EventmartError, match="cannot be opened; remove it") as refused:
        publish(paths, results())
    assert not isinstance(refused.value, BusyError)


# ---------------------------------------------------------------- as published


def serve_history(paths: Paths, *lines: tuple[int, str]) -> None:
    """What was served from when, as told."""
    text = "".join(json.dumps({"number": n, "since": at}) + "\n" for n, at in lines)
    (paths.published / "served.jsonl").write_text(text)


def test_the_kept_versions_say_what_they_were_made_of(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    build(paths, "one")
    before = datetime.now(UTC).replace(microsecond=0)
    version, _ = publish(paths, results())
    assert (version.delivery_seq, version.change_seq) == (7, 5)
    assert version.published_at
    published_at = datetime.fromisoformat(version.published_at)
    assert before <= published_at <= datetime.now(UTC)
    words = run("published").output.splitlines()[1].split()
    assert words == [
        *("1", f"{published_at:%Y-%m-%d}", f"{published_at:%H:%M:%S}"),
        *(f"{version.n_bytes:,}", "7", "5", "sound,", "served"),
    ]


def test_a_manifest_of_before_or_of_later_is_read(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    three(paths, results())
    manifest = file_of(paths, 2).with_name("manifest.json")
    old = json.loads(manifest.read_text())
    for name in ("published_at", "delivery_seq", "change_seq"):
        del old[name]
    manifest.write_text(json.dumps(old))
    later = file_of(paths, 1).with_name("manifest.json")
    later.write_text(json.dumps(json.loads(later.read_text()) | {"more": 1}))
    # Nor was it noted then what was served.
    (paths.published / "served.jsonl").unlink()
    listed = run("published").output
    assert "DAMAGED" not in listed
    assert listed.splitlines()[2].split()[:2] == ["2", "-"]
    assert rollback(paths).number == 2
    build(paths, "four")
    assert publish(paths, results())[0].number == 4


def test_what_readers_saw_on_a_day_is_found(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    three(paths, results())
    serve_history(
        paths,
        (1, "2024-05-01T10:00:00+00:00"),
        (2, "2024-05-02T10:00:00+00:00"),
        (1, "2024-05-02T12:00:00+00:00"),
        (3, "2024-05-04T12:00:00+00:00"),
    )
    for moment, number in {
        "2024-05-01": 1,
        "2024-05-02T09:59:59": 1,
        "2024-05-02T10:00:00": 2,
        "2024-05-02 11:59:59": 2,
        "2024-05-02T14:30:00+02:00": 1,
        "2024-05-02": 1,
        "2024-05-03": 1,
        "2024-05-04": 3,
        f"{datetime.now(UTC):%Y-%m-%d}": 3,
    }.items():
        said, path = run("published", moment).output.splitlines()
        assert said.startswith(f"version {number}, served from 2024-05-0"), moment
        assert Path(path) == file_of(paths, number), moment
    assert "until 2024-05-02 12:00:00 UTC" in run("published", "2024-05-02T11:00:00").output
    assert "until now UTC" in run("published", "2024-05-05").output


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2024-04-30", "is before the first known publish: 2024-05-01 10:00:00 UTC"),
        (
            "2024-05-01",
            "version 1, served from 2024-05-01 10:00:00 until 2024-05-02 10:00:00 "
            "UTC, has expired",
        ),
        ("2199-01-01", "is in the future"),
        ("yesterday", "'yesterday': expected a date such as 2024-05-31"),
    ],
)
def test_what_cannot_be_seen_any_more_is_said(
    paths: Paths, results: Callable[..., Path], run: Invoke, moment: str, said: str
) -> None:
    assert "nothing has been published yet" in run("published", "2024-05-01", code=2).output
    three(paths, results())
    serve_history(paths, (1, "2024-05-01T10:00:00+00:00"), (3, "2024-05-02T10:00:00+00:00"))
    shutil.rmtree(file_of(paths, 1).parent)
    assert said in run("published", moment, code=2).output


def test_what_was_published_and_is_damaged_is_said(
    paths: Paths, results: Callable[..., Path], run: Invoke
) -> None:
    three(paths, results())
    serve_history(paths, (1, "2024-05-01T10:00:00+00:00"), (3, "2024-05-02T10:00:00+00:00"))
    flip(file_of(paths, 1))
    assert "is damaged: its bytes" in run("published", "2024-05-01", code=1).output


def test_every_change_of_what_is_served_is_noted_once(
    paths: Paths, results: Callable[..., Path]
) -> None:
    three(paths, results())
    rollback(paths)
    publish(paths, results())
    # A line that was cut is no line, and the next one is whole.
    with (paths.published / "served.jsonl").open("a") as file:
        file.write('{"number": 9, "sin')
    rollback(paths)
    flip(served(paths))
    repair(paths)
    assert [serving.number for serving in versions.servings(paths)] == [
        1,
        2,
        3,
        2,
        4,
        3,
        2,
    ]
    times = [serving.since for serving in versions.servings(paths)]
    assert times == sorted(times)


def test_what_was_served_before_a_kill_could_note_it_is_noted_by_the_next(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    three(paths, results())
    with monkeypatch.context() as patch:
        patch.setattr(serving, "_note_serving", lambda _: None)
        rollback(paths)
    after = datetime.now(UTC)
    last = versions.servings(paths)[-1]
    assert last.number == 2
    assert last.since <= after
    rollback(paths)
    assert [serving.number for serving in versions.servings(paths)] == [1, 2, 3, 2, 1]
    assert versions.servings(paths)[-2] == replace(last, until=ANY)


# ---------------------------------------------------------------- retention


def age(paths: Paths, number: int, days: float) -> None:
    """Let a version have been published so many days ago."""
    manifest = file_of(paths, number).with_name("manifest.json")
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"published_at": at}))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("3", [3, 4, 5, 6, 7]),
        ("2", [4, 5, 6, 7]),
        ("0", [5, 6, 7]),
        # By default the last of each of seven days.
        (None, [1, 3, 4, 5, 6, 7]),
    ],
)
def test_the_last_three_and_the_last_of_each_recent_day_are_kept(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    setting: str | None,
    expected: list[int],
) -> None:
    # Yesterday at the latest, whatever time of day it is now.
    for number, days in enumerate([5, 2, 2, 1], 1):
        with monkeypatch.context() as patch:
            patch.setenv("EVENTMART_KEEP_DAYS", "9")
            build(paths, str(number))
            publish(paths, results())
        age(paths, number, days)
    if setting:
        monkeypatch.setenv("EVENTMART_KEEP_DAYS", setting)
    else:
        monkeypatch.delenv("EVENTMART_KEEP_DAYS", raising=False)
    for number in (5, 6, 7):
        build(paths, str(number))
        publish(paths, results())
    assert versions.numbers(paths) == expected


@pytest.mark.fault("process.clock")
def test_a_clock_that_jumps_lets_no_version_expire(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVENTMART_KEEP_DAYS", raising=False)
    for number, days in enumerate([5, 3, 3, 2], 1):
        build(paths, str(number))
        publish(paths, results())
        age(paths, number, days)
    shift = timedelta()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + shift

    monkeypatch.setattr(publishing, "datetime", Clock)
    for hours in (366 * 24, 366 * 24 - 1, -1, -1):
        shift = timedelta(hours=hours)
        build(paths, f"after {hours}")
        publish(paths, results())
        assert content(served(paths)) == f"after {hours}"
    kept = versions.numbers(paths)
    assert {1, 3, 4} <= set(kept), "the last of each day that was"
    noted = versions.servings(paths)
    assert [one.number for one in noted] == sorted(one.number for one in noted)
    assert [one.since for one in noted] == sorted(one.since for one in noted)
    assert rollback(paths).number < kept[-1]


def test_what_is_served_and_what_is_sound_does_not_expire_for_what_is_damaged(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTMART_KEEP_DAYS", "0")
    three(paths, results())
    truncate(file_of(paths, 3))
    half_manifest(file_of(paths, 2))
    build(paths, "four")
    publish(paths, results())
    # Only three are whole with those that may come.
    assert versions.numbers(paths) == [1, 2, 3, 4]
    for text in ("five", "six"):
        build(paths, text)
        publish(paths, results())
    assert versions.numbers(paths) == [4, 5, 6]
    assert rollback(paths).number == 5
    assert rollback(paths).number == 4
    build(paths, "four")
    assert publish(paths, results())[1] is False
    assert served_number(paths) == 4


@pytest.mark.parametrize("text", ["-1", "a week", "1.5"])
def test_a_setting_that_is_no_number_of_days_is_refused_before_anything_happens(
    paths: Paths,
    results: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
) -> None:
    build(paths, "one")
    monkeypatch.setenv("EVENTMART_KEEP_DAYS", text)
    with pytest.raises(UsageError, match=r"KEEP_DAYS: .* is not a number of days"):
        publish(paths, results())
    assert not paths.published.exists()


def test_what_landing_is_has_to_be_known_to_publish(
    paths: Paths, results: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise BusyError("a landing holds it")

    build(paths, "one")
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "open_landing", busy)
        with pytest.raises(BusyError):
            publish(paths, results())
    assert publish(paths, results())[1]


# ---------------------------------------------------------------- other readers

READ = "select content from marts.things union all from elsewhere.marts.things"


def readers() -> list[Any]:
    """The duckdb command line, and Python without anything of ours."""
    python = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1], read_only=True)\n"
        "connection.execute(sys.argv[2])\n"
        "print(connection.execute(sys.argv[3]).fetchall())\n"
    )
    command = shutil.which("duckdb", path=f"{Path(sys.executable).parent}:{os.defpath}")
    return [
        pytest.param([sys.executable, "-I", "-c", python], id="python"),
        pytest.param(
            [command, "-readonly", "-csv"],
            id="command line",
            marks=[] if command else pytest.mark.skip("the duckdb command is not here"),
        ),
    ]


@pytest.mark.parametrize("reader", readers())
def test_any_duckdb_reads_it_read_only_renamed_and_attached_too(
    paths: Paths, results: Callable[..., Path], tmp_path: Path, reader: list[str]
) -> None:
    three(paths, results())
    moved = tmp_path / "moved.duckdb"
    moved.write_bytes(file_of(paths, 2).read_bytes())
    attach = f"attach '{file_of(paths, 1)}' as elsewhere (read_only)"
    for file, expected in ((served(paths), "three"), (moved, "two")):
        done = subprocess.run(
            [*reader, str(file), attach, READ], capture_output=True, text=True, check=True
        )
        assert expected in done.stdout
        assert "one" in done.stdout
        refused = subprocess.run(
            [*reader, str(file), attach, "create table marts.x as select 1"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "read-only" in refused.stdout + refused.stderr
    assert served_damage(paths) is None
